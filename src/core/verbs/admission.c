/* SPDX-License-Identifier: MIT */

/*
 * A host that has run out of disk or memory takes its instances down with it, PostgreSQL first; so the last of either is
 * not given away. What is looked at is what the host has left now. Limits of containers are not added up: most use a
 * fraction of theirs.
 */

#include "core/verbs/admission.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/ports.h"
#include "core/registry/admission.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/verbs/request.h"

/* Disks are emptied by somebody, and pressure passes by itself. */
#define RETRY_FULL_S 300
#define RETRY_BUSY_S 30

#define SIZE_TEXT_MAX 32

static const char *size_text(uint64_t bytes, char buffer[SIZE_TEXT_MAX])
{
        const double mib = (double) (1 << 20), gib = (double) (1 << 30);

        if (bytes < UINT64_C(10) << 30)
                (void) snprintf(buffer, SIZE_TEXT_MAX, "%.0f MiB", (double) bytes / mib);
        else
                (void) snprintf(buffer, SIZE_TEXT_MAX, "%.0f GiB", (double) bytes / gib);
        return buffer;
}

static bool is_short(uint64_t left, uint64_t needed)
{
        return left != USAGE_UNKNOWN && left < needed;
}

static void refuse_disk(Request *request, const HostState *state, uint64_t needed)
{
        char left_text[SIZE_TEXT_MAX], needed_text[SIZE_TEXT_MAX];

        request->retry_after_s = RETRY_FULL_S;
        request_fail(request, FAULT_HOST_FULL, NULL,
                        "This host is short of disk: %s are free under %s, and a new instance needs %s "
                        "(MinFreeDisk=). Delete instances or unused images, then try again",
                        size_text(state->disk_free, left_text), state->disk_path,
                        size_text(needed, needed_text));
}

static void refuse_memory(Request *request, const HostState *state, uint64_t needed)
{
        char left_text[SIZE_TEXT_MAX], needed_text[SIZE_TEXT_MAX];

        request->retry_after_s = RETRY_FULL_S;
        request_fail(request, FAULT_HOST_FULL, NULL,
                        "This host is short of memory: %s are available, and a new instance needs %s "
                        "(MinFreeMemory=). Delete instances, then try again",
                        size_text(state->memory_available, left_text), size_text(needed, needed_text));
}

static void refuse_pressure(Request *request, const HostState *state, unsigned most)
{
        request->retry_after_s = RETRY_BUSY_S;
        request_fail(request, FAULT_HOST_FULL, NULL,
                        "This host is too busy: for %" PRIu64 " %% of the last ten seconds all of its work "
                        "waited for memory, and a new instance is made at no more than %u %% "
                        "(MaxPressure=). Try again in %d seconds",
                        state->memory_pressure / 100, most, RETRY_BUSY_S);
}

bool admission_check(Request *request)
{
        Manager *m = request->manager;
        const AdmissionBounds *bounds = &m->admission.bounds;
        const HostState *state = admission_host_state(m);

        if (is_short(state->disk_free, bounds->disk))
                refuse_disk(request, state, bounds->disk);
        else if (is_short(state->memory_available, bounds->memory))
                refuse_memory(request, state, bounds->memory);
        else if (bounds->pressure > 0 && state->memory_pressure != USAGE_UNKNOWN &&
                        state->memory_pressure > (uint64_t) bounds->pressure * 100)
                refuse_pressure(request, state, bounds->pressure);
        else
                return true;
        return false;
}
