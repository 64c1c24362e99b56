/* SPDX-License-Identifier: MIT */

/*
 * What Prometheus is told. The answer is an object with "families", each with "name", "type", "help" and "samples",
 * and those with "suffix" (what comes behind the family's name), "labels" and "value"; http/metrics.c makes text of
 * it. Every label has few values: none depends on who deploys what.
 */

#include "core/verbs/metrics.h"

#include <errno.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/process-util.h"
#include "basic/time-util.h"
#include "config.h"
#include "core/job/plan.h"
#include "core/model/instance.h"
#include "core/recovery/generation.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/counters.h"
#include "core/registry/state.h"
#include "core/registry/storage.h"
#include "core/verbs/request.h"

/* The families so far; once there is no memory for one, error says so, and the rest is left out. */
typedef struct Metrics {
        struct json_object *families;
        struct json_object *samples; /* of the family that was begun last */
        int error;
} Metrics;

/* ---- Building ---- */

static struct json_object *new_family(const char *name, const char *type, const char *help)
{
        _cleanup_json_ struct json_object *family = json_object_new_object();

        if (!family || json_set_string(family, "name", name) < 0 ||
                        json_set_string(family, "type", type) < 0 ||
                        json_set_string(family, "help", help) < 0 ||
                        json_set(family, "samples", json_object_new_array()) < 0)
                return NULL;
        return TAKE_PTR(family);
}

static void begin_family(Metrics *m, const char *name, const char *type, const char *help)
{
        struct json_object *family;

        if (m->error < 0)
                return;
        family = new_family(name, type, help);
        if (json_append(m->families, family) < 0) {
                m->error = -ENOMEM;
                return;
        }
        m->samples = json_get(family, "samples");
}

typedef struct Label {
        const char *name, *value; /* no label where there is no name */
} Label;

static int set_label(struct json_object *labels, Label label)
{
        return label.name ? json_set_string(labels, label.name, label.value) : 0;
}

/* Takes value over. */
static struct json_object *new_sample(const char *suffix, Label a, Label b, struct json_object *value)
{
        _cleanup_json_ struct json_object *sample = json_object_new_object(),
                                          *labels = json_object_new_object();

        if (!sample || !labels) {
                json_object_put(value);
                return NULL;
        }
        if (json_set(sample, "value", value) < 0 || json_set_string(sample, "suffix", suffix) < 0 ||
                        set_label(labels, a) < 0 || set_label(labels, b) < 0 ||
                        json_set(sample, "labels", TAKE_PTR(labels)) < 0)
                return NULL;
        return TAKE_PTR(sample);
}

static void add_sample(Metrics *m, const char *suffix, Label a, Label b, struct json_object *value)
{
        struct json_object *sample;

        if (m->error < 0) {
                json_object_put(value);
                return;
        }
        sample = new_sample(suffix, a, b, value);
        if (json_append(m->samples, sample) < 0)
                m->error = -ENOMEM;
}

static void add_count(Metrics *m, Label a, Label b, uint64_t value)
{
        add_sample(m, "", a, b, json_object_new_uint64(value));
}

/* A family of one sample without labels. */
static void add_single(Metrics *m, const char *name, const char *type, const char *help, uint64_t value)
{
        begin_family(m, name, type, help);
        add_count(m, (Label){ 0 }, (Label){ 0 }, value);
}

static void add_histogram(Metrics *m, Label label, const Histogram *h)
{
        uint64_t n = 0;

        for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
                char bound[16] = "+Inf";

                n += h->n[i];
                if (i < HISTOGRAM_BOUNDS)
                        (void) snprintf(bound, sizeof bound, "%g", histogram_bounds[i]);
                add_sample(m, "_bucket", label, (Label){ "le", bound }, json_object_new_uint64(n));
        }
        add_sample(m, "_sum", label, (Label){ 0 }, json_object_new_double(h->sum));
        add_sample(m, "_count", label, (Label){ 0 }, json_object_new_uint64(n));
}

/* ---- What there is ---- */

static void add_instances(Metrics *metrics, const Manager *m)
{
        uint64_t n[_INSTANCE_STATUS_MAX] = { 0 };

        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);

                n[i->status] += i->stored;
        }
        begin_family(metrics, "arkd_instances", "gauge", "Instances that are not deleted, by their status.");
        for (InstanceStatus s = 0; s < INSTANCE_DELETED; s++)
                add_count(metrics, (Label){ "status", instance_status_to_string(s) }, (Label){ 0 }, n[s]);
        if (n[INSTANCE_NEWER] > 0)
                add_count(metrics, (Label){ "status", instance_status_to_string(INSTANCE_NEWER) },
                                (Label){ 0 }, n[INSTANCE_NEWER]);
}

