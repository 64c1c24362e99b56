/* SPDX-License-Identifier: MIT */

/* What jobs do in which order, and how they end when something outside stays wrong. */

#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/address-pool.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

/* The whole line, or its beginning up to the end of a name. */
static bool matches(const char *logged, const char *line)
{
        const char *rest = startswith(logged, line);

        return rest && *rest != '_';
}

static size_t position(World *w, const char *line)
{
        for (size_t i = 0; w->ports->log && w->ports->log[i]; i++)
                if (matches(w->ports->log[i], line))
                        return i;
        world_case("%s", line);
        world_fail(w, "it is in the log", __FILE__, __LINE__);
        return 0;
}

static bool logged(World *w, const char *line)
{
        for (char **l = w->ports->log; l && *l; l++)
                if (matches(*l, line))
                        return true;
        return false;
}

static void assert_before(World *w, const char *first, const char *second)
{
        if (position(w, first) < position(w, second))
                return;
        world_case("%s comes before %s", first, second);
        world_fail(w, "order", __FILE__, __LINE__);
}

static const char *message(World *w)
{
        return world_first(w)->message;
}

static const char *reason(World *w)
{
        return strempty(world_first(w)->error_reason);
}

/* ---- Order ---- */

static void test_order(void **state)
{
        World *w = world_created(VARIANT_STRIP);

        /* The intent first, the end last; with a secret and an entry in the stream, all at once. */
        assert_before(w, "= commit put secret put instance put job enqueue", "ensure_image");
        assert_before(w, "= http_get", "commit put instance delete job dequeue");
        /* Both images, the networks and the volume at the same time. */
        assert_before(w, "ensure_image docker.io", "= ensure_image example.org");
        assert_before(w, "create_network ID_net", "= ensure_image example.org");
        assert_before(w, "create_volume", "= ensure_image example.org");
        assert_true(w->ports->n_flying_max >= 5);
        /* Both containers at the same time, each after what it needs. */
        assert_before(w, "create_container ID_db", "= create_container ID");
        assert_before(w, "= create_network ID_net", "create_container ID");
        assert_before(w, "= create_network ark_production", "create_container ID");
        assert_before(w, "= create_volume ID_db_data", "create_container ID_db");
        assert_before(w, "= ensure_image docker.io", "create_container ID_db");
        assert_before(w, "= create_container ID_db", "start_container ID_db");
        /* The application is started when the database takes its login, and is ready when it answers. */
        assert_before(w, "= database_login", "start_container ID");
        world_free(w);
}

static void test_order_of_eager(void **state)
{
        World *w = world_created(VARIANT_EAGER_KEEP);

        assert_before(w, "start_container ID", "= database_login");
        assert_before(w, "= database_login", "commit put instance delete job dequeue");
        assert_true(logged(w, "http_get /instances/ID/up"));
        world_free(w);
        w = world_created(VARIANT_ALONE);
        assert_false(logged(w, "create_volume") || logged(w, "database_login") ||
                        logged(w, "start_container ID_db"));
        assert_true(logged(w, "http_get /up"));
        world_free(w);
}

/* Told while the link is http, and known after a restart of the daemon. */
static void test_secure_cookies(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };
        Instance *i;

        w->ports->app_sets_secure_cookies = true;
        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        world_crash(w, true);
        i = world_first(w);
        assert_string_equal(world_status(w), "running");
        assert_non_null(strstr(instance_warning(i), "Secure"));
        assert_int_equal(free_and_strdup(&i->public_url, "https://a.example/instances/x/"), 0);
        assert_null(instance_warning(i));
        world_check(w);
        world_free(w);
        w = world_created(VARIANT_STRIP);
        assert_null(instance_warning(world_first(w)));
        world_free(w);
}

