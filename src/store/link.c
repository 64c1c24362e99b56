/* SPDX-License-Identifier: MIT */
#include "store/link.h"

#include <errno.h>

#include "basic/string-util.h"
#include "basic/utf8.h"

#define WORDS_MAX 16

const char *store_prefix(StoreKind kind)
{
        static const char *const prefixes[_STORE_KIND_MAX] = {
                [STORE_PRODUCT] = "product:",
                [STORE_INSTANCE] = "instance:",
                [STORE_SECRET] = "secret:",
                [STORE_JOB] = "job:",
                [STORE_MARK] = "deployment:",
                [STORE_GENERATION] = "generation:",
                [STORE_IDEMPOTENCY] = "idempotency:",
        };

        return prefixes[kind];
}

int store_error(const char *text)
{
        static const struct {
                const char *word;
                int error;
        } errors[] = {
                { "READONLY ", -EROFS },
                { "NOREPLICAS ", -EROFS },
                { "MISCONF ", -EROFS },
                { "OOM ", -ENOSPC },
                { "LOADING ", -ENOTCONN },
                { "MASTERDOWN ", -ENOTCONN },
        };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                if (startswith(text, errors[i].word))
                        return errors[i].error;
        return -EPERM;
}

char *store_reason(const char *what, const char *text)
{
        _cleanup_free_ char *reason = str_printf("%s: %s", what, text);

        return reason ? utf8_make_valid(reason, strlen(reason)) : NULL;
}

int store_send(Store *s, const char *const *words, RedisReplyHandler handler, void *userdata,
                Pending **ret_pending)
{
        size_t n = 0;

        while (words[n])
                if (++n > WORDS_MAX)
                        return -E2BIG;
        return redis_connection_command(s->connection, n, words, NULL, handler, userdata, ret_pending);
}

void store_check_readiness(Store *s, const char *text)
{
        int error = store_error(text);

        if (error == -ENOTCONN || error == -EROFS)
                redis_connection_break(s->connection, text);
}

bool store_is_connected(const Store *s)
{
        return s->connected && redis_connection_is_open(s->connection);
}