/* Before the store has been read nothing is said rather than none. */
static void add_registry(Metrics *metrics, const Manager *m)
{
        if (!m->loaded)
                return;
        add_instances(metrics, m);
        add_single(metrics, "arkd_products", "gauge", "Products that can be deployed.",
                        (uint64_t) lh_table_length(m->products));
        add_single(metrics, "arkd_ownerless_volumes", "gauge",
                        "Volumes with this arkd's labels that belong to no instance; arkctl status names "
                        "them.",
                        strv_length(m->ownerless));
        add_single(metrics, "arkd_lost_volumes", "gauge",
                        "Volumes of instances that are gone, and their data with them; arkctl status names "
                        "them.",
                        strv_length(m->lost));
}

static void add_storage(Metrics *metrics, const Manager *m)
{
        StorageTotals totals;

        if (!storage_get_totals(m, &totals))
                return;
        add_single(metrics, "arkd_instance_layer_bytes", "gauge",
                        "What all instances' containers have written outside of their volumes.",
                        totals.layers);
        add_single(metrics, "arkd_instance_volume_bytes", "gauge", "What is in all instances' volumes.",
                        totals.volumes);
        add_single(metrics, "arkd_instance_largest_bytes", "gauge",
                        "Both of the instance that has most of them; arkctl status names it.",
                        totals.largest);
        begin_family(metrics, "arkd_instance_bytes_measured_seconds", "gauge",
                        "When that was measured, in seconds since 1970.");
        add_sample(metrics, "", (Label){ 0 }, (Label){ 0 },
                        json_object_new_double((double) storage_measured_usec(m) / USEC_PER_SEC));
}

/* What the store has lost. */
static void add_losses(Metrics *metrics, const Manager *m)
{
        const Generation *g = &m->generation;

        if (!m->loaded)
                return;
        add_single(metrics, "arkd_unknown_instances", "gauge",
                        "Instances that this host has and the store does not know; arkctl adopt takes them "
                        "back.",
                        unknown_count(m));
        add_single(metrics, "arkd_damaged_records", "gauge", "Records of the store that cannot be read.",
                        strv_length(m->damaged_keys));
        add_single(metrics, "arkd_store_behind", "gauge",
                        "Changes that the store had lost when it was read, until it knows of all again.",
                        generation_is_behind(m) ? g->expected - g->found : 0);
        add_single(metrics, "arkd_store_rewrites_total", "counter",
                        "How often all was written to the store again, as it was emptied.",
                        m->counters.rewrites);
}

static void add_connections(Metrics *metrics, const Manager *m)
{
        add_single(metrics, "arkd_engine_connected", "gauge",
                        "Whether the container engine (Docker) can be reached.",
                        manager_engine_connected(m));
        add_single(metrics, "arkd_store_connected", "gauge", "Whether the store (Redis) can be reached.",
                        manager_store_connected(m));
}

static void add_build(Metrics *metrics)
{
        begin_family(metrics, "arkd_build_info", "gauge", "1, with the version of arkd.");
        add_count(metrics, (Label){ "version", ARK_VERSION }, (Label){ 0 }, 1);
}

/* ---- What was done ---- */

static void add_jobs(Metrics *metrics, const Manager *m)
{
        static const char *const outcomes[_JOB_OUTCOME_MAX] = {
                [JOB_SUCCEEDED] = "succeeded",
                [JOB_FAILED] = "failed",
                [JOB_CANCELLED] = "cancelled",
        };

        begin_family(metrics, "arkd_jobs", "gauge", "Jobs that wait for their turn, and that are at work.");
        add_count(metrics, (Label){ "state", "queued" }, (Label){ 0 }, m->n_queued);
        add_count(metrics, (Label){ "state", "running" }, (Label){ 0 }, m->n_running[0] + m->n_running[1]);
        begin_family(metrics, "arkd_jobs_ended_total", "counter", "Jobs that came to their end.");
        for (size_t k = 0; m->plans[k]; k++)
                for (JobOutcome o = 0; o < _JOB_OUTCOME_MAX; o++)
                        add_count(metrics, (Label){ "kind", m->plans[k]->name },
                                        (Label){ "outcome", outcomes[o] }, m->counters.jobs[k][o]);
        begin_family(metrics, "arkd_job_duration_seconds", "histogram",
                        "From when a job was begun, since arkd was started, to its end, good or bad.");
        for (size_t k = 0; m->plans[k]; k++)
                add_histogram(metrics, (Label){ "kind", m->plans[k]->name }, &m->counters.job_duration[k]);
        begin_family(metrics, "arkd_deploy_phase_duration_seconds", "histogram",
                        "How long deploys that succeeded were in each phase.");
        for (InstancePhase p = 0; p < PHASE_READY; p++)
                add_histogram(metrics, (Label){ "phase", instance_phase_to_string(p) },
                                &m->counters.phase_duration[p]);
}

