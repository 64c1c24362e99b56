/* SPDX-License-Identifier: MIT */

/* The last words of a container that made a job fail, kept before it is removed. */

#include "core/job/last-words.h"

#include <errno.h>
#include <stdint.h>

#include "basic/last-words.h"
#include "basic/log.h"
#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/state.h"

/* Of each time that it was started. */
#define STARTS_MAX 5
#define LOG_LINES  20
/* So many are read, for a stack trace that is longer than what is kept. */
#define LOG_LINES_READ 500
#define LOG_BYTES_MAX  8192
/* An engine that is busy with what a neighbour prints takes its time. */
#define LOG_TIMEOUT_USEC (15 * USEC_PER_SEC)

/* Visitors see the reason and no log: what they can tell their operator stands in it. */
static void job_tell_cause(Job *job, const char *text)
{
        static const char *const words[][2] = {
                { "No space left on device", "" },
                { "Disk quota exceeded", "" },
                { "exec format error",
                                ": its image is made for another kind of processor than this host's" },
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                char *reason;

                if (!strcasestr(text, words[i][0]) || strcasestr(job->failure, words[i][0]))
                        continue;
                reason = str_printf("%s; its log says “%s”%s", job->failure, words[i][0], words[i][1]);
                if (!reason)
                        return;
                job_set_failure(job, reason);
        }
}

/* The lines that are kept, with a mark where others are left out. NULL when out of memory. */
static char *choose_lines(char *const *lines, size_t n, size_t max)
{
        _cleanup_free_ bool *keep = new0(bool, n);
        _cleanup_free_ char *text = keep ? strdup("") : NULL;
        size_t begun = SIZE_MAX;

        if (text)
                (void) last_words_choose((const char *const *) lines, n, max, keep);
        for (size_t i = 0; text && i < n; i++) {
                char *longer;

                if (!keep[i])
                        continue;
                longer = str_printf("%s%s%s%s", text, *text ? "\n" : "",
                                begun != SIZE_MAX && begun + 1 < i ? "    [\u2026]\n" : "", lines[i]);
                free(text);
                text = longer;
                begun = i;
        }
        return TAKE_PTR(text);
}

/* What it said each time is kept. */
static unsigned starts(const Job *job)
{
        return job->falls + 1 < STARTS_MAX ? job->falls + 1 : STARTS_MAX;
}

/* What is kept of a container's output: as much as a person reads, in whole characters. */
static int keep_log(Job *job, const char *text)
{
        _cleanup_(strv_freep) char **lines = NULL;
        _cleanup_free_ char *chosen = NULL;
        size_t n, max = starts(job) * LOG_BYTES_MAX;
        const char *tail;
        int r;

        r = strv_split(text, "\n", &lines);
        if (r < 0)
                return r;
        chosen = choose_lines(lines, strv_length(lines), starts(job) * LOG_LINES);
        if (!chosen)
                return -ENOMEM;
        n = strlen(chosen);
        tail = n > max ? chosen + n - max : chosen;
        while (((unsigned char) *tail & 0xc0) == 0x80)
                tail++;
        return free_and_strdup(&job->log, tail);
}

static void on_log(int error, const char *reason, const char *text, void *userdata)
{
        Job *job = userdata;

        job->collecting = NULL;
        if (error == 0 && text) {
                /* Before it is cut: a part of a secret would not be known again. */
                _cleanup_free_ char *clean = instance_redact(job->instance, text);

                if (!clean || keep_log(job, clean) < 0)
                        (void) log_oom();
                if (clean && job->failure)
                        job_tell_cause(job, clean);
        } else
                log_notice("The last words of instance %s could not be read: %s", job->instance->id,
                                strempty(reason));
        job->then(job);
}

bool job_collect_log(Job *job, void (*then)(Job *job))
{
        EnginePort *engine = job->manager->engine;
        InstanceNames names;
        bool database;

        if (job->cancelled || job->tidying || job->plan->removes || !job->failed_step ||
                        job->failed_step->phase < PHASE_DATABASE)
                return 0;
        instance_names(job->instance, &names);
        database = job->failed_step->phase == PHASE_DATABASE;
        job->then = then;
        return engine->vtable->container_logs(engine, database ? names.database : job->instance->id,
                               starts(job) * LOG_LINES_READ, LOG_TIMEOUT_USEC, on_log, job,
                               &job->collecting) >= 0;
}
