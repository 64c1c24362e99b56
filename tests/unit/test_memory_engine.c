/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "canned_engine.h"
#include "core/names.h"
#include "core/ports.h"
#include "engine_fixture.h"
#include "starve.h"

/* Every allocation that a call on the engine costs fails once: it ends with the right answer or as a failure of ours,
 * and the next one ends well. Never is what there was no memory to understand taken for nothing, or for a stranger's. */

#define ROUNDS_MAX    2000
#define TIMEOUT       (20 * USEC_PER_SEC)
#define TIMERS_FASTER 50

CURL *__real_curl_easy_init(void);
CURL *__wrap_curl_easy_init(void);
struct curl_slist *__real_curl_slist_append(struct curl_slist *list, const char *text);
struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list, const char *text);
CURLMcode __real_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy);
int __real_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);

CURL *__wrap_curl_easy_init(void)
{
        return starve_now("curl_easy_init") ? NULL : __real_curl_easy_init();
}

struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list, const char *text)
{
        return starve_now("curl_slist_append") ? NULL : __real_curl_slist_append(list, text);
}

CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy)
{
        return starve_now("curl_multi_add_handle") ? CURLM_OUT_OF_MEMORY
                                                   : __real_curl_multi_add_handle(multi, easy);
}

int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec)
{
        return __real_sd_event_source_set_time_relative(source, usec / TIMERS_FASTER);
}

/* ---- The calls --------------------------------------------------------------------------------------------- */

typedef struct World {
        Fixture f;
        CannedEngine engine;
        StringPairs labels;
} World;

#define LABELS "\"Labels\":{\"" ARK_LABEL_INSTANCE "\":\"client_a\",\"" ARK_LABEL_DEPLOYMENT "\":\"d\"}"
#define NETWORK                                                                                             \
        "{\"Name\":\"client_a-net\",\"Driver\":\"bridge\",\"Internal\":true,\"IPAM\":{\"Config\":[{"        \
        "\"Subnet\":\"10.231.16.0/28\",\"Gateway\":\"10.231.16.1\"}]},\"Options\":{"                        \
        "\"com.docker.network.bridge.name\":\"ark0\",\"com.docker.network.bridge.enable_icc\":\"true\"}"    \
        "," LABELS "}"

typedef int (*Start)(World *w, Outcome *o, Pending **ret);

static int start_image(World *w, Outcome *o, Pending **ret)
{
        return w->f.port->vtable->ensure_image(
                        w->f.port, "r:5000/x:1", TIMEOUT, outcome_progress, outcome_done, o, ret);
}

static int start_network(World *w, Outcome *o, Pending **ret)
{
        NetworkSpec spec = {
                .name = "client_a-net",
                .bridge = "ark0",
                .subnet = "10.231.16.0/28",
                .gateway = "10.231.16.1",
                .internal = true,
                .labels = &w->labels,
        };

        return w->f.port->vtable->create_network(w->f.port, &spec, TIMEOUT, outcome_done, o, ret);
}

static int start_volume(World *w, Outcome *o, Pending **ret)
{
        VolumeSpec spec = { .name = "client_a-data", .labels = &w->labels };

        return w->f.port->vtable->create_volume(w->f.port, &spec, TIMEOUT, outcome_done, o, ret);
}

static int start_container(World *w, Outcome *o, Pending **ret)
{
        static const char *const health[] = { "true", NULL };
        ContainerSpec spec = {
                .name = "client_a",
                .image = "r:5000/x:1",
                .env = &w->labels,
                .labels = &w->labels,
                .limits = { .memory = 1000, .pids = 5 },
                .volume = "client_a-data",
                .volume_path = "/data",
                .health_command = health,
                .networks = { { "n1", "10.0.0.2" }, { "n2", NULL } },
                .n_networks = 2,
        };

        return w->f.port->vtable->create_container(w->f.port, &spec, TIMEOUT, outcome_done, o, ret);
}

#define NAMED(function, name)                                                                               \
        static int do_##function(World *w, Outcome *o, Pending **ret)                                       \
        {                                                                                                   \
                return w->f.port->vtable->function(w->f.port, name, TIMEOUT, outcome_done, o, ret);         \
        }

NAMED(start_container, "client_a")
NAMED(remove_container, "client_a")
NAMED(clear_container, "client_a")
NAMED(remove_volume, "client_a-data")
NAMED(remove_network, "client_a-net")

static int do_restart_container(World *w, Outcome *o, Pending **ret)
{
        return w->f.port->vtable->restart_container(w->f.port, "client_a", 5, TIMEOUT, outcome_done, o, ret);
}

static int do_stop_container(World *w, Outcome *o, Pending **ret)
{
        return w->f.port->vtable->stop_container(w->f.port, "client_a", 5, TIMEOUT, outcome_done, o, ret);
}

static int start_inspect(World *w, Outcome *o, Pending **ret)
{
        return w->f.port->vtable->inspect_container(
                        w->f.port, "client_a", "n1", TIMEOUT, outcome_state, o, ret);
}

