/* SPDX-License-Identifier: MIT */

/* How far each attempt at a job has come, kept in its record: daemons may die under it again and again. */

#include "core/job/history.h"
#include "basic/json-util.h"
#include "core/job/job.h"
#include "core/job/plan.h"

#define STEP_NAME_MAX 64
#define HISTORY_MAX   64 /* attempts; of more, the last are told */

bool job_note_reached(Job *job)
{
        const StepRun *run = job_current_run(job);

        if (!run || run->step == job->reached)
                return false;
        job->reached = run->step;
        return true;
}

/* Steps run at the same time: any that no attempt had done is progress, and there are so many of them only. */
static bool job_add_done(Job *job, uint32_t done)
{
        if ((done & ~job->done) == 0)
                return false;
        job->done |= done;
        job->attempts = 0;
        return true;
}

bool job_note_done(Job *job)
{
        uint32_t done = 0;

        for (size_t i = 0; i < job->n_steps; i++)
                if (job->runs[i].state == STEP_DONE)
                        done |= BIT(i);
        return job_add_done(job, done);
}

bool job_note_undone(Job *job, const Step *step)
{
        return job->given_up && job_add_done(job, BIT(step - job->steps));
}

struct json_object *job_done_to_json(const Job *job)
{
        _cleanup_json_ struct json_object *list = json_object_new_array();

        if (!list)
                return NULL;
        for (size_t i = 0; i < job->n_steps; i++)
                if (job->done & BIT(i) && json_append(list, json_object_new_string(job->steps[i].name)) < 0)
                        return NULL;
        return TAKE_PTR(list);
}

static void job_load_done(Job *job, struct json_object *list)
{
        size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

        for (size_t k = 0; k < n; k++) {
                const char *name = json_object_get_string(json_object_array_get_idx(list, k));

                for (size_t i = 0; i < job->n_steps; i++)
                        if (streq_ptr(job->steps[i].name, name))
                                job->done |= BIT(i);
        }
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
        size_t most = HISTORY_MAX;
        int r = 0;

        if (job->plan->makes)
                (void) json_get_bool(record, "given_up", &job->given_up);
        (void) json_get_bool(record, "discard_files", &job->discard_files);
        job_load_done(job, json_get(record, "done"));
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