static void add_http(Metrics *metrics, const Counters *c)
{
        static const char *const handlers[_HTTP_HANDLER_MAX] = {
                [HTTP_OTHER] = "other",
                [HTTP_API] = "api",
                [HTTP_EVENTS] = "events",
                [HTTP_ROUTE] = "route",
                [HTTP_HEALTH] = "health",
                [HTTP_METRICS] = "metrics",
        };
        static const char *const classes[HTTP_CLASS_MAX] = { "unanswered", "1xx", "2xx", "3xx", "4xx",
                "5xx" };

        begin_family(metrics, "arkd_http_requests_total", "counter",
                        "HTTP requests, by what they were for and the class of their status.");
        for (HttpHandler h = 0; h < _HTTP_HANDLER_MAX; h++)
                for (size_t class = 0; class < HTTP_CLASS_MAX; class ++)
                        add_count(metrics, (Label){ "handler", handlers[h] },
                                        (Label){ "class", classes[class] }, c->http[h][class]);
}

static void add_calls(Metrics *metrics, const Counters *c)
{
        static const char *const outcomes[_BUS_OUTCOME_MAX] = {
                [BUS_SUCCEEDED] = "succeeded",
                [BUS_FAILED] = "failed",
                [BUS_ABANDONED] = "abandoned",
        };

        add_http(metrics, c);
        begin_family(metrics, "arkd_bus_calls_total", "counter",
                        "Calls of methods over D-Bus; an abandoned one's caller has left.");
        for (BusOutcome o = 0; o < _BUS_OUTCOME_MAX; o++)
                add_count(metrics, (Label){ "outcome", outcomes[o] }, (Label){ 0 }, c->bus[o]);
        begin_family(metrics, "arkd_access_denied_total", "counter",
                        "Calls that were refused because of who made them or where.");
        add_count(metrics, (Label){ "transport", "http" }, (Label){ 0 }, c->http_denied);
        add_count(metrics, (Label){ "transport", "bus" }, (Label){ 0 }, c->bus_denied);
}

/* ---- The process, by the names that all Prometheus clients use ---- */

static void add_process(Metrics *metrics, const Counters *c)
{
        ProcessUsage usage;

        begin_family(metrics, "process_start_time_seconds", "gauge",
                        "When this process was started, in seconds since 1970.");
        add_sample(metrics, "", (Label){ 0 }, (Label){ 0 },
                        json_object_new_double((double) c->started_usec / USEC_PER_SEC));
        if (process_read_usage(&usage) < 0)
                return;
        begin_family(metrics, "process_cpu_seconds_total", "counter", "Processor time that was used.");
        add_sample(metrics, "", (Label){ 0 }, (Label){ 0 }, json_object_new_double(usage.cpu_s));
        add_single(metrics, "process_resident_memory_bytes", "gauge", "Memory that is resident.",
                        usage.resident);
        add_single(metrics, "process_virtual_memory_bytes", "gauge", "Virtual memory.", usage.virtual);
        add_single(metrics, "process_open_fds", "gauge", "Open file descriptors.", usage.fds);
        add_single(metrics, "process_max_fds", "gauge", "As many file descriptors may be open.",
                        usage.fds_max);
}

void run_get_metrics(Request *request)
{
        _cleanup_json_ struct json_object *result = json_object_new_object();
        const Manager *m = request->manager;
        Metrics metrics = { .families = json_object_new_array() };

        if (json_set(result, "families", metrics.families) < 0) {
                request_fail_errno(request, -ENOMEM, "The metrics cannot be told");
                return;
        }
        add_build(&metrics);
        add_connections(&metrics, m);
        add_registry(&metrics, m);
        add_losses(&metrics, m);
        add_storage(&metrics, m);
        add_jobs(&metrics, m);
        add_calls(&metrics, &m->counters);
        add_process(&metrics, &m->counters);
        if (metrics.error < 0)
                request_fail_errno(request, metrics.error, "The metrics cannot be told");
        else
                request_succeed(request, TAKE_PTR(result));
}
