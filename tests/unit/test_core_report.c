/* SPDX-License-Identifier: MIT */

/* What core tells of how things are: what instances use, and metrics. */

#include <stdio.h>
#include <unistd.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "config.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/counters.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

/* ---- Usage ---- */

static void ask_usage(World *w, Ask *a, const char *id)
{
        ask(w, a, "GetUsage", ROLE_LOCAL, "uid:1000", json_named("id", id));
}

static struct json_object *usage_item(const Ask *a, size_t n, const char *role, const char *container)
{
        struct json_object *item = json_object_array_get_idx(json_get(a->result, "items"), n);
        const char *text;

        assert_int_equal(json_get_string(item, "role", &text), 0);
        assert_string_equal(text, role);
        assert_int_equal(json_get_string(item, "container", &text), 0);
        assert_string_equal(text, container);
        return item;
}

static size_t count_items(const Ask *a)
{
        assert_int_equal(a->fault, FAULT_NONE);
        return json_object_array_length(json_get(a->result, "items"));
}

static size_t count_calls(World *w, const char *prefix)
{
        size_t n = 0;

        for (char **line = w->ports->log; line && *line; line++)
                n += startswith(*line, prefix) != NULL;
        return n;
}

static void test_usage(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *database = str_printf("%s_db", id);
        _cleanup_ask_ Ask a = { 0 };
        struct json_object *item;
        const char *text;
        uint64_t value;

        ask_usage(w, &a, id);
        assert_int_equal(count_calls(w, "container_usage"), 2); /* both at once */
        world_run(w);
        assert_int_equal(count_items(&a), 2);
        item = usage_item(&a, 0, "app", id);
        assert_int_equal(json_get_u64(item, "memory", &value), 0);
        assert_true(value == 1000 + fake_ports_find(w->ports, RESOURCE_CONTAINER, id)->serial);
        assert_int_equal(json_get_u64(item, "pids_limit", &value), 0);
        assert_int_equal(value, 512);
        assert_null(json_get(item, "memory_limit"));
        assert_int_equal(json_get_string(item, "read_at", &text), 0);
        assert_string_equal(text, "2025-11-24T16:00:01.000000Z");
        item = usage_item(&a, 1, "db", database);
        assert_int_equal(json_get_u64(item, "cpu_nsec", &value), 0);
        assert_true(value == 2000 + fake_ports_find(w->ports, RESOURCE_CONTAINER, database)->serial);

        /* Of what does not run there is nothing to tell. */
        fake_ports_find(w->ports, RESOURCE_CONTAINER, id)->running = false;
        ask_usage(w, &a, id);
        world_run(w);
        assert_int_equal(count_items(&a), 1);
        (void) usage_item(&a, 0, "db", database);
        fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_CONTAINER, database));
        ask_usage(w, &a, id);
        world_run(w);
        assert_int_equal(count_items(&a), 0);
        ask_usage(w, &a, "client_zzzzzzzzzzzz");
        world_run(w);
        assert_int_equal(a.fault, FAULT_NO_SUCH_INSTANCE);
        ask_delete(w, &a, id);
        world_run(w);
        ask_usage(w, &a, id);
        world_run(w);
        assert_int_equal(count_items(&a), 0);
        world_check(w);
        world_free(w);
}

static void test_usage_without_a_database(void **state)
{
        World *w = world_created(VARIANT_ALONE);
        _cleanup_ask_ Ask a = { 0 };

        ask_usage(w, &a, world_id(w));
        world_run(w);
        assert_int_equal(count_items(&a), 1);
        (void) usage_item(&a, 0, "app", world_id(w));
        world_free(w);
}

/* Many ask at once, some of them leave: the engine is asked once, and those who stay are answered. */
static void test_usage_is_shared(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        const char *id = world_id(w);
        Ask asks[20] = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(asks); i++)
                ask_usage(w, asks + i, id);
        assert_true(fake_ports_step(w->ports));
        ask_drop(asks + 0);
        ask_drop(asks + 7);
        ask_drop(asks + 19);
        world_run(w);
        assert_int_equal(count_calls(w, "container_usage"), 2);
        for (size_t i = 0; i < ELEMENTSOF(asks); i++) {
                bool left = i == 0 || i == 7 || i == 19;

                assert_int_equal(asks[i].answered, !left);
                if (!left)
                        assert_int_equal(count_items(asks + i), 2);
                ask_done(asks + i);
        }
        /* All leave: so does the question. */
        ask_usage(w, asks + 0, id);
        ask_usage(w, asks + 1, id);
        ask_drop(asks + 0);
        ask_drop(asks + 1);
        world_run(w);
        assert_int_equal(count_calls(w, "container_usage"), 4);
        assert_int_equal(count_calls(w, "= container_usage"), 2);
        ask_usage(w, asks + 0, id);
        world_run(w);
        assert_int_equal(count_items(asks + 0), 2);
        ask_done(asks + 0);
        world_check(w);
        world_free(w);
}

