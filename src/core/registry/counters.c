/* SPDX-License-Identifier: MIT */
#include "core/registry/counters.h"

#include "core/model/instance.h"

/* From a removal or a warm start to an image that has to come from afar. */
const double histogram_bounds[HISTOGRAM_BOUNDS] = { 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600 };

void histogram_add(Histogram *histogram, double seconds)
{
        size_t i = 0;

        while (i < HISTOGRAM_BOUNDS && seconds > histogram_bounds[i])
                i++;
        histogram->n[i]++;
        histogram->sum += seconds;
}

/* 403 is no refusal where nginx is told that an instance does not run. */
static bool is_denied(HttpHandler handler, unsigned status)
{
        return handler != HTTP_ROUTE && (status == 401 || status == 403);
}

void count_http(Counters *counters, HttpHandler handler, unsigned status)
{
        unsigned class = status / 100;

        counters->http[handler][class < HTTP_CLASS_MAX ? class : 0]++;
        counters->http_denied += is_denied(handler, status);
}

void count_job(Counters *counters, size_t plan, JobOutcome outcome, double seconds)
{
        counters->jobs[plan][outcome]++;
        if (seconds >= 0)
                histogram_add(&counters->job_duration[plan], seconds);
}

void count_deploy(Counters *counters, const Instance *instance)
{
        InstancePhase phase = PHASE_QUEUED;

        for (InstancePhase next = PHASE_QUEUED + 1; next <= PHASE_READY; next++) {
                const uint64_t *at = instance->timeline;

                if (at[next] == TIMELINE_UNSET)
                        continue;
                if (at[phase] != TIMELINE_UNSET && at[next] >= at[phase])
                        histogram_add(&counters->phase_duration[phase],
                                        (double) (at[next] - at[phase]) / 1000);
                phase = next;
        }
}
