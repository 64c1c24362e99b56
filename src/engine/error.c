/* SPDX-License-Identifier: MIT */
#include "engine/error.h"

#include <errno.h>
#include <string.h>

#include "basic/json-util.h"
#include "basic/utf8.h"

#define MESSAGE_MAX 600U

int engine_error_of_status(long status)
{
        if ((status >= 200 && status < 300) || status == 304)
                return 0;
        switch (status) {
        case 400:
                return -EINVAL;
        case 401:
        case 403:
                return -EPERM;
        case 404:
                return -ENOENT;
        case 409:
                return -EBUSY;
        default:
                return -EIO;
        }
}

/* Whether it stands in the text as words of their own. What names an image or a registry has a slash, a quote, or a
 * colon and more on one side at least, so "geoffrey/app" does not say "EOF", nor "app:denied" "denied". */
static bool says(const char *text, const char *words)
{
        size_t n = strlen(words);

        for (const char *p = text; (p = strstr(p, words)); p++) {
                const char *after = p + n;

                if (p > text && p[-1] != ' ' && p[-1] != '(')
                        continue;
                if (*after && strchr(":;,.)", *after))
                        after++;
                if (!*after || *after == ' ')
                        return true;
        }
        return false;
}

static bool says_any(const char *text, const char *const *phrases)
{
        for (; *phrases; phrases++)
                if (says(text, *phrases))
                        return true;
        return false;
}

int engine_error_of_pull(long status, const char *message)
{
        /* The order matters: Docker's "pull access denied …, repository does not exist or may require login" is
         * what a registry answers to whoever may not know, and a denial comes with words like "not found". */
        static const char *const denied[] = { "denied", "unauthorized", "Unauthorized",
                "authentication required", "no basic auth credentials", "forbidden", "Forbidden", NULL };
        static const char *const missing[] = { "manifest unknown", "name unknown", "not found", "Not Found",
                "does not exist", "No such image", NULL };
        static const char *const limited[] = { "toomanyrequests", "Too Many Requests", "pull rate limit",
                NULL };
        static const char *const foreign[] = { "no matching manifest", "no match for platform",
                "cannot be used on this platform", NULL };
        static const char *const unreachable[] = { "dial tcp", "dial unix", "connection refused",
                "no such host", "i/o timeout", "no route to host", "network is unreachable",
                "TLS handshake timeout", "Client.Timeout exceeded", "deadline exceeded", "connection reset",
                "server misbehaving", "HTTP response to HTTPS client", "x509:", "tls:", "EOF",
                "Service Unavailable", "Bad Gateway", NULL };
        int r;

        if (says_any(message, limited) || status == 429)
                return -EDQUOT;
        if (says_any(message, foreign))
                return -ENOEXEC;
        if (says_any(message, unreachable))
                return -EHOSTUNREACH;
        if (says_any(message, denied) || status == 401 || status == 403)
                return -EACCES;
        if (says_any(message, missing) || status == 404)
                return -ENOENT;
        r = engine_error_of_status(status);
        return r < 0 ? r : -EIO;
}

char *engine_error_line(const char *text, size_t n)
{
        char *line;

        if (n > MESSAGE_MAX) {
                n = MESSAGE_MAX;
                while (n > 0 && ((unsigned char) text[n] & 0xc0) == 0x80)
                        n--; /* not within a character */
        }
        while (n > 0 && strchr(" \t\r\n", text[n - 1]))
                n--;
        line = utf8_make_valid(text, n);
        for (char *p = line; p && *p; p++)
                if (*p == '\n' || *p == '\t')
                        *p = ' ';
        return line;
}

char *engine_error_message(struct json_object *json, const char *body, size_t n)
{
        const char *message;

        if (json_object_is_type(json, json_type_object) && json_get_string(json, "message", &message) >= 0)
                return engine_error_line(message, strlen(message));
        return engine_error_line(body, n);
}
