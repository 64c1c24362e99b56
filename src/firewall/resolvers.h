/* SPDX-License-Identifier: MIT */
#pragma once

#define RESOLV_CONF         "/etc/resolv.conf"
#define RESOLV_CONF_UPLINKS "/run/systemd/resolve/resolv.conf" /* what systemd-resolved's stub asks */

/* Addresses of the name servers in the text of a resolv.conf, sorted, each once. Loopback ones are left out: the engine
 * does not hand those to containers. NULL where there are none. 0 or -ENOMEM. */
int resolvers_parse(const char *text, char ***ret_addresses);

/* The host's present name servers, as the engine finds them: where resolv.conf names systemd-resolved's stub alone,
 * those that the stub asks. 0 or negative errno. */
int resolvers_read(char ***ret_addresses);