static void test_order_of_delete(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask delete = { 0 };

        ask_delete(w, &delete, world_id(w));
        world_run(w);
        assert_int_equal(delete.fault, FAULT_NONE);
        assert_before(w, "remove_container ID_db", "= remove_container ID");
        assert_before(w, "= remove_container ID_db", "remove_volume");
        assert_before(w, "= remove_container ID_db", "remove_network");
        assert_before(w, "= remove_volume", "commit put instance delete job dequeue delete secret");
        world_check(w);
        world_free(w);
}

static void test_order_of_undo(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };

        w->ports->app_exits = true;
        w->ports->app_log = "last words";
        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_before(w, "container_logs ID", "remove_container ID");
        assert_before(w, "= remove_container ID", "remove_container ID_db");
        assert_before(w, "= remove_container ID_db", "remove_volume");
        assert_before(w, "= remove_volume", "remove_network");
        assert_string_equal(world_first(w)->error_log, "last words");
        assert_string_equal(world_first(w)->error_step, "health");
        assert_true(strstr(reason(w), "exit status 3"));
        world_check(w);
        world_free(w);
}

static void try_log(const char *log, const char *told)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };

        w->ports->app_exits = true;
        w->ports->app_log = log;
        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        assert_string_equal(reason(w), told);
        world_check(w);
        world_free(w);
}

/* Who may not see the log is told of a full disk all the same. */
static void test_full_disk(void **state)
{
        try_log("PANIC:  could not write to file \"pg_wal/xlogtemp.41\": No space left on device\nshut down",
                        "the application ended right after its start, with exit status 3; its log says “No "
                        "space left on device”");
        try_log("there is space left", "the application ended right after its start, with exit status 3");
        try_log("[FATAL tini (7)] exec /app failed: Exec format error\n",
                        "the application ended right after its start, with exit status 3; its log says "
                        "“exec "
                        "format error”: its image is made for another kind of processor than this host's");
}

/* It ends again and again while it is waited for. */
static void fall(World *w, unsigned times)
{
        FakeResource *app;

        w->ports->app_is_deaf = true;
        while (!world_first(w))
                assert_true(fake_ports_step(w->ports));
        while (!(app = fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w))) || !app->running)
                assert_true(fake_ports_step(w->ports));
        app->running = false;
        app->restarting = true;
        app->restart_count = times;
        app->exit_code = 7;
        for (uint64_t begun = fake_clock_now();
                        fake_clock_now() < begun + USEC_PER_SEC && fake_ports_step(w->ports);)
                ;
}

static void test_falls(void **state)
{
        for (unsigned times = 1; times <= 4; times++) {
                World *w = world_new();
                _cleanup_ask_ Ask create = { 0 };
                FakeResource *app;

                world_case("it falls %u times", times);
                ask_create(w, &create, VARIANT_ALONE);
                fall(w, times);
                if (times == 4) {
                        world_run(w);
                        assert_string_equal(world_status(w), "failed");
                        assert_non_null(strstr(reason(w), "keeps ending"));
                        assert_int_equal(w->ports->log_lines, 5 * 500);
                } else {
                        assert_string_equal(world_status(w), "pending");
                        app = fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w));
                        app->restarting = w->ports->app_is_deaf = false;
                        app->running = true;
                        world_run(w);
                        assert_string_equal(world_status(w), "running");
                }
                world_check(w);
                world_free(w);
        }
}

/* The clock is set while it is deployed: no phase took till the end of time. */
static bool try_set_clock(int64_t usec, unsigned moment)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };
        bool reached = true;

        world_case("clock set by %lld s at step %u", (long long) (usec / 1000000), moment);
        ask_create(w, &create, VARIANT_STRIP);
        for (unsigned i = 0; i < moment && reached; i++)
                reached = fake_ports_step(w->ports);
        fake_clock_set(usec);
        world_run(w);
        world_assert(w, streq(world_status(w), "running"));
        for (InstancePhase phase = 0; phase < _PHASE_MAX; phase++) {
                uint64_t ms = world_first(w)->timeline[phase];

                world_assert(w, ms == TIMELINE_UNSET || ms < 2 * USEC_PER_HOUR / USEC_PER_MSEC);
        }
        world_check(w);
        world_free(w);
        return reached;
}

