/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/ports.h"
#include "engine/port.h"

/* A real engine for tests: calls on the port that wait for their end. */

typedef struct Fixture {
        sd_event *event;
        CurlGlue *glue;
        Engine *engine;
        EnginePort *port;
} Fixture;

/* How the last call ended. */
typedef struct Outcome {
        bool ended;
        int error;
        char reason[1024];
        ContainerState state;
        ContainerUsage usage;
        char address[64];
        char *text;
        size_t n_resources, n_running;
        unsigned n_progress;
        uint64_t current, total;
} Outcome;

Fixture fixture_open(const char *socket_path, const char *deployment);
void fixture_close(Fixture *f);

void outcome_done(int error, const char *reason, void *userdata);
void outcome_state(int error, const char *reason, const ContainerState *state, void *userdata);
void outcome_usage(int error, const char *reason, const ContainerUsage *usage, void *userdata);
/* Their number, and in current the sum of their bytes. */
void outcome_sizes(int error, const char *reason, const ResourceSize *sizes, size_t n, void *userdata);
void outcome_text(int error, const char *reason, const char *text, void *userdata);
void outcome_resources(int error, const char *reason, const Resource *items, size_t n, void *userdata);
void outcome_progress(uint64_t current, uint64_t total, void *userdata);

/* Runs the loop until *flag, and fails the test where it takes longer than half a minute. */
void run_until(Fixture *f, const bool *flag);

/* Makes a call on the port, waits, and answers its error: CALL(f, &o, remove_volume, "name", TIMEOUT, outcome_done) */
#define CALL(f, o, function, ...)                                                                           \
        ({                                                                                                  \
                Pending *_pending;                                                                          \
                int _r;                                                                                     \
                free((o)->text);                                                                            \
                *(o) = (Outcome){};                                                                         \
                _r = (f)->port->vtable->function((f)->port, __VA_ARGS__, (o), &_pending);                   \
                if (_r >= 0) {                                                                              \
                        assert_false((o)->ended);                                                           \
                        run_until((f), &(o)->ended);                                                        \
                        _r = (o)->error;                                                                    \
                }                                                                                           \
                _r;                                                                                         \
        })