static bool try_usage_fault(size_t call, FakeFault fault)
{
        World *w = world_created(VARIANT_STRIP);
        Ask asks[2] = { 0 };
        bool reached;

        world_case("usage, call %zu %s", call, fake_fault_to_string(fault));
        w->ports->plans[0] = (FakePlan){ w->ports->n_calls + call, fault };
        ask_usage(w, asks + 0, world_id(w));
        ask_usage(w, asks + 1, world_id(w));
        world_run(w);
        reached = w->ports->n_calls > w->ports->plans[0].call;
        for (size_t i = 0; i < ELEMENTSOF(asks); i++) {
                world_assert(w, asks[i].answered);
                world_assert(w, asks[i].fault == FAULT_NONE || asks[i].fault == FAULT_FAILED ||
                                                asks[i].fault == FAULT_ENGINE_UNAVAILABLE);
                if (reached && fault != FAKE_FINE && asks[i].fault == FAULT_NONE)
                        world_assert(w, count_items(asks + i) == 2);
                ask_done(asks + i);
        }
        w->ports->plans[0].call = SIZE_MAX;
        ask_usage(w, asks + 0, world_id(w));
        world_run(w);
        world_assert(w, count_items(asks + 0) == 2);
        ask_done(asks + 0);
        world_check(w);
        world_free(w);
        return reached;
}

static void test_usage_faults(void **state)
{
        for (FakeFault fault = FAKE_FINE; fault < FAKE_STALLED; fault++)
                for (size_t call = 0; try_usage_fault(call, fault); call++)
                        ;
}

static void test_usage_without_the_engine(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        fake_ports_lose(w->ports, FAKE_ENGINE, UINT64_MAX);
        ask_usage(w, &a, world_id(w));
        world_run(w);
        assert_int_equal(a.fault, FAULT_ENGINE_UNAVAILABLE);
        assert_true(a.retry_after_s > 0);
        fake_ports_return(w->ports, FAKE_ENGINE);
        world_free(w);
}

/* ---- Metrics ---- */

static struct json_object *find_family(const Ask *a, const char *name)
{
        struct json_object *families = json_get(a->result, "families");

        for (size_t i = 0; i < json_object_array_length(families); i++) {
                struct json_object *family = json_object_array_get_idx(families, i);
                const char *found;

                assert_int_equal(json_get_string(family, "name", &found), 0);
                if (streq(found, name))
                        return family;
        }
        return NULL;
}

/* The value of a family's sample with exactly these labels, such as "kind=create,outcome=failed"; -1 where there is none. */
static double metric(const Ask *a, const char *name, const char *suffix, const char *labels)
{
        struct json_object *samples = json_get(find_family(a, name), "samples");

        for (size_t i = 0; samples && i < json_object_array_length(samples); i++) {
                struct json_object *sample = json_object_array_get_idx(samples, i);
                _cleanup_free_ char *text = strdup("");
                const char *found;

                json_object_object_foreach (json_get(sample, "labels"), key, value) {
                        char *longer = str_printf("%s%s%s=%s", text, *text ? "," : "", key,
                                        json_object_get_string(value));

                        free(text);
                        text = longer;
                }
                assert_int_equal(json_get_string(sample, "suffix", &found), 0);
                if (streq(found, suffix) && streq(text, labels))
                        return json_object_get_double(json_get(sample, "value"));
        }
        return -1;
}

static void read_metrics(World *w, Ask *a)
{
        ask_now(w, a, "GetMetrics", ROLE_OPERATOR, "token", NULL);
        assert_int_equal(a->fault, FAULT_NONE);
}

#define assert_metric(a, name, labels, expected)                                                            \
        do {                                                                                                \
                double found = metric(a, name, "", labels);                                                 \
                if (found < (expected) || found > (expected))                                               \
                        fail_msg("%s{%s} is %g, not %g", name, labels, found, (double) (expected));         \
        } while (0)