static void test_set_clock(void **state)
{
        for (unsigned moment = 0; try_set_clock(-(int64_t) USEC_PER_HOUR, moment); moment++)
                ;
        for (unsigned moment = 0; try_set_clock((int64_t) USEC_PER_HOUR, moment); moment++)
                ;
}

/* ---- What stays wrong ---- */

static void try_failing(Variant variant, const char *call, const char *step)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };
        const Instance *i;

        world_case("%s fails", call);
        w->ports->failing = call;
        ask_create(w, &create, variant);
        world_run(w);
        i = world_first(w);
        world_assert(w, i && i->status == INSTANCE_FAILED);
        world_assert(w, streq(i->error_step, step));
        world_assert(w, strstr(i->error_reason, "it was made to fail"));
        world_assert(w, fake_clock_now() < 60 * USEC_PER_SEC);
        w->ports->failing = NULL;
        world_check(w);
        world_free(w);
}

static void test_failing(void **state)
{
        try_failing(VARIANT_STRIP, "ensure_image example.org", "image");
        try_failing(VARIANT_STRIP, "ensure_image docker.io", "image");
        try_failing(VARIANT_STRIP, "create_network", "network");
        try_failing(VARIANT_STRIP, "create_volume", "volume");
        try_failing(VARIANT_STRIP, "create_container", "database");
        try_failing(VARIANT_ALONE, "create_container", "app");
        try_failing(VARIANT_ALONE, "start_container", "app");
        try_failing(VARIANT_STRIP, "start_container", "database");
        try_failing(VARIANT_STRIP, "inspect_container", "database");
        try_failing(VARIANT_ALONE, "inspect_container", "health");
        try_failing(VARIANT_STRIP, "database_login", "database");
        try_failing(VARIANT_STRIP, "http_get", "health");
}

static void test_deadline(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };

        w->ports->app_is_deaf = true;
        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_true(strstr(reason(w), "within 30 s"));
        assert_non_null(strstr(reason(w),
                        "nothing listens on port 8080 (GET /up): connection refused; the image "
                        "exposes ports 3000, 9090; the application listens on port 3000, 127.0.0.1:8080 "
                        "only: to be reached it has to listen on 0.0.0.0"));
        assert_true(fake_clock_now() >= 30 * USEC_PER_SEC && fake_clock_now() < 32 * USEC_PER_SEC);
        world_check(w);
        world_free(w);
}

/* Slow is not wrong; and probes come ever more seldom. */
static void test_patience(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };

        w->ports->login_refusals = 100;
        w->ports->http_refusals = 100;
        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        assert_true(fake_clock_now() > 15 * USEC_PER_SEC && fake_clock_now() < 25 * USEC_PER_SEC);
        world_check(w);
        world_free(w);
}

static void test_undo_that_cannot(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 }, delete = { 0 };

        w->ports->app_exits = true;
        w->ports->failing = "remove_volume";
        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_true(strstr(message(w), "not all of it could be removed"));
        assert_non_null(world_first(w)->subnet); /* not another's yet */
        ask_delete(w, &delete, world_id(w));
        world_run(w);
        assert_int_equal(delete.fault, FAULT_FAILED);
        w->ports->failing = NULL;
        world_delete(w);
        world_free(w);
}

static void test_strangers_are_left_alone(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };
        const FakeResource *stranger = NULL;

        w->ports->plans[0] = (FakePlan){ w->ports->n_calls + 4, FAKE_STRANGER };
        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        for (const FakeResource *r = w->ports->resources; r; r = r->next)
                stranger = r->labels.n == 0 ? r : stranger;
        assert_non_null(stranger);
        assert_true(fake_clock_now() < USEC_PER_SEC); /* without trying to remove it again and again */
        assert_true(strstr(message(w), "nothing of it was left behind"));
        world_check(w);
        world_free(w);
}

