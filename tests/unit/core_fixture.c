/* SPDX-License-Identifier: MIT */
#include "core_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/time-util.h"
#include "core/manager.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/verbs/dispatch.h"
#include "core/verbs/request.h"
#include "core/verbs/table.h"
#include "core/verbs/verb.h"
#include "fake_clock.h"
#include "fake_settings.h"

#define STEPS_LIMIT 20000

static char case_text[256];

void world_case(const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(case_text, sizeof case_text, format, ap);
        va_end(ap);
}

void world_fail(World *w, const char *what, const char *file, int line)
{
        for (char **l = w && w->ports ? w->ports->log : NULL; l && *l; l++)
                print_error("  %s\n", *l);
        for (const FakeRecord *r = w && w->ports ? w->ports->records : NULL; r; r = r->next)
                if (r->kind != STORE_PRODUCT)
                        print_error("  %d/%s: %.400s\n", (int) r->kind, r->id, r->text);
        print_error("Case: %s\n", case_text);
        _fail(what, line);
        print_error("%s\n", file);
}

const char *variant_product(Variant variant)
{
        static const char *const ids[_VARIANT_MAX] = { "p0", "p1", "p2", "p3", "p4", "p5" };

        return ids[variant];
}

static void put_product(World *w, Variant variant)
{
        const bool keep = variant % 2, alone = variant >= VARIANT_ALONE, eager = variant / 2 == 1;
        _cleanup_free_ char *text = NULL;

        text = str_printf("{\"id\":\"%s\",\"name\":\"Shop\",\"image\":\"example.org/shop:%d\",\"port\":8080,"
                          "\"prefix\":\"%s\",\"health_path\":\"/up\",\"deadline_s\":30,%s"
                          "\"needs_database_first\":%s,"
                          "\"env\":{\"ADMIN\":\"${SECRET:admin}\",\"WHO\":\"${CLIENT_NAME}\"},"
                          "\"credentials\":[{\"label\":\"Login\",\"value\":\"admin ${SECRET:admin}\"}]}",
                        variant_product(variant), (int) variant, keep ? "keep" : "strip",
                        alone ? "\"database\":null," : "", eager ? "false" : "true");
        assert_non_null(text);
        fake_ports_put(w->ports, STORE_PRODUCT, variant_product(variant), text, (uint64_t) variant);
}

size_t world_case_step(void)
{
        const char *share = getenv("ARK_TEST_SHARE");

        return share && atoi(share) > 0 ? (size_t) atoi(share) : 1;
}

size_t world_first_case(void)
{
        return (size_t) getpid() % world_case_step();
}

static void make_compose_dir(World *w)
{
        /* In memory where possible: there are very many of them. */
        (void) snprintf(w->compose_dir, sizeof w->compose_dir, "%s/ark-core-XXXXXX",
                        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        assert_non_null(mkdtemp(w->compose_dir));
}

World *world_new(void)
{
        World *w = new0(World, 1);
        int r;

        assert_non_null(w);
        log_set_max_level(LOG_EMERG);
        fake_clock_reset();
        r = sd_event_new(&w->event);
        assert_true(r >= 0);
        w->ports = fake_ports_new(w->event);
        make_compose_dir(w);
        w->settings = fake_settings;
        w->settings.compose_dir = w->compose_dir;
        for (Variant v = 0; v < _VARIANT_MAX; v++)
                put_product(w, v);
        world_start(w);
        return w;
}

/* Beside the compose files: the generation, and marks of what was deleted, also of records that are gone. */
static void remove_notes(World *w)
{
        DIR *directory = opendir(w->compose_dir);

        for (struct dirent *e = directory ? readdir(directory) : NULL; e; e = readdir(directory))
                if (streq(e->d_name, "generation") || startswith(e->d_name, "deleted.client_"))
                        (void) unlinkat(dirfd(directory), e->d_name, 0);
        if (directory)
                closedir(directory);
}

static void remove_compose_dir(World *w)
{
        for (const FakeRecord *r = w->ports->records; r; r = r->next)
                if (r->kind == STORE_INSTANCE) {
                        _cleanup_free_ char *path = str_printf("%s/compose.%s.yml", w->compose_dir, r->id);

                        assert_non_null(path);
                        (void) unlink(path);
                }
        remove_notes(w);
        (void) rmdir(w->compose_dir);
        assert_int_not_equal(access(w->compose_dir, F_OK), 0); /* nothing else was left in it */
}

World *world_free(World *w)
{
        if (!w)
                return NULL;
        world_stop(w);
        remove_compose_dir(w);
        fake_ports_free(w->ports);
        sd_event_unref(w->event);
        free(w);
        return NULL;
}

void world_start(World *w)
{
        int r;

        r = manager_new(w->event, &w->settings, &w->ports->engine, &w->ports->store, &w->ports->probe,
                        &w->manager);
        assert_int_equal(r, 0);
        assert_int_equal(manager_start(w->manager), 0);
        while (!manager_is_loaded(w->manager) && fake_ports_step(w->ports))
                ;
}

void world_stop(World *w)
{
        if (!w->manager)
                return;
        fake_ports_crash(w->ports, true);
        w->manager = manager_free(w->manager);
        fake_ports_crashed(w->ports);
}

void world_crash(World *w, bool done)
{
        fake_ports_crash(w->ports, done);
        w->manager = manager_free(w->manager);
        fake_ports_crashed(w->ports);
        world_start(w);
}

void world_run(World *w)
{
        for (unsigned n = 0; fake_ports_step(w->ports); n++)
                world_assert(w, n < STEPS_LIMIT);
}

/* ---- Requests ---- */

struct json_object *json_of(const char *text)
{
        struct json_object *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &json, NULL), 0);
        return json;
}

