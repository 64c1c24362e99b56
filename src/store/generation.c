/* SPDX-License-Identifier: MIT */
#include "store/generation.h"

#include <inttypes.h>

#include "basic/parse.h"
#include "store/link.h"

/* Work comes and goes; what these hold must not be forgotten. */
bool store_changes_generation(const StoreWrite *writes, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if ((writes[i].verb == STORE_PUT || writes[i].verb == STORE_DELETE) &&
                                (writes[i].kind == STORE_PRODUCT || writes[i].kind == STORE_INSTANCE ||
                                                writes[i].kind == STORE_SECRET))
                        return true;
        return false;
}

/* GET answers text, INCR a number. */
static uint64_t read_number(const redisReply *reply)
{
        uint64_t number = 0;

        if (reply->type == REDIS_REPLY_INTEGER && reply->integer > 0)
                return (uint64_t) reply->integer;
        if (reply->type == REDIS_REPLY_STRING && parse_u64(reply->str, &number) >= 0)
                return number;
        return 0;
}

void store_tell_generation(Store *s, const redisReply *reply, bool raised)
{
        if (s->on_generation)
                s->on_generation(read_number(reply), raised, s->userdata);
}

static bool is_about_the_value(const char *text)
{
        return startswith(text, "WRONGTYPE ");
}

/* An error that is about Redis says nothing about what it holds. */
static void on_read(int error, const redisReply *reply, void *userdata)
{
        if (error >= 0 && (reply->type != REDIS_REPLY_ERROR || is_about_the_value(reply->str)))
                store_tell_generation(userdata, reply, false);
}

int store_read_generation(Store *s)
{
        return store_send(s, (const char *const[]){ "GET", s->generation_key, NULL }, on_read, s, NULL);
}