static void test_metrics(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 }, broken = { 0 }, a = { 0 };
        const char *jobs = "arkd_jobs_ended_total";

        read_metrics(w, &a);
        assert_metric(&a, "arkd_products", "", 6);
        assert_metric(&a, "arkd_instances", "status=running", 0);
        assert_metric(&a, jobs, "kind=create,outcome=succeeded", 0);
        assert_metric(&a, "arkd_engine_connected", "", 1);
        assert_metric(&a, "arkd_store_connected", "", 1);
        w->ports->login_refusals = 5; /* so that there is something to wait for */
        ask_create(w, &create, VARIANT_STRIP);
        while (!create.answered)
                assert_true(fake_ports_step(w->ports));
        read_metrics(w, &a);
        assert_metric(&a, "arkd_instances", "status=pending", 1);
        assert_metric(&a, "arkd_jobs", "state=running", 1);
        world_run(w);
        w->ports->app_exits = true;
        ask_create(w, &broken, VARIANT_ALONE);
        world_run(w);
        ask(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", ask_id(&create)));
        world_run(w);
        ask_delete(w, &a, ask_id(&broken));
        world_run(w);
        read_metrics(w, &a);
        assert_metric(&a, "arkd_instances", "status=pending", 0);
        assert_metric(&a, "arkd_instances", "status=deleted", -1); /* their records are no instances */
        assert_metric(&a, "arkd_jobs", "state=running", 0);
        assert_metric(&a, jobs, "kind=create,outcome=succeeded", 1);
        assert_metric(&a, jobs, "kind=create,outcome=failed", 1);
        assert_metric(&a, jobs, "kind=restart,outcome=failed", 1);
        assert_metric(&a, jobs, "kind=delete,outcome=succeeded", 1);
        assert_true(metric(&a, "arkd_job_duration_seconds", "_count", "kind=create") == 2);
        assert_true(metric(&a, "arkd_job_duration_seconds", "_bucket", "kind=create,le=+Inf") == 2);
        assert_true(metric(&a, "arkd_job_duration_seconds", "_sum", "kind=create") > 0);
        assert_true(metric(&a, "arkd_deploy_phase_duration_seconds", "_count", "phase=database") == 1);
        assert_true(metric(&a, "arkd_deploy_phase_duration_seconds", "_count", "phase=queued") == 1);
        assert_true(metric(&a, "arkd_deploy_phase_duration_seconds", "_sum", "phase=database") > 0);
        world_free(w);
}

/* A deploy that is deleted before its end. */
static void test_metrics_of_cancelled_jobs(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 }, delete = { 0 }, a = { 0 };

        ask_create(w, &create, VARIANT_STRIP);
        while (!create.answered)
                assert_true(fake_ports_step(w->ports));
        ask_delete(w, &delete, ask_id(&create));
        world_run(w);
        read_metrics(w, &a);
        assert_metric(&a, "arkd_jobs_ended_total", "kind=create,outcome=cancelled", 1);
        assert_metric(&a, "arkd_jobs_ended_total", "kind=delete,outcome=succeeded", 1);
        assert_true(metric(&a, "arkd_job_duration_seconds", "_count", "kind=create") == 0);
        world_free(w);
}

/* Outside away: the numbers that are known are told, and none is made up. */
static void test_metrics_without_the_outside(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        fake_ports_lose(w->ports, FAKE_ENGINE, UINT64_MAX);
        fake_ports_lose(w->ports, FAKE_STORE, UINT64_MAX);
        read_metrics(w, &a);
        assert_metric(&a, "arkd_engine_connected", "", 0);
        assert_metric(&a, "arkd_store_connected", "", 0);
        assert_metric(&a, "arkd_instances", "status=running", 1);
        world_stop(w);
        fake_ports_lose(w->ports, FAKE_STORE, UINT64_MAX);
        world_start(w);
        read_metrics(w, &a);
        assert_metric(&a, "arkd_store_connected", "", 0);
        assert_null(find_family(&a, "arkd_instances"));
        assert_null(find_family(&a, "arkd_products"));
        assert_null(find_family(&a, "arkd_ownerless_volumes"));
        fake_ports_return(w->ports, FAKE_STORE);
        world_run(w);
        read_metrics(w, &a);
        assert_metric(&a, "arkd_instances", "status=running", 1);
        assert_metric(&a, "arkd_ownerless_volumes", "", 0);
        world_free(w);
}

