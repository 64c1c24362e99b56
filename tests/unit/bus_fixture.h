/* SPDX-License-Identifier: MIT */
#pragma once

/* cmocka.h needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bus/api.h"
#include "bus/call.h"
#include "bus/words.h"
#include "bus_fake.h"
#include "core/model/instance.h"
#include "core/registry/context.h"

#define PRODUCT(id, name) "{\"id\": \"" id "\", \"name\": " name ", \"image\": \"docker.io/library/x:1\"}"
#define PROPERTIES        "org.freedesktop.DBus.Properties"
#define MESSAGE           _cleanup_(sd_bus_message_unrefp) sd_bus_message
#define BUS_TEST(name)    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* A bus of the test's own with the service on one connection and a client on another, all on one event loop. */
typedef struct Fixture {
        sd_event *event;
        pid_t daemon;
        char *directory, *address;
        Manager *manager;
        BusApi *api;
        sd_bus *service, *client;
        char *signals; /* "MEMBER PATH property,property\n" of all that the client saw */
} Fixture;

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* A further connection, attached to the event loop. */
sd_bus *fixture_connect(Fixture *f);

/* Runs the loop until done(userdata), for at most ten seconds. */
typedef bool (*FixtureCondition)(Fixture *f, void *userdata);
void fixture_run_until(Fixture *f, FixtureCondition done, void *userdata);
/* Runs it until the client's earlier messages and the service's answers have gone through. */
void fixture_settle(Fixture *f);

/* Calls and waits for the answer: the reply, or an error message, to be unreferenced. types NULL: no arguments. */
sd_bus_message *fixture_call(Fixture *f, const char *path, const char *interface, const char *member,
                const char *types, ...);
/* Calls a method of the Manager that must succeed, or must fail with that error. */
#define manager_call(f, member, ...) fixture_call(f, BUS_PATH, BUS_MANAGER_INTERFACE, member, __VA_ARGS__)
/* Consumes message. error is without "network.ark.Deploy1.Error." where it has it. text: part of the sentence. */
void assert_error(sd_bus_message *message, const char *error, const char *text);
/* Consumes nothing; answers message. */
sd_bus_message *assert_reply(sd_bus_message *message, const char *signature);
/* The value of a property as text, to be freed. */
char *fixture_get(Fixture *f, const char *path, const char *interface, const char *property);
void assert_property(
                Fixture *f, const char *path, const char *interface, const char *name, const char *expected);
char *fixture_instance_path(const Instance *instance);
