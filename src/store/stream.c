/* SPDX-License-Identifier: MIT */
#include "store/stream.h"

#include "basic/log.h"
#include "store/link.h"

int store_create_group(Store *s, RedisReplyHandler handler, void *userdata)
{
        static const char *const words[] = { "XGROUP", "CREATE", "ark:jobs", "arkd", "0", "MKSTREAM", NULL };

        return store_send(s, words, handler, userdata, NULL);
}

static void on_dropped(int error, const redisReply *reply, void *userdata)
{
        if (error >= 0 && reply->type == REDIS_REPLY_ERROR)
                log_warning("Cannot take an entry out of the job stream: %s", reply->str);
}

int store_drop_entry(Store *s, const JobEntry *entry)
{
        const char *const ack[] = { "XACK", "ark:jobs", "arkd", entry->id, NULL };
        const char *const del[] = { "XDEL", "ark:jobs", entry->id, NULL };
        int r;

        r = store_send(s, ack, on_dropped, NULL, NULL);
        if (r >= 0)
                r = store_send(s, del, on_dropped, NULL, NULL);
        if (r < 0)
                return r;
        job_entries_remove(&s->jobs, entry->id);
        return 0;
}
