/* SPDX-License-Identifier: MIT */
#include "core/model/instance-url.h"

#include <errno.h>
#include <strings.h>

#include "basic/parse.h"
#include "core/model/instance.h"

const char *instance_place_to_string(InstancePlace place)
{
        static const char *const names[_PLACE_MAX] = {
                [PLACE_SHARED] = "shared",
                [PLACE_HERE] = "here",
                [PLACE_APPLICATIONS] = "applications",
        };

        return names[place];
}

/* ---- Origins ---- */

/* What a browser compares; points into the URL. */
typedef struct Origin {
        bool is_tls;
        const char *authority, *host;
        size_t n_authority, n_host;
        unsigned port;
} Origin;

/* An IPv6 address keeps its brackets. */
static size_t host_length(const char *authority, size_t n)
{
        const char *end = *authority == '[' ? memchr(authority, ']', n) : NULL;
        const char *from = end ? end : authority;
        const char *colon = memchr(from, ':', n - (size_t) (from - authority));

        return colon ? (size_t) (colon - authority) : n;
}

static Origin origin_of(const char *url)
{
        const char *authority = startswith(url, "https://");
        Origin o = { .is_tls = authority != NULL };

        if (!authority)
                authority = startswith(url, "http://");
        o.authority = o.host = authority ? authority : url;
        o.n_authority = strcspn(o.authority, "/?#");
        o.n_host = host_length(o.authority, o.n_authority);
        o.port = o.is_tls ? 443 : 80;
        if (o.n_host < o.n_authority) {
                _cleanup_free_ char *digits =
                                strndup(o.authority + o.n_host + 1, o.n_authority - o.n_host - 1);

                (void) (digits ? parse_unsigned(digits, &o.port) : 0);
        }
        return o;
}

static bool origin_equal(const Origin *a, const Origin *b)
{
        return a->is_tls == b->is_tls && a->port == b->port && a->n_host == b->n_host &&
               strncasecmp(a->host, b->host, a->n_host) == 0;
}

bool url_is_http_on(const char *url, unsigned port)
{
        const Origin origin = origin_of(url);

        return !origin.is_tls && origin.port == port;
}

char *applications_url(const ApplicationsAddress *address, const char *base_url)
{
        const Origin base = origin_of(base_url);

        if (address->url) {
                const Origin own = origin_of(address->url);

                return strdup(origin_equal(&own, &base) ? base_url : address->url);
        }
        if (base.is_tls || base.port == address->port || address->port == LANDING_PORT)
                return strdup(base_url);
        return str_printf("http://%.*s:%u", (int) base.n_host, base.host, address->port);
}

/* ---- An instance's ---- */

static char *url_below(const char *base_url, const char *id)
{
        return str_printf("%s" INSTANCE_PATH "%s/", base_url, id);
}

char *instance_url_make_link(const char *base_url, const char *id)
{
        return url_below(base_url, id);
}

int instance_url_move_link(Instance *i, const char *base_url)
{
        _cleanup_free_ char *link = i->access_url ? url_below(base_url, i->id) : NULL;

        if (!i->access_url)
                return 0;
        if (!link)
                return -ENOMEM;
        if (streq(link, i->access_url))
                return 0;
        if (i->public_url)
                free(i->access_url);
        else
                i->public_url = i->access_url;
        i->access_url = TAKE_PTR(link);
        return 1;
}

/* What its link begins with: today's BaseURL=, or an earlier one while that is not known. */
static char *link_base(const Instance *i)
{
        _cleanup_free_ char *tail = url_below("", i->id);
        const char *end;

        if (!tail)
                return NULL;
        end = endswith(i->access_url, tail);
        return end ? strndup(i->access_url, (size_t) (end - i->access_url)) : strdup(i->access_url);
}

char *instance_url_make_public(const ApplicationsAddress *address, const Instance *i)
{
        _cleanup_free_ char *base = NULL, *applications = NULL;

        if (!i->access_url)
                return strdup("");
        base = link_base(i);
        if (base)
                applications = applications_url(address, base);
        if (!applications)
                return NULL;
        return streq(base, applications) ? strdup(i->access_url) : url_below(applications, i->id);
}

const char *instance_url_public(const Instance *i)
{
        /* Before applications had an address of their own, the link was all. */
        return i->public_url ? i->public_url : strempty(i->access_url);
}

char *instance_url_host(const Instance *i)
{
        const Origin o = origin_of(instance_url_public(i));

        return strndup(o.authority, o.n_authority);
}

static bool is_link(const Instance *i, const char *url)
{
        return streq(url, strempty(i->access_url));
}

/* Where the link has moved since, the port tells what the application was told: the landing page's address of then, or
 * the applications'. */
static bool was_link(const Instance *i, const char *wanted)
{
        const Origin told = origin_of(instance_url_public(i)), link = origin_of(strempty(i->access_url)),
                     own = origin_of(wanted);

        return told.port == link.port && told.is_tls == link.is_tls && told.port != own.port;
}

InstancePlace instance_url_place(const ApplicationsAddress *address, const Instance *i)
{
        _cleanup_free_ char *wanted = instance_url_make_public(address, i);

        /* Without memory to tell, it gets no origin that may be another's. */
        if (wanted && i->access_url && is_link(i, wanted))
                return PLACE_SHARED;
        if (!wanted || is_link(i, instance_url_public(i)) || was_link(i, wanted))
                return PLACE_HERE;
        return PLACE_APPLICATIONS;
}

bool instance_url_is_outdated(const ApplicationsAddress *address, const Instance *i)
{
        _cleanup_free_ char *wanted = instance_url_make_public(address, i);

        return wanted && !streq(wanted, instance_url_public(i));
}