static void test_metrics_of_calls(void **state)
{
        World *w = world_new();
        Counters *c = manager_counters(w->manager);
        _cleanup_ask_ Ask a = { 0 };

        count_http(c, HTTP_API, 200);
        count_http(c, HTTP_API, 204);
        count_http(c, HTTP_API, 401);
        count_http(c, HTTP_METRICS, 403);
        count_http(c, HTTP_ROUTE, 403); /* says where an instance is not */
        count_http(c, HTTP_OTHER, 999);
        count_http(c, HTTP_EVENTS, 0);
        c->bus[BUS_SUCCEEDED] = 3;
        c->bus[BUS_ABANDONED] = 4;
        c->bus_denied = 5;
        read_metrics(w, &a);
        assert_metric(&a, "arkd_http_requests_total", "handler=api,class=2xx", 2);
        assert_metric(&a, "arkd_http_requests_total", "handler=api,class=4xx", 1);
        assert_metric(&a, "arkd_http_requests_total", "handler=route,class=4xx", 1);
        assert_metric(&a, "arkd_http_requests_total", "handler=other,class=unanswered", 1);
        assert_metric(&a, "arkd_http_requests_total", "handler=events,class=unanswered", 1);
        assert_metric(&a, "arkd_bus_calls_total", "outcome=succeeded", 3);
        assert_metric(&a, "arkd_bus_calls_total", "outcome=failed", 0);
        assert_metric(&a, "arkd_bus_calls_total", "outcome=abandoned", 4);
        assert_metric(&a, "arkd_access_denied_total", "transport=http", 2);
        assert_metric(&a, "arkd_access_denied_total", "transport=bus", 5);
        world_free(w);
}

static void test_metrics_of_the_process(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 }, later = { 0 };
        int extra = dup(0);
        double rss;

        read_metrics(w, &a);
        rss = metric(&a, "process_resident_memory_bytes", "", "");
        assert_true(rss > 1e6 && rss < 1e9);
        assert_true(metric(&a, "process_virtual_memory_bytes", "", "") > rss);
        assert_true(metric(&a, "process_cpu_seconds_total", "", "") >= 0);
        assert_true(metric(&a, "process_max_fds", "", "") > 100);
        assert_metric(&a, "process_start_time_seconds", "", 1764000000);
        fake_clock_move(fake_clock_now() + USEC_PER_HOUR);
        assert_int_equal(close(extra), 0);
        read_metrics(w, &later);
        assert_metric(&later, "process_start_time_seconds", "", 1764000000);
        assert_metric(&later, "process_open_fds", "", metric(&a, "process_open_fds", "", "") - 1);
        assert_metric(&a, "arkd_build_info", "version=" ARK_VERSION, 1);
        world_free(w);
}

static void test_histogram(void **state)
{
        Histogram h = { 0 };

        histogram_add(&h, 0);
        histogram_add(&h, 0.1); /* bounds are part of their bucket */
        histogram_add(&h, 0.100001);
        histogram_add(&h, 600);
        histogram_add(&h, 601);
        assert_int_equal(h.n[0], 2);
        assert_int_equal(h.n[1], 1);
        assert_int_equal(h.n[HISTOGRAM_BOUNDS - 1], 1);
        assert_int_equal(h.n[HISTOGRAM_BOUNDS], 1);
        assert_true(h.sum > 1201.2 && h.sum < 1201.3);
        for (size_t i = 1; i < HISTOGRAM_BOUNDS; i++)
                assert_true(histogram_bounds[i] > histogram_bounds[i - 1]);
}

/* Phases that were passed over take no time of their own. */
static void test_deploy_phases(void **state)
{
        Counters c = { 0 };
        Instance i = { 0 };

        for (InstancePhase p = 0; p < _PHASE_MAX; p++)
                i.timeline[p] = TIMELINE_UNSET;
        i.timeline[PHASE_QUEUED] = 0;
        i.timeline[PHASE_NETWORK] = 400;
        i.timeline[PHASE_HEALTH] = 2400;
        i.timeline[PHASE_READY] = 62400;
        count_deploy(&c, &i);
        assert_true(c.phase_duration[PHASE_QUEUED].n[2] == 1 && c.phase_duration[PHASE_NETWORK].n[4] == 1);
        assert_int_equal(c.phase_duration[PHASE_HEALTH].n[8], 1);
        assert_true(c.phase_duration[PHASE_HEALTH].sum > 59.9 && c.phase_duration[PHASE_HEALTH].sum < 60.1);
        for (size_t bucket = 0; bucket <= HISTOGRAM_BOUNDS; bucket++)
                assert_true(c.phase_duration[PHASE_IMAGE].n[bucket] == 0 &&
                                c.phase_duration[PHASE_APP].n[bucket] == 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_usage),
                cmocka_unit_test(test_usage_without_a_database),
                cmocka_unit_test(test_usage_is_shared),
                cmocka_unit_test(test_usage_faults),
                cmocka_unit_test(test_usage_without_the_engine),
                cmocka_unit_test(test_metrics),
                cmocka_unit_test(test_metrics_of_cancelled_jobs),
                cmocka_unit_test(test_metrics_without_the_outside),
                cmocka_unit_test(test_metrics_of_calls),
                cmocka_unit_test(test_metrics_of_the_process),
                cmocka_unit_test(test_histogram),
                cmocka_unit_test(test_deploy_phases),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
