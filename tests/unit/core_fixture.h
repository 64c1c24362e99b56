/* SPDX-License-Identifier: MIT */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/manager.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/verbs/request.h"
#include "fake_ports.h"

/* A manager on ports without a world behind them, and the promise that it keeps whatever goes wrong. */

typedef struct World {
        sd_event *event;
        FakePorts *ports;
        Manager *manager;
        char compose_dir[64];
        ManagerSettings settings;
} World;

/* The kinds of product that differ in their steps. */
typedef enum Variant {
        VARIANT_STRIP,
        VARIANT_KEEP,
        VARIANT_EAGER, /* does not need its database first */
        VARIANT_EAGER_KEEP,
        VARIANT_ALONE, /* no database */
        VARIANT_ALONE_KEEP,
        _VARIANT_MAX,
} Variant;

/* Of cases that go by a number: the first to try, from 0 on, and how far it is to the next. All of them are tried, or
 * one of every ARK_TEST_SHARE, others each time. */
size_t world_first_case(void);
size_t world_case_step(void);

/* What is being tried, for messages. */
void world_case(const char *format, ...) _printf_(1, 2);
void world_fail(World *w, const char *what, const char *file, int line);
#define world_assert(w, condition)                                                                          \
        do {                                                                                                \
                if (!(condition))                                                                           \
                        world_fail((w), #condition, __FILE__, __LINE__);                                    \
        } while (false)

/* With a product of each variant in the store ("p0" to "p5"), and a manager that has read it. */
World *world_new(void);
/* The same with a running instance. */
World *world_created(Variant variant);
World *world_free(World *w);

void world_start(World *w);
void world_stop(World *w);
/* kill -9, and the next start. done: what was under way is done. */
void world_crash(World *w, bool done);

/* Runs until nothing is left to happen. */
void world_run(World *w);

/* All is as it must be once nothing is left to happen: each instance runs whole or is gone whole. Also after a
 * restart. */
void world_check(World *w);

const char *variant_product(Variant variant);

/* A request and what became of it. Zero-initialise. */
typedef struct Ask {
        Request *request; /* NULL once it has been answered */
        bool answered;
        bool unreasoned; /* may fail without a reason: there may be no memory for one */
        Fault fault;
        char *field, *reason;
        struct json_object *result;
        bool created;
        unsigned retry_after_s;
} Ask;

void ask_done(Ask *ask);
#define _cleanup_ask_ _cleanup_(ask_done)

/* The completion of its request; userdata is the Ask. */
void ask_on_answer(Request *request, void *userdata);

/* Takes arguments over. Roles have no limits when they are operators. */
void ask(World *w, Ask *ask, const char *action, Role role, const char *identity,
                struct json_object *arguments);
/* Asks and runs until there is an answer. */
void ask_now(World *w, Ask *ask, const char *action, Role role, const char *identity,
                struct json_object *arguments);
/* The caller has gone. */
void ask_drop(Ask *ask);

struct json_object *json_of(const char *text);
/* An object of one member. */
struct json_object *json_named(const char *name, const char *value);
/* As an operator. */
void ask_create(World *w, Ask *a, Variant variant);
void ask_delete(World *w, Ask *a, const char *id);
/* Deletes the first instance, which succeeds and leaves nothing. */
void world_delete(World *w);
const char *ask_id(const Ask *a);

/* The only instance's status, NULL where there is none. */
const char *world_status(World *w);
const char *world_id(World *w);
Instance *world_first(World *w);