/* ---- Secrets ---- */

static void test_secrets_in_logs(void **state)
{
        static char text[12000];
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };
        const Instance *i;
        size_t n;

        ask_create(w, &create, VARIANT_STRIP);
        while (!create.answered)
                assert_true(fake_ports_step(w->ports));
        i = world_first(w);
        /* So long that it is cut in the middle of a secret, or would be. */
        for (size_t cut = 0; cut < 3; cut++) {
                n = 0;
                while (n < 8000 + cut * 13)
                        n += (size_t) snprintf(text + n, sizeof text - n, "%s %s %s\n", i->database_password,
                                        i->access_token, i->secrets.items[0].value);
        }
        w->ports->app_exits = true;
        w->ports->app_log = text;
        char *password = strdup(i->database_password), *token = strdup(i->access_token);
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_true(strlen(i->error_log) > 100);
        assert_null(strstr(i->error_log, password + 20));
        assert_null(strstr(i->error_log, token + 20));
        assert_null(strstr(fake_ports_record(w->ports, STORE_INSTANCE, i->id), password + 20));
        free(password);
        free(token);
        world_check(w);
        world_free(w);
}

static void ask_logs(World *w, Ask *a, const char *cursor)
{
        struct json_object *arguments = json_named("id", world_id(w));

        assert_int_equal(json_set_string(arguments, "cursor", cursor), 0);
        ask_done(a);
        ask(w, a, "GetLogs", ROLE_LOCAL, "uid:0", arguments);
        world_run(w);
        assert_int_equal(a->fault, FAULT_NONE);
}

/* They are kept with the beginning of what happened, and outlive their container. */
static void test_last_words_stay(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 }, logs = { 0 };
        char text[2000] = "starting\nError: no such table\n", *end = text + strlen(text);
        struct json_object *lines;
        const char *first, *cursor;

        for (unsigned k = 0; k < 40; k++)
                end += sprintf(end, "    at frame %u\n", k);
        w->ports->app_exits = true;
        w->ports->app_log = text;
        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_string_equal(world_first(w)->error_log,
                        "starting\nError: no such table\n    at frame 0\n    at frame 1\n    […]\n"
                        "    at frame 38\n    at frame 39");
        assert_null(instance_image(world_first(w)));

        ask_logs(w, &logs, "");
        lines = json_get(logs.result, "lines");
        assert_int_equal(json_object_array_length(lines), 7);
        first = json_object_get_string(json_object_array_get_idx(lines, 1));
        assert_string_equal(first + 30, " app Error: no such table");
        assert_int_equal(json_get_string(logs.result, "cursor", &cursor), 0);
        assert_int_equal(strlen(cursor), 31); /* the database has said nothing */
        _cleanup_free_ char *seen = strdup(cursor);
        ask_logs(w, &logs, seen); /* who follows has them once */
        assert_int_equal(json_object_array_length(json_get(logs.result, "lines")), 0);
        world_check(w);
        world_free(w);
}

/* ---- Resuming ---- */

/* An engine that hangs, or takes its time to start, is away, and nothing is given up because of it. */
static void test_engine_hangs(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask delete = { 0 };
        char *id = strdup(world_id(w));
        unsigned n_failures = 0;

        ask_delete(w, &delete, id);
        for (unsigned i = 0; i < 3; i++)
                assert_true(fake_ports_step(w->ports));
        world_crash(w, true);
        w->ports->hangs = true;
        fake_ports_lose(w->ports, FAKE_ENGINE, 8 * USEC_PER_MINUTE);
        world_run(w);
        assert_true(fake_clock_now() >= 8 * USEC_PER_MINUTE);
        assert_string_equal(world_status(w), "deleted");
        for (size_t i = 0; w->ports->log[i]; i++)
                n_failures += startswith(w->ports->log[i], "! remove_") != NULL;
        assert_int_equal(n_failures, 2); /* of the application and of the database, once each */
        world_check(w);
        world_free(w);
        free(id);
}

