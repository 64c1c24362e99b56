/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"

/*
 * The one place that makes an instance's URLs, and says which Host and base path belong to it.
 *
 * Its link, access_url, begins with BaseURL=. The application is told another one, its public URL, which begins with
 * the address that applications have to themselves: scripts of theirs share no origin with the landing page then.
 */
#define INSTANCE_PATH "/instances/"

/* Where nginx serves an instance to those who follow its link. */
typedef enum InstancePlace {
        PLACE_SHARED, /* there: this host has one address for the landing page and applications */
        PLACE_HERE, /* there, without an origin: it was made when that was all there was, and knows no other URL */
        PLACE_APPLICATIONS, /* at the applications' address, to which its link leads on */
        _PLACE_MAX,
} InstancePlace;

const char *instance_place_to_string(InstancePlace place);

#define LANDING_PORT              3000
#define APPLICATIONS_PORT_DEFAULT 3002
#define WEB_PORT_DEFAULT          80

/* Where applications have an address to themselves, as configured. */
typedef struct ApplicationsAddress {
        char *url; /* ApplicationsURL=, or NULL */
        unsigned port; /* ApplicationsPort= */
} ApplicationsAddress;

/* Whether browsers that are given this URL connect to that port, without TLS. */
bool url_is_http_on(const char *url, unsigned port);

/* What public URLs begin with where links begin with base_url. A copy of base_url where applications have no address
 * of their own, as when that is https and no URL is configured: which port has TLS is not ours to know. NULL when out
 * of memory. */
char *applications_url(const ApplicationsAddress *address, const char *base_url);

/* The link of a new instance. NULL when out of memory. */
char *instance_url_make_link(const char *base_url, const char *id);
/* The public URL that the instance would be given now; its link is known. NULL when out of memory. */
char *instance_url_make_public(const ApplicationsAddress *address, const Instance *instance);

/* Gives it the link that a new instance would have, where links begin with base_url now. What its application was told
 * stays known. 1, 0 where it has that link or never had one, or -ENOMEM. */
int instance_url_move_link(Instance *instance, const char *base_url);

/* The URL that its application was told; never NULL. */
const char *instance_url_public(const Instance *instance);
/* The same URL's host and port, as the Host header has them. NULL when out of memory. */
char *instance_url_host(const Instance *instance);

InstancePlace instance_url_place(const ApplicationsAddress *address, const Instance *instance);
/* Whether a restart would give it another public URL. */
bool instance_url_is_outdated(const ApplicationsAddress *address, const Instance *instance);
