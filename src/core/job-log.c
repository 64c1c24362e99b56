/* SPDX-License-Identifier: MIT */

/* The last words of a container that made a job fail, kept before it is removed. */

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/job.h"
#include "core/manager-internal.h"

#define LOG_LINES        20
#define LOG_BYTES_MAX    8192
#define LOG_TIMEOUT_USEC (3 * USEC_PER_SEC)

/* Its daemon does not survive that either: what is left is an operator's. */
static bool job_undid_too_often(Job *job)
{
        if (!job->given_up || job->attempts <= job->manager->retry_max)
                return false;
        job->left_behind = true;
        return true;
}

static void job_begin_undo(Job *job)
{
        int r;

        job->held = false;
        if (job->kind == JOB_CREATE && !job_undid_too_often(job)) {
                job_set_state(job, JOB_UNDOING);
                for (size_t i = 0; i < job->n_steps; i++) {
                        job->runs[i].attempts = 0;
                        job->runs[i].stage = 0;
                }
                job->undo_next = job->n_steps;
                r = job_start_deadline(job, REMOVAL_DEADLINE_USEC);
                if (r < 0)
                        log_error_errno(r, "Cannot set a timer: %m");
                job_undo(job);
        } else
                job_end(job);
}

/* Visitors see the reason and no log: what they can tell their operator stands in it. */
static void job_tell_full_disk(Job *job, const char *text)
{
        static const char *const words[] = { "No space left on device", "Disk quota exceeded" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                char *reason;

                if (!strcasestr(text, words[i]) || strcasestr(job->failure, words[i]))
                        continue;
                reason = str_printf("%s; its log says “%s”", job->failure, words[i]);
                if (!reason)
                        return;
                job_set_failure(job, reason);
        }
}

static void on_log(int error, const char *reason, const char *text, void *userdata)
{
        Job *job = userdata;

        job->collecting = NULL;
        if (error == 0 && text) {
                /* Before it is cut: a part of a secret would not be known again. */
                _cleanup_free_ char *clean = instance_redact(job->instance, text);
                size_t n = strlen(strempty(clean));
                const char *tail = n > LOG_BYTES_MAX ? clean + n - LOG_BYTES_MAX : clean;

                while (tail && ((unsigned char) *tail & 0xc0) == 0x80)
                        tail++; /* not in the middle of a character */
                (void) free_and_strdup(&job->log, tail);
                if (clean && job->failure)
                        job_tell_full_disk(job, clean);
        } else
                log_debug("No log of instance %s to be had: %s", job->instance->id, strempty(reason));
        job_begin_undo(job);
}

void job_collect_log(Job *job)
{
        EnginePort *engine = job->manager->engine;
        InstanceNames names;
        bool database;

        if (job->cancelled || job->tidying || job->kind == JOB_DELETE || !job->failed_step ||
                        job->failed_step->phase < PHASE_DATABASE) {
                job_begin_undo(job);
                return;
        }
        instance_names(job->instance, &names);
        database = job->failed_step->phase == PHASE_DATABASE;
        if (engine->vtable->container_logs(engine, database ? names.database : job->instance->id, LOG_LINES,
                            LOG_TIMEOUT_USEC, on_log, job, &job->collecting) < 0)
                job_begin_undo(job);
}