struct json_object *json_named(const char *name, const char *value)
{
        struct json_object *json = json_object_new_object();

        assert_int_equal(json_set_string(json, name, value), 0);
        return json;
}

void ask_on_answer(Request *request, void *userdata)
{
        Ask *a = userdata;

        assert_false(a->answered);
        a->answered = true;
        a->fault = request->fault;
        a->created = request->created;
        a->retry_after_s = request->retry_after_s;
        a->field = TAKE_PTR(request->field);
        a->reason = TAKE_PTR(request->reason);
        a->result = TAKE_PTR(request->result);
        assert_true(a->fault == FAULT_NONE || a->reason || a->unreasoned);
        a->request = request_free(request);
}

void ask(World *w, Ask *a, const char *action, Role role, const char *identity,
                struct json_object *arguments)
{
        Caller caller = { .role = role, .identity = strdup(identity), .unlimited = role == ROLE_OPERATOR };
        const Action *found = action_find(action);

        assert_non_null(found);
        ask_done(a);
        a->request = request_new(w->manager, found, &caller, arguments, ask_on_answer, a);
        assert_non_null(a->request);
        request_dispatch(a->request);
        assert_false(a->answered); /* the completion comes from the loop */
}

void ask_now(World *w, Ask *a, const char *action, Role role, const char *identity,
                struct json_object *arguments)
{
        ask(w, a, action, role, identity, arguments);
        while (!a->answered && fake_ports_step(w->ports))
                ;
        world_assert(w, a->answered);
}

void ask_drop(Ask *a)
{
        a->request = request_free(a->request);
}

void ask_done(Ask *a)
{
        request_free(a->request);
        free(a->field);
        free(a->reason);
        json_object_put(a->result);
        *a = (Ask){ 0 };
}

void ask_create(World *w, Ask *a, Variant variant)
{
        struct json_object *arguments = json_object_new_object();

        assert_int_equal(json_set_string(arguments, "product_id", variant_product(variant)), 0);
        assert_int_equal(json_set_string(arguments, "client_name", "Acme"), 0);
        ask(w, a, "CreateInstance", ROLE_OPERATOR, "uid:0", arguments);
}

void ask_delete(World *w, Ask *a, const char *id)
{
        ask(w, a, "DeleteInstance", ROLE_OPERATOR, "uid:0", json_named("id", id));
}

void world_delete(World *w)
{
        _cleanup_ask_ Ask delete = { 0 };

        ask_delete(w, &delete, world_id(w));
        world_run(w);
        assert_int_equal(delete.fault, FAULT_NONE);
        assert_string_equal(world_status(w), "deleted");
        world_check(w);
}

const char *ask_id(const Ask *a)
{
        const char *id = "";

        assert_int_equal(json_get_string(a->result, "id", &id), 0);
        return id;
}

Instance *world_first(World *w)
{
        return manager_next_instance(w->manager, NULL);
}

World *world_created(Variant variant)
{
        _cleanup_ask_ Ask create = { 0 };
        World *w = world_new();

        ask_create(w, &create, variant);
        world_run(w);
        world_assert(w, create.fault == FAULT_NONE);
        world_assert(w, world_first(w) && world_first(w)->status == INSTANCE_RUNNING);
        return w;
}

const char *world_id(World *w)
{
        const Instance *i = manager_next_instance(w->manager, NULL);

        return i ? i->id : NULL;
}

const char *world_status(World *w)
{
        const Instance *i = manager_next_instance(w->manager, NULL);

        return i ? instance_status_to_string(i->status) : NULL;
}
