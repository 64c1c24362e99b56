/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <strings.h>

#include "auth/auth-internal.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/string-util.h"

#define HOST_MAX 255

/* Splits HOST[:PORT]; an IPv6 address is in brackets there and bare in the result. 0 or -EINVAL. */
static int host_split(const char *s, size_t n, char ret_host[HOST_MAX + 1])
{
        const char *end = memchr(s, ']', n), *colon;
        const char *from = s;
        unsigned port;
        char digits[6];
        size_t n_host, n_port;

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
        if (n_host == 0 || n_host > HOST_MAX)
                return -EINVAL;
        if (colon) {
                n_port = n - (size_t) (colon + 1 - s);
                if (n_port >= sizeof digits)
                        return -EINVAL;
                memcpy(digits, colon + 1, n_port);
                digits[n_port] = 0;
                if (parse_unsigned(digits, &port) < 0 || port == 0 || port > UINT16_MAX)
                        return -EINVAL;
        }
        memcpy(ret_host, from, n_host);
        ret_host[n_host] = 0;
        return *from == '[' || (*s != '[' && strchr(ret_host, ':')) ? -EINVAL : 0;
}

/* The host of http[s]://HOST[:PORT][/…]. */
static int url_host(const char *url, char ret_host[HOST_MAX + 1])
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
        char host[HOST_MAX + 1];

        return url_host(url, host) >= 0;
}

int auth_set_hosts(Auth *auth, const AuthSettings *settings)
{
        char host[HOST_MAX + 1];
        int r;

        r = strv_extend(&auth->hosts, "localhost");
        if (r < 0)
                return r;
        if (settings->base_url && *settings->base_url) {
                if (url_host(settings->base_url, host) < 0)
                        return log_error_errno(EINVAL, "“%s” is not an http or https URL with a host",
                                        settings->base_url);
                r = strv_extend(&auth->hosts, host);
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
        char name[HOST_MAX + 1];
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

bool auth_origin_is_own(const char *origin, const char *host)
{
        const char *s = startswith(origin, "http://");

        if (!s)
                s = startswith(origin, "https://");
        return s && strcasecmp(s, host) == 0;
}

int auth_allow_host(Auth *auth, const char *host)
{
        return strv_extend(&auth->hosts, host);
}