static int start_give(World *w, Outcome *o, Pending **ret)
{
        return w->f.port->vtable->give_volume(
                        w->f.port, "client_a", "/data/", 20000, true, TIMEOUT, outcome_done, o, ret);
}

static int start_sizes(World *w, Outcome *o, Pending **ret)
{
        return w->f.port->vtable->measure_sizes(w->f.port, TIMEOUT, outcome_sizes, o, ret);
}

static int start_usage(World *w, Outcome *o, Pending **ret)
{
        return w->f.port->vtable->container_usage(w->f.port, "client_a", TIMEOUT, outcome_usage, o, ret);
}

/* What the test keeps is not counted. */
static void keep_text(int error, const char *reason, const char *text, void *userdata)
{
        OUTSIDE;

        outcome_text(error, reason, text, userdata);
}

static int start_logs(World *w, Outcome *o, Pending **ret)
{
        return w->f.port->vtable->container_logs(w->f.port, "client_a", 9, TIMEOUT, keep_text, o, ret);
}

/* What the test keeps is not counted. */
static void keep_listeners(
                int error, const char *reason, const Listener *listeners, size_t n, void *userdata)
{
        OUTSIDE;

        outcome_text(error, reason, n == 1 && listeners[0].port == 3000 ? "3000" : NULL, userdata);
}

static int start_listeners(World *w, Outcome *o, Pending **ret)
{
        return w->f.port->vtable->container_listeners(
                        w->f.port, "client_a", TIMEOUT, keep_listeners, o, ret);
}

static int start_list(World *w, Outcome *o, Pending **ret)
{
        return w->f.port->vtable->list_resources(w->f.port, TIMEOUT, outcome_resources, o, ret);
}

typedef enum Before {
        NOTHING,
        MADE, /* all of it, the container stopped */
        STARTED,
        OTHERWISE, /* ours, but not as it is wanted */
} Before;

static const struct {
        const char *name;
        Start start;
        Before before;
        bool there; /* afterwards: container, network and volume, as far as the call is about them */
} calls[] = {
        { "ensure_image", start_image, NOTHING, false },
        { "ensure_image", start_image, MADE, true },
        { "create_network", start_network, NOTHING, true },
        { "create_network", start_network, MADE, true },
        { "create_network", start_network, OTHERWISE, true },
        { "create_volume", start_volume, NOTHING, true },
        { "create_container", start_container, NOTHING, true },
        { "create_container", start_container, OTHERWISE, true },
        { "start_container", do_start_container, MADE, true },
        { "restart_container", do_restart_container, STARTED, true },
        { "stop_container", do_stop_container, STARTED, true },
        { "inspect_container", start_inspect, STARTED, true },
        { "inspect_container", start_inspect, MADE, true },
        { "give_volume", start_give, MADE, true },
        { "measure_sizes", start_sizes, MADE, true },
        { "container_usage", start_usage, STARTED, true },
        { "container_logs", start_logs, STARTED, true },
        { "container_listeners", start_listeners, STARTED, true },
        { "list_resources", start_list, STARTED, true },
        { "list_resources", start_list, NOTHING, false },
        { "remove_container", do_remove_container, STARTED, false },
        { "clear_container", do_clear_container, STARTED, false },
        { "remove_network", do_remove_network, STARTED, false },
        { "remove_volume", do_remove_volume, STARTED, false },
};

/* ---- Rounds ------------------------------------------------------------------------------------------------ */

static void run_inside(World *w, const bool *flag)
{
        uint64_t deadline = now_monotonic() + TIMEOUT;

        while (!*flag) {
                INSIDE;

                if (now_monotonic() >= deadline)
                        fail_msg("no end after allocation %zu (%s)", starve_count(), starve_what());
                assert_true(sd_event_run(w->f.event, 100 * USEC_PER_MSEC) >= 0);
        }
}

static void set_engine(World *w, Before before)
{
        CannedEngine *e = &w->engine;

        e->image = before != NOTHING;
        e->joined = before == MADE || before == STARTED;
        canned_thing_set(&e->volume, before == NOTHING ? NULL : "{\"Name\":\"client_a-data\"," LABELS "}");
        canned_thing_set(&e->network,
                        before == NOTHING     ? NULL
                        : before == OTHERWISE ? "{\"Name\":\"client_a-net\",\"Driver\":\"bridge\"," LABELS
                                                "}"
                                              : NETWORK);
        canned_thing_set(&e->container, before == NOTHING     ? NULL
                                        : before == OTHERWISE ? "{\"Labels\":{\"" ARK_LABEL_INSTANCE
                                                                "\":\"client_a\",\"" ARK_LABEL_DEPLOYMENT
                                                                "\":\"d\",\"" ARK_LABEL_HASH "\":\"other\"}}"
                                                              : "{" LABELS "}");
        e->container.started = before == STARTED;
}

static int make_call(World *w, size_t i, Outcome *o)
{
        Pending *pending;
        int r;

        free(o->text);
        *o = (Outcome){};
        {
                INSIDE;

                r = calls[i].start(w, o, &pending);
        }
        if (r < 0) {
                assert_false(o->ended);
                return r;
        }
        run_inside(w, &o->ended);
        return o->error;
}

