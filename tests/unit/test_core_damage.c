/* SPDX-License-Identifier: MIT */

/* What an operator's hands and clean-up commands take away, and what restarting and deleting make of it. */

#include <errno.h>

#include "basic/json-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "core/model/instance-volume.h"
#include "core/model/instance.h"
#include "core/model/limits.h"
#include "core/model/user-range.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/registry.h"
#include "core/upkeep/lost.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

#define ANONYMOUS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static FakeResource *app_of(World *w)
{
        return fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w));
}

static FakeResource *volume_of(World *w, const char *suffix)
{
        _cleanup_free_ char *name = str_printf("%s%s", world_id(w), suffix);

        return fake_ports_find(w->ports, RESOURCE_VOLUME, name);
}

/* With an application whose image declares a volume. */
static World *with_volume(void)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };

        w->ports->app_volume = "/var/lib/app";
        ask_create(w, &a, VARIANT_STRIP);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        return w;
}

/* As one of a version before: with a volume that has no labels. */
static void mount_anonymous(World *w)
{
        FakeResource *app = app_of(w);

        fake_ports_add_stranger(w->ports, RESOURCE_VOLUME, ANONYMOUS);
        app->mounts[0] = strdup(ANONYMOUS);
        app->paths[0] = strdup("/uploads");
        assert_true(app->mounts[0] && app->paths[0]);
}

static void remove_app(World *w)
{
        fake_resource_drop(w->ports, app_of(w));
        w->ports->on_event(world_id(w), "app", "destroy", w->ports->watcher[FAKE_ENGINE]);
        world_run(w);
}

static void restart(World *w, Ask *a, bool discard, Fault fault)
{
        struct json_object *arguments = json_named("id", world_id(w));

        if (discard)
                assert_int_equal(json_set_bool(arguments, "discard_files", true), 0);
        ask(w, a, "RestartInstance", ROLE_OPERATOR, "uid:0", arguments);
        world_run(w);
        assert_int_equal(a->fault, fault);
}

static const char *note_of(const Ask *a)
{
        const char *note = NULL;

        assert_int_equal(json_get_string(a->result, "note", &note), 0);
        return note;
}

/* ---- Volumes of images ---- */

