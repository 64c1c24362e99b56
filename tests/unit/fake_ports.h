/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "core/ports.h"

/*
 * Core's three ports without a world behind them: an engine, a store and probes in memory, whose calls go wrong as
 * a test asks. Every call is an operation that waits until fake_ports_step() picks it, in the order that the
 * policy says, so that a test can stop between any two answers. They check basic/pending.h from both sides: no
 * callback from within a call or after a cancel, no cancel of what is spent.
 */

typedef enum FakeWho {
        FAKE_ENGINE,
        FAKE_STORE,
        FAKE_PROBE,
        _FAKE_WHO_MAX,
} FakeWho;

/* How one call goes. */
typedef enum FakeFault {
        FAKE_FINE,
        FAKE_REFUSED, /* the call itself answers -ENOTCONN */
        FAKE_NO_MEMORY, /* the call itself answers -ENOMEM; the store: -EBUSY */
        FAKE_FAILED, /* -EIO, nothing was done */
        FAKE_FAILED_DONE, /* -EIO, but it was done */
        FAKE_TIMED_OUT, /* no answer until its deadline; nothing was done */
        FAKE_TIMED_OUT_DONE, /* the same, but it was done */
        FAKE_LOST, /* the connection is lost, for a second; nothing was done */
        FAKE_LOST_DONE, /* the same, but it was done */
        FAKE_STALLED, /* store: nothing is answered for 8 s; all is done then */
        FAKE_STRANGER, /* creating: a stranger has the name */
        _FAKE_FAULT_MAX,
} FakeFault;

const char *fake_fault_to_string(FakeFault fault);

/* Which of the operations that could end next does. */
typedef enum FakeOrder {
        FAKE_FIRST,
        FAKE_LAST,
        FAKE_RANDOM,
} FakeOrder;

typedef enum FakeVolume {
        FAKE_VOLUME_EMPTY,
        FAKE_VOLUME_INITIALISING, /* its database has been started for the first time and not been logged in to */
        FAKE_VOLUME_BROKEN, /* that was cut short */
        FAKE_VOLUME_READY,
} FakeVolume;

typedef struct FakeResource FakeResource;

struct FakeResource {
        ResourceKind kind;
        char *name;
        unsigned serial; /* tells a thing from the next of the same name */
        StringPairs labels, env;
        char *subnet; /* of networks */
        char *image, *volume, *former_digest; /* of containers */
        StringPairs volume_labels;
        char *networks[ATTACHMENTS_MAX], *addresses[ATTACHMENTS_MAX];
        unsigned network_serials[ATTACHMENTS_MAX];
        bool keep; /* of what is asked for: whatever is there stays */
        bool running, restarting;
        ContainerHealth health;
        int exit_code;
        unsigned restart_count;
        uint64_t started_usec;
        bool oom_killed;
        FakeVolume contents; /* of volumes */
        uint32_t uid; /* of volumes: whose they are */
        bool filled; /* of volumes: something is in them */
        char *mounts[VOLUME_MOUNTS_MAX], *paths[VOLUME_MOUNTS_MAX]; /* of containers, beside the volume */
        FakeResource *next;
};

typedef struct FakeRecord FakeRecord;

struct FakeRecord {
        StoreKind kind;
        char *id, *text;
        uint64_t score, expires; /* 0: never */
        FakeRecord *next;
};

typedef struct FakeEntry {
        unsigned id;
        char *job;
} FakeEntry;

typedef struct FakeOp FakeOp;

typedef struct FakePlan {
        size_t call; /* counted from 0, over all ports */
        FakeFault fault;
} FakePlan;

#define FAKE_PLANS_MAX 4

typedef struct FakePorts {
        EnginePort engine;
        StorePort store;
        ProbePort probe;
        sd_event *event;

        FakePlan plans[FAKE_PLANS_MAX];
        size_t n_calls, n_steps;
        FakeOrder order;
        uint32_t random;
        char **log; /* "create_network ID_net", at the call; "= create_network ID_net", at its answer */
        size_t n_flying, n_flying_max;

        /* Standing orders, until they are taken back. */
        const char *failing; /* calls whose name starts so fail with -EIO */
        int failing_error; /* … or with this, where it is not 0 */
        const char *slow; /* those come to nothing until their deadline */
        unsigned faults_permille; /* so many of the calls go wrong in some way */
        unsigned login_refusals, http_refusals; /* so many attempts are refused first */
        bool app_sets_secure_cookies;
        bool app_exits, app_is_deaf; /* the application ends at once, never answers */
        bool app_errs; /* … answers with an error */
        const char *app_log;
        unsigned log_lines; /* of a log, that were asked for last */
        const char *app_output, *database_output; /* "TIME TEXT\n" …; NULL: app_log */
        HostState host; /* nothing of it is known where its disk has no path */
        const char *app_volume, *database_volume; /* a path that the image declares */
        int give_error; /* … and that it cannot be given to anybody */
        bool fills_volumes; /* the image has files at that path */
        const char *app_files; /* what the application's container has in its own layer */
        const char *last_app_files; /* what it writes there when it is stopped */
        bool reconnect_fails; /* of a container that is on a network that is gone */
        const char *deployment; /* another than that of what is there already */
        const char *strange_subnet; /* an interface that the engine does not know has an address there */

        bool away[_FAKE_WHO_MAX];
        bool hangs; /* the engine, while it is away: takes requests and does not answer */
        uint64_t back_at[_FAKE_WHO_MAX]; /* UINT64_MAX: when told */
        ConnectedHandler on_connected[_FAKE_WHO_MAX];
        void *watcher[_FAKE_WHO_MAX];
        EngineEventHandler on_event;
        StoreGenerationHandler on_generation;
        uint64_t stalled_until;
        sd_event_source *waking;

        FakeResource *resources;
        char **images;
        FakeRecord *records;
        bool foreign; /* records were not all written by the code under test: a secret may be any word */
        FakeEntry *stream;
        size_t n_stream;
        unsigned serial;

        FakeOp *ops; /* oldest first; those that are over stay, so that their misuse is seen */
        bool crashing;
} FakePorts;

