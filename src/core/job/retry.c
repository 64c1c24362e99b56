/* SPDX-License-Identifier: MIT */

/* Steps that did not succeed and may do so yet: whether and when they are tried again. */

#include "core/job/retry.h"

#include <errno.h>

#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/ports.h"
#include "core/registry/state.h"

/* A removal that fails is tried again after 100 ms, 200 ms, … and given up after this many times. */
#define REMOVE_ATTEMPTS_MAX 8
/* … or where it has failed for so long: an attempt may take a minute itself. */
#define REMOVE_PATIENCE_USEC (30 * USEC_PER_SEC)
#define ENGINE_RETRY_USEC    (200 * USEC_PER_MSEC)
#define FILES_RETRY_USEC     USEC_PER_SEC

static bool is_out_of_files(int error)
{
        return error == -EMFILE || error == -ENFILE;
}

/* One that hangs, or is only just being started, takes requests and does not answer them. */
static bool engine_is_away(const Job *job, int error)
{
        EnginePort *engine = job->manager->engine;

        return error == -ENOTCONN || (error == -ETIMEDOUT && !engine->vtable->is_connected(engine));
}

bool step_must_wait(const StepRun *run, int error)
{
        return is_out_of_files(error) || engine_is_away(run->job, error);
}

uint64_t step_pause_usec(const StepRun *run, int error)
{
        EnginePort *engine = run->job->manager->engine;

        if (is_out_of_files(error))
                return FILES_RETRY_USEC;
        return engine->vtable->is_connected(engine) ? ENGINE_RETRY_USEC : UINT64_MAX;
}

uint64_t step_removal_usec(StepRun *run)
{
        if (run->attempts == 0)
                run->failing_usec = now_monotonic();
        if (++run->attempts >= REMOVE_ATTEMPTS_MAX ||
                        now_monotonic() - run->failing_usec >= REMOVE_PATIENCE_USEC)
                return UINT64_MAX;
        return (100 * USEC_PER_MSEC) << (run->attempts - 1);
}
