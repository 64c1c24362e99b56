/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/model/instance.h"

/*
 * What is counted while this process lives, for GET /metrics (verbs/metrics.c). Whoever sees something happen counts
 * it here: core its jobs, the transports their calls.
 */

/* What an HTTP request was for. */
typedef enum HttpHandler {
        HTTP_OTHER, /* no path of ours */
        HTTP_API,
        HTTP_EVENTS,
        HTTP_ROUTE, /* nginx asks where an instance is */
        HTTP_HEALTH,
        HTTP_METRICS,
        _HTTP_HANDLER_MAX,
} HttpHandler;

/* By the first digit of the status; 0 is for those that were not answered. */
#define HTTP_CLASS_MAX 6

typedef enum BusOutcome {
        BUS_SUCCEEDED,
        BUS_FAILED, /* answered with an error */
        BUS_ABANDONED, /* the caller has left the bus before */
        _BUS_OUTCOME_MAX,
} BusOutcome;

typedef enum JobOutcome {
        JOB_SUCCEEDED,
        JOB_FAILED,
        JOB_CANCELLED, /* a create that a delete has overtaken */
        _JOB_OUTCOME_MAX,
} JobOutcome;

/* Kinds of job that there is room for (job/plan.h). */
#define PLANS_MAX 16

/* The upper bounds of its buckets, in seconds; a last one has all. */
#define HISTOGRAM_BOUNDS 12
extern const double histogram_bounds[HISTOGRAM_BOUNDS];

typedef struct Histogram {
        uint64_t n[HISTOGRAM_BOUNDS + 1]; /* in each bucket alone */
        double sum;
} Histogram;

typedef struct Counters {
        uint64_t started_usec; /* CLOCK_REALTIME: since when it is counted */
        uint64_t http[_HTTP_HANDLER_MAX][HTTP_CLASS_MAX];
        uint64_t http_denied, bus_denied;
        uint64_t bus[_BUS_OUTCOME_MAX];
        uint64_t rewrites; /* of a store that was emptied */
        uint64_t jobs[PLANS_MAX][_JOB_OUTCOME_MAX];
        Histogram job_duration[PLANS_MAX];
        Histogram phase_duration[PHASE_READY]; /* of the phases before it */
} Counters;

void histogram_add(Histogram *histogram, double seconds);

/* A request has ended, answered with that status, or 0 where it was not. */
void count_http(Counters *counters, HttpHandler handler, unsigned status);
/* A job of that plan has ended that was begun so many seconds ago; negative: it was never begun. */
void count_job(Counters *counters, size_t plan, JobOutcome outcome, double seconds);
/* A deploy has succeeded: how long each phase took, by the timeline. */
void count_deploy(Counters *counters, const Instance *instance);