static void test_image_volume(void **state)
{
        World *w = with_volume();
        _cleanup_ask_ Ask a = { 0 };
        const FakeResource *volume = volume_of(w, "_var_lib_app");
        unsigned serial;

        assert_non_null(volume);
        assert_string_equal(string_pairs_get(&volume->labels, ARK_LABEL_INSTANCE), world_id(w));
        assert_string_equal(app_of(w)->mounts[0], volume->name);
        serial = volume->serial;
        ask_now(w, &a, "GetCompose", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        assert_non_null(strstr(json_text(a.result), volume->name));
        remove_app(w);
        restart(w, &a, false, FAULT_NONE);
        assert_non_null(strstr(note_of(&a), "files outside its volumes are gone"));
        assert_int_equal(volume_of(w, "_var_lib_app")->serial, serial);
        assert_string_equal(app_of(w)->mounts[0], volume_of(w, "_var_lib_app")->name);
        world_delete(w);
        world_check(w);
        world_free(w);
}

static void test_names(void **state)
{
        static const struct {
                const char *role, *path, *suffix;
        } cases[] = {
                { "app", "/data", "_data" },
                { "app", "/var/lib/my app", "_var_lib_my_app" },
                { "app", "/var/lib/my_app", "_app_var_lib_my_app-" }, /* that name is taken */
                { "app", "/db/data", "_app_db_data-" }, /* the database's own */
                { "db", "/data", "_db_data-" },
                { "db", "/wal", "_db_wal" },
        };
        World *w = world_created(VARIANT_STRIP);
        Instance *i = world_first(w);
        const ContainerSpec c = { .name = "x" };

        for (size_t k = 0; k < ELEMENTSOF(cases); k++) {
                const ImageInfo image = { .volumes = { cases[k].path }, .n_volumes = 1 };
                _cleanup_free_ char *begin = str_printf("%s%s", i->id, cases[k].suffix);

                assert_int_equal(instance_plan_volumes(i, cases[k].role, &image, &c), 0);
                assert_int_equal(i->n_volumes, k + 1);
                assert_non_null(startswith(i->volumes[k].name, begin));
                assert_int_equal(instance_plan_volumes(i, cases[k].role, &image, &c), 0);
                assert_int_equal(i->n_volumes, k + 1);
        }
        world_free(w);
}

/* ---- Whose they are ---- */

#define USER 50000
static const char automatic[] =
                "{\"id\":\"own\",\"name\":\"x\",\"image\":\"a:1\",\"database\":null,\"user\":\"auto\"}";

/* With an application that has a user of its own, and an image that declares a volume. */
static World *with_own_user(void)
{
        World *w = world_new();

        world_stop(w);
        fake_ports_put(w->ports, STORE_PRODUCT, "own", automatic, 9);
        w->settings.users = (UserRange){ .first = USER, .last = USER + 9 };
        w->ports->app_volume = "/data";
        world_start(w);
        return w;
}

static void begin_own(World *w, Ask *a)
{
        struct json_object *arguments = json_named("product_id", "own");

        assert_int_equal(json_set_string(arguments, "client_name", "A"), 0);
        ask(w, a, "CreateInstance", ROLE_OPERATOR, "uid:0", arguments);
}

static void create_own(World *w)
{
        _cleanup_ask_ Ask a = { 0 };

        begin_own(w, &a);
        world_run(w);
        assert_string_equal(world_status(w), "running");
}

static void assert_owner(World *w, uint32_t uid)
{
        const FakeResource *volume = volume_of(w, "_data");

        world_assert(w, volume && volume->uid == uid);
}

/* Also where the image has files in it. */
static void test_new_volume_is_given(void **state)
{
        for (int filled = 0; filled < 2; filled++) {
                World *w = with_own_user();

                w->ports->fills_volumes = filled;
                create_own(w);
                assert_owner(w, USER);
                world_check(w);
                world_free(w);
        }
}

static void test_other_users_keep_what_is_theirs(void **state)
{
        World *w = with_volume();

        for (char **line = w->ports->log; line && *line; line++)
                assert_null(strstr(*line, "give_volume"));
        world_free(w);
}

/* What an application has written is left as it is; what is empty is given again, as the engine may have given it back. */
static void test_made_again(void **state)
{
        World *w = with_own_user();
        _cleanup_ask_ Ask a = { 0 };

        create_own(w);
        volume_of(w, "_data")->uid = 0;
        volume_of(w, "_data")->filled = true;
        remove_app(w);
        restart(w, &a, false, FAULT_NONE);
        assert_owner(w, 0);
        volume_of(w, "_data")->filled = false;
        restart(w, &a, false, FAULT_NONE);
        assert_owner(w, 0); /* its container is there */
        remove_app(w);
        restart(w, &a, false, FAULT_NONE);
        assert_owner(w, USER);
        /* One that comes in the place of one that is gone is as new as the first. */
        w->ports->fills_volumes = true;
        remove_app(w);
        fake_resource_drop(w->ports, volume_of(w, "_data"));
        restart(w, &a, true, FAULT_NONE);
        assert_owner(w, USER);
        world_check(w);
        world_free(w);
}

/* A death anywhere leaves no application that cannot write. */
static void test_given_in_spite_of_deaths(void **state)
{
        for (size_t n = 1; n < 200; n++) {
                World *w = with_own_user();
                _cleanup_ask_ Ask b = { 0 };
                bool more = true;

                w->ports->fills_volumes = true;
                create_own(w);
                remove_app(w);
                fake_resource_drop(w->ports, volume_of(w, "_data"));
                world_case("death %zu of a restart", n);
                struct json_object *arguments = json_named("id", world_id(w));
                assert_int_equal(json_set_bool(arguments, "discard_files", true), 0);
                ask(w, &b, "RestartInstance", ROLE_OPERATOR, "uid:0", arguments);
                for (size_t k = 0; k < n && more; k++)
                        more = fake_ports_step(w->ports);
                ask_drop(&b);
                world_crash(w, n % 2);
                world_run(w);
                if (app_of(w) && volume_of(w, "_data"))
                        assert_owner(w, USER);
                world_free(w);
                if (!more)
                        return;
        }
}

/* The engine failed in between: the next restart finds a container that was never started. */
static void test_given_after_a_failure(void **state)
{
        World *w = with_own_user();
        _cleanup_ask_ Ask a = { 0 };

        w->ports->fills_volumes = true;
        create_own(w);
        remove_app(w);
        fake_resource_drop(w->ports, volume_of(w, "_data"));
        w->ports->failing = "create_container";
        restart(w, &a, true, FAULT_FAILED);
        w->ports->failing = "give_volume";
        restart(w, &a, true, FAULT_FAILED);
        w->ports->failing = NULL;
        assert_owner(w, 0);
        restart(w, &a, false, FAULT_NONE);
        assert_owner(w, USER);
        world_check(w);
        world_free(w);
}

/* A link, or a container that was kept as it was and has no such volume. */
static void test_nothing_to_give(void **state)
{
        static const int errors[] = { -ENOTDIR, -ENOENT };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                World *w = with_own_user();

                w->ports->give_error = errors[i];
                create_own(w);
                assert_owner(w, 0);
                world_check(w);
                world_free(w);
        }
}