/* It is made of its product as that was; a record of before that was kept with it needs the product. */
static void test_product_gone(void **state)
{
        for (int kept = 0; kept < 2; kept++) {
                World *w = world_new();
                _cleanup_ask_ Ask create = { 0 };
                _cleanup_json_ struct json_object *secret = NULL;

                ask_create(w, &create, VARIANT_STRIP);
                for (int i = 0; i < 12; i++)
                        assert_true(fake_ports_step(w->ports));
                fake_ports_put(w->ports, STORE_PRODUCT, "p0", "{}", 0);
                secret = json_of(fake_ports_record(w->ports, STORE_SECRET, world_id(w)));
                if (!kept)
                        json_object_object_del(secret, "product");
                fake_ports_put(w->ports, STORE_SECRET, world_id(w), json_text(secret), 0);
                world_crash(w, true);
                world_run(w);
                assert_string_equal(world_status(w), kept ? "running" : "failed");
                if (!kept)
                        assert_string_equal(reason(w), "its product is gone");
                world_check(w);
                world_free(w);
        }
}

/* What an engine has left behind and forgotten keeps its subnet. */
static void test_subnet_of_a_stranger(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask first = { 0 }, second = { 0 };

        w->ports->strange_subnet = "10.231.16.0/28";
        ask_create(w, &first, VARIANT_STRIP);
        ask_create(w, &second, VARIANT_STRIP);
        world_run(w);
        assert_string_equal(manager_get_instance(w->manager, ask_id(&first))->subnet, "10.231.16.16/28");
        assert_string_equal(manager_get_instance(w->manager, ask_id(&second))->subnet, "10.231.16.32/28");
        world_check(w);
        world_free(w);
}

/* An instance that failed has given its addresses back; deleting it must not give them back again. */
static void test_addresses_given_once(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask failed = { 0 }, other = { 0 }, delete = { 0 };
        char subnet[ADDRESS_TEXT_MAX];
        Instance *i;

        w->ports->failing = "create_volume";
        ask_create(w, &failed, VARIANT_STRIP);
        world_run(w);
        w->ports->failing = NULL;
        /* The pool goes round, so that the next has the subnet that the failed one had. */
        for (unsigned n = 0; n < 3839; n++) {
                assert_int_equal(address_pool_take_subnet(w->manager->addresses, subnet), 0);
                address_pool_release_subnet(w->manager->addresses, subnet);
        }
        ask_create(w, &other, VARIANT_STRIP);
        world_run(w);
        i = manager_get_instance(w->manager, ask_id(&other));
        assert_string_equal(i->subnet, "10.231.16.0/28");
        ask_delete(w, &delete, ask_id(&failed));
        world_run(w);
        assert_int_equal(delete.fault, FAULT_NONE);
        world_check(w); /* the other still has its own */
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_order_of_eager),
                cmocka_unit_test(test_secure_cookies),
                cmocka_unit_test(test_order_of_delete),
                cmocka_unit_test(test_order_of_undo),
                cmocka_unit_test(test_full_disk),
                cmocka_unit_test(test_set_clock),
                cmocka_unit_test(test_failing),
                cmocka_unit_test(test_deadline),
                cmocka_unit_test(test_patience),
                cmocka_unit_test(test_undo_that_cannot),
                cmocka_unit_test(test_strangers_are_left_alone),
                cmocka_unit_test(test_secrets_in_logs),
                cmocka_unit_test(test_last_words_stay),
                cmocka_unit_test(test_engine_hangs),
                cmocka_unit_test(test_falls),
                cmocka_unit_test(test_product_gone),
                cmocka_unit_test(test_subnet_of_a_stranger),
                cmocka_unit_test(test_addresses_given_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
