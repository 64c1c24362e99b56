/* SPDX-License-Identifier: MIT */
#include "store/job-entries.h"

#include <errno.h>
#include <limits.h>

int job_entries_add(JobEntries *entries, const char *id, const char *job)
{
        _cleanup_free_ char *id_copy = strdup(id), *job_copy = strdup(job);

        if (!id_copy || !job_copy)
                return -ENOMEM;
        if (entries->n == entries->allocated) {
                size_t wanted = entries->allocated * 2 + 16;
                JobEntry *items = reallocarray(entries->items, wanted, sizeof(JobEntry));

                if (!items)
                        return -ENOMEM;
                entries->items = items;
                entries->allocated = wanted;
        }
        entries->items[entries->n++] = (JobEntry){ .id = TAKE_PTR(id_copy), .job = TAKE_PTR(job_copy) };
        return 0;
}

void job_entries_remove(JobEntries *entries, const char *id)
{
        for (size_t i = 0; i < entries->n; i++) {
                if (!streq(entries->items[i].id, id))
                        continue;
                free(entries->items[i].id);
                free(entries->items[i].job);
                entries->n--;
                memmove(entries->items + i, entries->items + i + 1, (entries->n - i) * sizeof(JobEntry));
                return;
        }
}

const JobEntry *job_entries_find(const JobEntries *entries, const char *job)
{
        for (size_t i = 0; i < entries->n; i++)
                if (streq(entries->items[i].job, job))
                        return entries->items + i;
        return NULL;
}

void job_entries_done(JobEntries *entries)
{
        for (size_t i = 0; i < entries->n; i++) {
                free(entries->items[i].id);
                free(entries->items[i].job);
        }
        free(entries->items);
        *entries = (JobEntries){ 0 };
}

/* The value of the field "job" of an entry's list of fields and values. */
static const char *entry_job(const redisReply *fields)
{
        if (fields->type != REDIS_REPLY_ARRAY)
                return "";
        for (size_t i = 0; i + 1 < fields->elements; i += 2) {
                const redisReply *name = fields->element[i], *value = fields->element[i + 1];

                if (name->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING &&
                                streq(name->str, "job"))
                        return strlen(value->str) == value->len ? value->str : "";
        }
        return "";
}

int job_entries_add_reply(JobEntries *entries, const redisReply *reply)
{
        const redisReply *stream, *list;

        if (reply->type == REDIS_REPLY_NIL)
                return 0;
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1)
                return -EBADMSG;
        stream = reply->element[0];
        if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2 ||
                        stream->element[1]->type != REDIS_REPLY_ARRAY)
                return -EBADMSG;
        list = stream->element[1];
        if (list->elements > INT_MAX)
                return -EBADMSG;
        for (size_t i = 0; i < list->elements; i++) {
                const redisReply *entry = list->element[i];
                int r;

                if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
                                entry->element[0]->type != REDIS_REPLY_STRING)
                        return -EBADMSG;
                r = job_entries_add(entries, entry->element[0]->str, entry_job(entry->element[1]));
                if (r < 0)
                        return r;
        }
        return (int) list->elements;
}