/* Progress is told every 200 ms: whether it is depends on how long the call takes. */
static bool same_progress(const Outcome *a, const Outcome *b)
{
        return a->current == 0 || b->current == 0 || a->current == b->current;
}

static bool same(const Outcome *a, const Outcome *b)
{
        return a->state.running == b->state.running && a->state.exit_code == b->state.exit_code &&
               a->state.joined == b->state.joined && a->state.restart_count == b->state.restart_count &&
               streq(a->address, b->address) && memcmp(&a->usage, &b->usage, sizeof(a->usage)) == 0 &&
               streq_ptr(a->text, b->text) && a->n_resources == b->n_resources &&
               a->n_running == b->n_running && same_progress(a, b);
}

/* What the call is about is there, or it is not. */
static void assert_engine(const World *w, size_t i)
{
        const CannedEngine *e = &w->engine;
        const char *name = calls[i].name;

        if (strstr(name, "image"))
                assert_true(e->image);
        else if (strstr(name, "network"))
                assert_true((e->network.body != NULL) == calls[i].there);
        else if (strstr(name, "volume"))
                assert_true((e->volume.body != NULL) == calls[i].there);
        else if (strstr(name, "container"))
                assert_true((e->container.body != NULL) == calls[i].there);
        if (streq(name, "create_container"))
                assert_true(e->joined);
        if (streq(name, "start_container"))
                assert_true(e->container.started);
}

static void try_call(World *w, size_t i)
{
        Outcome right = {}, starved = {}, next = {};
        size_t n = 1, whole = 0;

        set_engine(w, calls[i].before);
        assert_int_equal(make_call(w, i, &right), 0);
        assert_engine(w, i);
        for (; n < ROUNDS_MAX; n++) {
                bool hit;
                int r;

                set_engine(w, calls[i].before);
                starve_at(n);
                r = make_call(w, i, &starved);
                hit = starve_end();
                if (r == 0 && !same(&starved, &right))
                        fail_msg("%s, allocation %zu (%s): a wrong answer", calls[i].name, n, starve_what());
                if (r == 0) {
                        whole++;
                        assert_engine(w, i);
                } else if (r != -ENOMEM)
                        fail_msg("%s, allocation %zu (%s): %d, %s", calls[i].name, n, starve_what(), r,
                                        starved.reason);
                if (!hit)
                        break;
                if (make_call(w, i, &next) < 0)
                        fail_msg("%s after allocation %zu (%s): %s", calls[i].name, n, starve_what(),
                                        next.reason);
                assert_engine(w, i);
        }
        assert_in_range(n, 3, ROUNDS_MAX - 1);
        assert_true(whole > 0 && whole < n);
        print_message("%s: %zu allocations, %zu of no consequence\n", calls[i].name, n - 1, whole - 1);
        free(right.text);
        free(starved.text);
        free(next.text);
}

static void on_connected(bool connected, void *userdata)
{
        bool *flag = userdata;

        *flag = connected;
}

static int world_try(World *w)
{
        INSIDE;
        int r;

        r = curl_glue_new(w->f.event, &w->f.glue);
        if (r >= 0)
                r = engine_new(w->f.event, w->f.glue, w->engine.path, "d", &w->f.engine);
        if (r >= 0)
                return r;
        w->f.glue = curl_glue_free(w->f.glue);
        return r;
}

/* Where the engine's client cannot even be made it is tried again, as the service manager does. */
static World *world_new(size_t starved)
{
        World *w = new0(World, 1);
        bool connected = false;

        assert_non_null(w);
        assert_true(sd_event_new(&w->f.event) >= 0);
        canned_engine_open(&w->engine, w->f.event);
        assert_int_equal(string_pairs_add(&w->labels, ARK_LABEL_INSTANCE, "client_a"), 0);
        assert_int_equal(string_pairs_add(&w->labels, ARK_LABEL_DEPLOYMENT, "d"), 0);
        starve_at(starved);
        while (world_try(w) < 0)
                ;
        w->f.port = engine_port(w->f.engine);
        w->f.port->vtable->watch(w->f.port, on_connected, NULL, &connected);
        run_inside(w, &connected);
        w->f.port->vtable->watch(w->f.port, NULL, NULL, NULL);
        return w;
}

static void world_free(World *w)
{
        canned_engine_close(&w->engine);
        string_pairs_done(&w->labels);
        fixture_close(&w->f);
        free(w);
}

static void test_calls(void **state)
{
        World *w = world_new(0);

        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                try_call(w, i);
        world_free(w);
}

static void test_connecting(void **state)
{
        bool hit = true;
        size_t n = 0;

        while (hit && n < ROUNDS_MAX) {
                World *w = world_new(++n);

                hit = starve_end();
                world_free(w);
        }
        assert_in_range(n, 10, ROUNDS_MAX - 1);
        print_message("Connecting: %zu allocations\n", n - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_connecting),
                cmocka_unit_test(test_calls),
        };

        log_set_max_level(LOG_EMERG);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
