/* SPDX-License-Identifier: MIT */

/* How far each attempt at a job has come, kept in its record: daemons may die under it again and again. */

#include <errno.h>

#include "basic/json-util.h"
#include "core/job-record.h"
#include "core/manager-internal.h"

#define STEP_NAME_MAX 64

bool job_note_reached(Job *job)
{
        const StepRun *run = job_current_run(job);

        if (!run || run->step == job->reached)
                return false;
        job->reached = run->step;
        return true;
}

struct json_object *job_history_to_json(const Job *job)
{
        _cleanup_json_ struct json_object *list = json_object_new_array();

        if (!list)
                return NULL;
        for (char **name = job->history; name && *name; name++)
                if (json_append(list, json_object_new_string(*name)) < 0)
                        return NULL;
        if (job->reached && json_append(list, json_object_new_string(job->reached->name)) < 0)
                return NULL;
        return TAKE_PTR(list);
}

int job_load_history(Job *job, struct json_object *record)
{
        struct json_object *list = json_get(record, "reached");
        size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
        size_t most = job->manager->retry_max;
        int r = 0;

        for (size_t i = n > most ? n - most : 0; i < n && r >= 0; i++) {
                const char *name = json_object_get_string(json_object_array_get_idx(list, i));

                if (name && strlen(name) <= STEP_NAME_MAX)
                        r = strv_extend(&job->history, name);
        }
        return r;
}

/* Attempts that came to the same step one after the other are told as one. */
char *job_format_history(const Job *job)
{
        _cleanup_free_ char *text = strdup("it was begun again too often without coming to its end");
        unsigned n;

        for (char **name = job->history; text && name && *name; name += n) {
                const char *before = name == job->history ? ": it came as far as" : ", then";
                char *longer;

                for (n = 1; name[n] && streq(name[n], *name); n++)
                        ;
                longer = n > 1 ? str_printf("%s%s %s (%u times)", text, before, *name, n)
                               : str_printf("%s%s %s", text, before, *name);
                free(text);
                text = longer;
        }
        return TAKE_PTR(text);
}
