/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <strings.h>

#include "auth/auth-internal.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/string-util.h"
#include "core/model/instance-url.h"

static bool port_is_valid(const char *s, size_t n)
{
        char digits[sizeof "65535"];
        unsigned port;

        if (n >= sizeof digits || *s == '0')
                return false;
        memcpy(digits, s, n);
        digits[n] = 0;
        return parse_unsigned(digits, &port) >= 0 && port <= UINT16_MAX;
}

/* Splits HOST[:PORT]; an IPv6 address is in brackets there and bare in the result. How addresses and ports are written
 * nginx/callers.c says as well. 0 or -EINVAL. */
static int host_split(const char *s, size_t n, char ret_host[AUTH_HOST_MAX + 1])
{
        const char *end = memchr(s, ']', n), *colon;
        const char *from = s;
        char host[AUTH_HOST_MAX + 1];
        Address address;
        size_t n_host;

        if (n > 0 && s[0] == '[') {
                if (!end)
                        return -EINVAL;
                from++;
                n_host = (size_t) (end - from);
                colon = end + 1 < s + n ? end + 1 : NULL;
                if (colon && *colon != ':')
                        return -EINVAL;
        } else {
                colon = memchr(s, ':', n);
                n_host = colon ? (size_t) (colon - s) : n;
        }
        if (n_host == 0 || n_host > AUTH_HOST_MAX)
                return -EINVAL;
        if (colon && !port_is_valid(colon + 1, n - (size_t) (colon + 1 - s)))
                return -EINVAL;
        memcpy(host, from, n_host);
        host[n_host] = 0;
        if (from > s ? !strchr(host, ':') || address_parse(host, &address) < 0 : !!strchr(host, ':'))
                return -EINVAL;
        memcpy(ret_host, host, n_host + 1);
        return 0;
}

int auth_url_host(const char *url, char ret_host[AUTH_HOST_MAX + 1])
{
        const char *s = startswith(url, "http://");

        if (!s)
                s = startswith(url, "https://");
        if (!s)
                return -EINVAL;
        return host_split(s, strcspn(s, "/?#"), ret_host);
}

bool auth_url_is_valid(const char *url)
{
        static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789" AUTH_URL_MARKS;
        char host[AUTH_HOST_MAX + 1];

        return url[strspn(url, known)] == '\0' && auth_url_host(url, host) >= 0;
}

int auth_set_hosts(Auth *auth, const AuthSettings *settings)
{
        const char *const urls[] = { settings->base_url, settings->applications_url };
        char host[AUTH_HOST_MAX + 1];
        int r;

        r = strv_extend(&auth->hosts, "localhost");
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
                if (!urls[i] || !*urls[i])
                        continue;
                if (auth_url_host(urls[i], host) < 0)
                        return log_error_errno(
                                        EINVAL, "“%s” is not an http or https URL with a host", urls[i]);
                r = strv_extend(&auth->hosts, host);
                if (r < 0)
                        return r;
        }
        if (settings->base_url && *settings->base_url) {
                r = free_and_strdup(&auth->base_url, settings->base_url);
                if (r < 0)
                        return r;
        }
        for (char *const *h = settings->allowed_hosts; h && *h; h++) {
                r = strv_extend(&auth->hosts, *h);
                if (r < 0)
                        return r;
        }
        return 0;
}

bool auth_host_is_allowed(const Auth *auth, const char *host)
{
        char name[AUTH_HOST_MAX + 1];
        Address address;
        size_t n;

        if (host_split(host, strlen(host), name) < 0)
                return false;
        if (address_parse(name, &address) == 0)
                return true;
        n = strlen(name);
        if (n > 1 && name[n - 1] == '.')
                name[n - 1] = 0;
        for (char **h = auth->hosts; h && *h; h++)
                if (strcasecmp(*h, name) == 0)
                        return true;
        return false;
}

/* What follows the scheme, and the port that it stands for. NULL where it is neither http nor https. */
static const char *skip_scheme(const char *url, const char **ret_default_port)
{
        const char *s = startswith(url, "https://");

        *ret_default_port = s ? ":443" : ":80";
        return s ? s : startswith(url, "http://");
}

/* The length of HOST[:PORT], without a port that its scheme stands for. */
static size_t authority_length(const char *s, const char *default_port)
{
        size_t n = strcspn(s, "/?#"), n_port = strlen(default_port);

        return n > n_port && strncmp(s + n - n_port, default_port, n_port) == 0 ? n - n_port : n;
}

/* Browsers leave the port out that the scheme stands for; whoever writes a URL into a configuration may not. */
static bool origin_is_of(const char *origin, const char *url)
{
        const char *a_port, *b_port;
        const char *a = skip_scheme(origin, &a_port), *b = skip_scheme(url, &b_port);
        size_t n;

        if (!a || !b || !streq(a_port, b_port) || strpbrk(a, "/?#"))
                return false;
        n = authority_length(a, a_port);
        return n == authority_length(b, b_port) && strncasecmp(a, b, n) == 0;
}

bool auth_origin_is_own(const Auth *auth, ListenerKind listener, const char *origin, const char *host)
{
        const char *port, *s = skip_scheme(origin, &port);

        if (!s)
                return false;
        if (strcasecmp(s, host) == 0)
                return true;
        /* A proxy may ask by another name than it was asked by. */
        return listener == LISTENER_PUBLIC && auth->base_url && origin_is_of(origin, auth->base_url);
}

int auth_allow_host(Auth *auth, const char *host)
{
        return strv_extend(&auth->hosts, host);
}