FakePorts *fake_ports_new(sd_event *event);
FakePorts *fake_ports_free(FakePorts *ports);

/* Lets the loop do what is ready, then one thing more happens: an answer, a timer, a reconnection. False where
 * nothing is left to happen. */
bool fake_ports_step(FakePorts *ports);

/* What is under way is done (or not) although nobody will hear of it: call this, then free the manager, then
 * fake_ports_crashed(), which checks that it let go of everything. */
void fake_ports_crash(FakePorts *ports, bool done);
void fake_ports_crashed(FakePorts *ports);

/* The host loses power: what a database was initialising is broken. Containers that ran are started again. */
void fake_ports_power_cut(FakePorts *ports);

/* Takes a connection away, for a time (UINT64_MAX: until it is given back), and gives it back. To the engine's
 * containers that is a power cut. */
void fake_ports_lose(FakePorts *ports, FakeWho who, uint64_t usec);
void fake_ports_return(FakePorts *ports, FakeWho who);

FakeResource *fake_ports_find(FakePorts *ports, ResourceKind kind, const char *name);
void fake_ports_add_stranger(FakePorts *ports, ResourceKind kind, const char *name);

/* The text of a record, or NULL. */
const char *fake_ports_record(FakePorts *ports, StoreKind kind, const char *id);
void fake_ports_put(FakePorts *ports, StoreKind kind, const char *id, const char *text, uint64_t score);
size_t fake_ports_count(FakePorts *ports, StoreKind kind);
/* All records, for an older store; without the stream, in which no job needs to be. */
FakeRecord *fake_ports_copy_records(const FakePorts *ports);
void fake_ports_empty_store(FakePorts *ports);

/* ---- For fake_*.c only ---- */

typedef enum FakeOpState {
        FAKE_FLYING,
        FAKE_LATE, /* nobody waits for it, but the store still does it */
        FAKE_SPENT,
        FAKE_CANCELLED,
} FakeOpState;

struct FakeOp {
        Pending pending;
        FakePorts *ports;
        FakeWho who;
        char *name;
        FakeFault fault;
        FakeOpState state;
        uint64_t due, deadline;
        int error;
        const char *reason;
        bool effective, orphaned;
        bool abortable; /* cancelling it leaves nothing half-made */
        sd_event_source *delivery;
        void (*effect)(FakeOp *op); /* may set error and reason */
        void (*answer)(FakeOp *op);

        char *a, *b; /* names */
        FakeResource *wanted;
        FakeRecord *writes;
        StoreVerb *verbs;
        size_t n_writes;
        unsigned *dequeued;
        size_t n_dequeued;
        uint64_t generation; /* that the commit came to; 0: it raised none */
        unsigned stage;
        uint32_t uid;
        PullProgress progress;
        PortDone done;
        ContainerStateDone on_state;
        ContainerUsageDone on_usage;
        SizesDone on_sizes;
        LogsDone on_logs;
        LogPlace log_from;
        unsigned log_lines;
        ResourcesDone on_resources;
        ChangesDone on_changes;
        ListenersDone on_listeners;
        ImageInfoDone on_image;
        HttpProbeDone on_http;
        StoreRecordHandler on_record;
        void *userdata;
        FakeOp *next;
};

/* Starts one: 0, or what the call is to answer. */
int fake_op_begin(FakePorts *ports, FakeWho who, bool abortable, uint64_t timeout_usec, FakeOp **ret,
                const char *format, ...) _printf_(6, 7);
void fake_op_fail(FakeOp *op, int error, const char *reason);
FakeResource *fake_resource_new(ResourceKind kind, const char *name, const StringPairs *labels);
FakeResource *fake_resource_free(FakeResource *resource);
/* A container keeps to the networks that it was put on, not to others of their names that come later. */
void fake_resource_attach(FakePorts *ports, FakeResource *container);
bool fake_resource_has_networks(FakePorts *ports, const FakeResource *container);
void fake_resource_add(FakePorts *ports, FakeResource *resource);
void fake_resource_drop(FakePorts *ports, FakeResource *resource);
/* Whether it carries a deployment's label; another's than the engine's client has. */
bool fake_resource_is_ours(const FakeResource *resource);
bool fake_resource_is_of_another(const FakePorts *ports, const FakeResource *resource);
bool fake_resource_is_used(FakePorts *ports, const FakeResource *resource);
/* Why it cannot be made, or NULL. */
const char *fake_resource_lacks(FakePorts *ports, const FakeResource *resource);
const char *fake_resource_conflicts(FakePorts *ports, const FakeResource *resource);
void fake_pairs_copy(const StringPairs *from, StringPairs *to);
FakeRecord *fake_record_free(FakeRecord *record);

extern const EngineVTable fake_engine_vtable;
extern const StoreVTable fake_store_vtable;
extern const ProbeVTable fake_probe_vtable;