/* ---- Volumes that no label tells of ---- */

/* They are remembered as soon as they are seen, mounted again, and go with the instance. */
static void test_anonymous(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        mount_anonymous(w);
        world_stop(w);
        world_start(w); /* looks at all of them */
        world_run(w);
        remove_app(w);
        world_stop(w);
        world_start(w);
        world_run(w);
        restart(w, &a, false, FAULT_NONE);
        assert_string_equal(app_of(w)->mounts[0], ANONYMOUS);
        assert_string_equal(app_of(w)->paths[0], "/uploads");
        remove_app(w);
        world_delete(w);
        assert_null(fake_ports_find(w->ports, RESOURCE_VOLUME, ANONYMOUS));
        world_check(w);
        world_free(w);
}

static void test_anonymous_lost(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        mount_anonymous(w);
        restart(w, &a, false, FAULT_NONE);
        remove_app(w);
        fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_VOLUME, ANONYMOUS));
        restart(w, &a, false, FAULT_FAILED);
        assert_non_null(strstr(a.reason, ANONYMOUS));
        restart(w, &a, true, FAULT_NONE);
        assert_null(app_of(w)->mounts[0]);
        world_check(w);
        world_free(w);
}

/* ---- Volumes that are gone ---- */

static void test_lost(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *database = str_printf("%s_db", world_id(w));
        const char *volume;

        assert_null(manager_lost_volumes(w->manager));
        remove_app(w); /* what is said of it is not all that there is to say */
        fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_CONTAINER, database));
        w->ports->on_event(world_id(w), "db", "destroy", w->ports->watcher[FAKE_ENGINE]);
        fake_resource_drop(w->ports, volume_of(w, "_db_data"));
        world_run(w);
        fake_clock_move(fake_clock_now() + 2 * USEC_PER_SEC); /* the prune takes volumes last */
        world_run(w);
        assert_int_equal(strv_length(manager_lost_volumes(w->manager)), 1);
        volume = manager_lost_volumes(w->manager)[0];
        assert_string_equal(world_status(w), "failed");
        assert_non_null(strstr(world_first(w)->error_reason, volume));
        world_delete(w);
        assert_null(manager_lost_volumes(w->manager));
        world_free(w);
}

/* ---- Networks that were taken away and came again ---- */

static void renew_network(World *w)
{
        _cleanup_free_ char *name = str_printf("%s_net", world_id(w));
        FakeResource *network = fake_ports_find(w->ports, RESOURCE_NETWORK, name), *other;

        other = fake_resource_new(RESOURCE_NETWORK, name, &network->labels);
        other->subnet = strdup(network->subnet);
        app_of(w)->running = false;
        fake_resource_drop(w->ports, network);
        fake_resource_add(w->ports, other);
}

static void test_stale(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };
        unsigned serial = app_of(w)->serial;

        w->ports->app_files = "/srv/upload";
        renew_network(w);
        restart(w, &a, false, FAULT_NONE);
        assert_int_equal(app_of(w)->serial, serial);
        assert_string_equal(note_of(&a), "");
        /* An engine that does not join it to the other: its files are not lost unasked. */
        w->ports->reconnect_fails = true;
        renew_network(w);
        restart(w, &a, false, FAULT_FAILED);
        assert_non_null(strstr(a.reason, "/srv/upload"));
        assert_non_null(strstr(a.reason, "--discard-files"));
        assert_int_equal(app_of(w)->serial, serial);
        restart(w, &a, true, FAULT_NONE);
        assert_int_not_equal(app_of(w)->serial, serial);
        world_check(w);
        world_free(w);
}

/* ---- Another description ---- */

static void relabel(World *w)
{
        FakeResource *app = app_of(w);
        StringPairs labels = { 0 };

        for (size_t k = 0; k < app->labels.n; k++) {
                const StringPair *label = app->labels.items + k;

                assert_int_equal(string_pairs_add(&labels, label->key,
                                                 streq(label->key, ARK_LABEL_HASH) ? "v2:0" : label->value),
                                0);
        }
        string_pairs_done(&app->labels);
        app->labels = labels;
}

static void test_changed(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };
        unsigned serial = app_of(w)->serial;

        relabel(w);
        w->ports->app_files = "/srv/upload";
        restart(w, &a, false, FAULT_NONE);
        assert_int_equal(app_of(w)->serial, serial);
        assert_non_null(strstr(note_of(&a), "/srv/upload"));
        w->ports->app_files = NULL;
        restart(w, &a, false, FAULT_NONE);
        assert_int_not_equal(app_of(w)->serial, serial);
        serial = app_of(w)->serial;
        relabel(w);
        w->ports->app_files = "/srv/upload";
        restart(w, &a, true, FAULT_NONE);
        assert_int_not_equal(app_of(w)->serial, serial);
        world_check(w);
        world_free(w);
}

static unsigned count(const World *w, const char *call)
{
        unsigned n = 0;

        for (char *const *line = w->ports->log; line && *line; line++)
                n += startswith(*line, call) != NULL;
        return n;
}

/* One of before there were default limits has them from a restart on, unless a container stays as it was made. */
static void test_limits_of_old(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };
        Instance *i = manager_get_instance(w->manager, world_id(w));
        const InstanceLimits settled = i->limits;
        unsigned serial = app_of(w)->serial;

        assert_null(instance_warning(i));
        i->has_limits = false;
        i->limits = (InstanceLimits){ 0 };
        relabel(w);
        assert_non_null(strstr(instance_warning(i), "arkctl restart"));
        w->ports->app_files = "/srv/upload";
        restart(w, &a, false, FAULT_NONE);
        assert_int_equal(app_of(w)->serial, serial);
        assert_false(i->has_limits);
        assert_non_null(instance_warning(i));
        restart(w, &a, true, FAULT_NONE);
        assert_int_not_equal(app_of(w)->serial, serial);
        world_stop(w);
        world_start(w);
        world_run(w);
        i = manager_get_instance(w->manager, world_id(w));
        assert_true(i->has_limits);
        assert_memory_equal(&i->limits, &settled, sizeof settled);
        assert_null(instance_warning(i));
        world_check(w);
        world_free(w);
}

/* What it writes while its image is fetched, or as its last, is as good as what it wrote before. */
static void test_written_at_last(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };
        unsigned serial = app_of(w)->serial;

        relabel(w);
        w->ports->last_app_files = "/srv/last";
        restart(w, &a, false, FAULT_NONE);
        assert_int_equal(app_of(w)->serial, serial);
        assert_true(app_of(w)->running);
        assert_non_null(strstr(note_of(&a), "/srv/last"));
        restart(w, &a, true, FAULT_NONE);
        assert_int_not_equal(app_of(w)->serial, serial);
        world_check(w);
        world_free(w);
}

/* What was stopped to be replaced runs again where nothing came to be in its place. */
static void test_stopped_for_nothing(void **state)
{
        static const char *const calls[] = { "create_network", "create_container" };

        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_ask_ Ask a = { 0 };
                unsigned serial = app_of(w)->serial;

                relabel(w);
                w->ports->failing = calls[i];
                restart(w, &a, false, FAULT_FAILED);
                w->ports->failing = NULL;
                assert_int_equal(count(w, "stop_container"), 1);
                assert_int_equal(app_of(w)->serial, serial);
                assert_true(app_of(w)->running);
                world_free(w);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_image_volume),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_new_volume_is_given),
                cmocka_unit_test(test_other_users_keep_what_is_theirs),
                cmocka_unit_test(test_made_again),
                cmocka_unit_test(test_given_in_spite_of_deaths),
                cmocka_unit_test(test_given_after_a_failure),
                cmocka_unit_test(test_nothing_to_give),
                cmocka_unit_test(test_anonymous),
                cmocka_unit_test(test_anonymous_lost),
                cmocka_unit_test(test_lost),
                cmocka_unit_test(test_stale),
                cmocka_unit_test(test_changed),
                cmocka_unit_test(test_limits_of_old),
                cmocka_unit_test(test_written_at_last),
                cmocka_unit_test(test_stopped_for_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
