/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "basic/pending.h"
#include "basic/string-util.h"

/*
 * What core asks of the world outside: an engine that runs containers, a store that remembers, and probes that
 * tell whether what runs also answers. engine/ and store/ implement these; the unit tests replace them by fakes.
 *
 * Every call that takes a callback follows basic/pending.h: a negative return means that nothing was started and
 * the callback is never called; otherwise the callback is called once, from the loop, unless the Pending is
 * cancelled. ret_pending must not be NULL. All arguments are copied or used up before the call returns.
 *
 * Every call has a deadline of its own, in microseconds from now, after which it fails with -ETIMEDOUT.
 */

/*
 * How a call ended: 0 or a negative errno, and for failures a sentence fragment that names thing and reason
 * ("image docker.io/library/x:1 was not found in the registry"), valid during the callback only.
 *
 * The errnos that core tells apart; anything else is a plain failure:
 *  -ENOENT        no such container, network, volume, image or image in the registry
 *  -EEXIST        the name is taken by something that is not this deployment's
 *  -EXDEV         it is to be removed, and is another deployment's
 *  -EACCES        the registry refused access
 *  -EHOSTUNREACH  the registry cannot be reached
 *  -ENOTCONN      the engine, or the store, cannot be reached: the same call may succeed later
 *  -ETIMEDOUT     the deadline passed
 */
typedef void (*PortDone)(int error, const char *reason, void *userdata);

/* ---- Engine ------------------------------------------------------------------------------------------------ */

typedef struct NetworkSpec {
        const char *name;
        const char *bridge; /* interface name of at most 15 characters */
        const char *subnet; /* "10.231.16.0/28" */
        const char *gateway; /* "10.231.16.1" */
        bool internal; /* no way out */
        bool isolated; /* its members do not reach each other */
        const StringPairs *labels;
} NetworkSpec;

typedef struct VolumeSpec {
        const char *name;
        const StringPairs *labels;
} VolumeSpec;

typedef struct NetworkAttachment {
        const char *network;
        const char *address; /* fixed IPv4 address, or NULL */
} NetworkAttachment;

typedef struct ResourceLimits {
        uint64_t memory; /* bytes, 0 for none */
        uint64_t nano_cpus; /* 1e9 is one CPU, 0 for none */
        uint64_t pids; /* 0 for none */
} ResourceLimits;

#define ATTACHMENTS_MAX    2
#define INTERFACE_NAME_MAX 16 /* with its NUL */

/* What every container has in common; the compose file says the same as the engine is told. */
#define CONTAINER_HEALTH_INTERVAL_S     30
#define CONTAINER_HEALTH_TIMEOUT_S      5
#define CONTAINER_HEALTH_START_PERIOD_S 60
#define CONTAINER_HEALTH_RETRIES        3
#define CONTAINER_TMPFS_TMP             "rw,nosuid,nodev,noexec,mode=1777,size=64m"
#define CONTAINER_TMPFS_RUN             "rw,nosuid,nodev,noexec,mode=1777,size=16m"

typedef struct ContainerSpec {
        const char *name; /* its hostname too */
        const char *image;
        const StringPairs *env;
        const StringPairs *labels; /* a container that is there with another ARK_LABEL_HASH is made again */
        const char *user; /* NULL: the image's */
        char *const *capabilities; /* all others are dropped; NULL-terminated, "CHOWN" */
        ResourceLimits limits;
        bool read_only; /* root file system, with a tmpfs on /tmp and /run */
        const char *volume, *volume_path; /* a named volume and where it is mounted, or NULL */
        const StringPairs *volume_labels; /* an engine that does not find the volume makes it, with these */
        const char *const *
                        health_command; /* CMD form of the engine's own health check, or NULL for the image's */
        const char *slice; /* systemd slice, used where the engine's cgroup driver is systemd */
        NetworkAttachment networks[ATTACHMENTS_MAX]; /* the first is the one it is created on */
        size_t n_networks;
} ContainerSpec;

typedef enum ContainerHealth {
        CONTAINER_HEALTH_NONE,
        CONTAINER_HEALTH_STARTING,
        CONTAINER_HEALTH_HEALTHY,
        CONTAINER_HEALTH_UNHEALTHY,
} ContainerHealth;

typedef struct ContainerState {
        bool running; /* the process is there, and not in a restart loop's pause */
        bool restarting;
        bool oom_killed;
        int exit_code;
        unsigned restart_count;
        uint64_t started_usec; /* the last time, CLOCK_REALTIME; 0 where it never was */
        ContainerHealth health;
        bool joined; /* it is on the network asked for, whether it runs or not */
        /* The address at which this host reaches it there; NULL where it has none. */
        const char *address;
} ContainerState;

typedef void (*ContainerStateDone)(
                int error, const char *reason, const ContainerState *state, void *userdata);

/* What is not told, or a limit that there is not. */
#define USAGE_UNKNOWN UINT64_MAX

/* What a container uses of its host. Each number but running may be USAGE_UNKNOWN. */
typedef struct ContainerUsage {
        bool running; /* where it does not, no more is known than its limits */
        uint64_t started_usec; /* CLOCK_REALTIME */
        uint64_t read_usec; /* when the following were read, CLOCK_REALTIME */
        uint64_t memory; /* bytes, without cached files that could go at once */
        uint64_t memory_limit; /* bytes */
        uint64_t cpu_nsec; /* of all processors together, since it was started: never a share */
        uint64_t pids, pids_limit;
} ContainerUsage;

#define CONTAINER_USAGE_UNKNOWN                                                                             \
        ((ContainerUsage){ false, USAGE_UNKNOWN, USAGE_UNKNOWN, USAGE_UNKNOWN, USAGE_UNKNOWN,               \
                        USAGE_UNKNOWN, USAGE_UNKNOWN, USAGE_UNKNOWN })

typedef void (*ContainerUsageDone)(
                int error, const char *reason, const ContainerUsage *usage, void *userdata);

/* current of total bytes, over all layers known so far; total 0 while unknown. */
typedef void (*PullProgress)(uint64_t current, uint64_t total, void *userdata);

/* Text of the last lines, valid UTF-8, newest last; standard output and error merged as they came. */
typedef void (*LogsDone)(int error, const char *reason, const char *text, void *userdata);

/* Something happened to a container of this deployment. event: "start", "die", "oom", "destroy", "health_status…". */
typedef void (*EngineEventHandler)(
                const char *instance_id, const char *role, const char *event, void *userdata);
typedef void (*ConnectedHandler)(bool connected, void *userdata);

typedef enum ResourceKind {
        RESOURCE_CONTAINER,
        RESOURCE_NETWORK,
        RESOURCE_VOLUME,
} ResourceKind;

typedef struct Resource {
        ResourceKind kind;
        const char *name;
        const char *instance_id; /* from its label; empty where absent */
        bool running; /* containers only */
} Resource;

typedef void (*ResourcesDone)(
                int error, const char *reason, const Resource *items, size_t n, void *userdata);

/*
 * The engine. Creating is idempotent: what is there already under the name and carries this deployment's and
 * instance's labels is adopted when it fits, removed and made again when it does not; a stranger's is -EEXIST.
 * Removing what is not there succeeds. Removing returns when the thing is confirmed gone.
 */
typedef struct EnginePort EnginePort;

typedef struct EngineVTable {
        /* Makes sure that the image is there, pulling it where it is not. progress may be NULL. */
        int (*ensure_image)(EnginePort *e, const char *image, uint64_t timeout_usec, PullProgress progress,
                        PortDone done, void *userdata, Pending **ret_pending);
        int (*create_network)(EnginePort *e, const NetworkSpec *spec, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        int (*create_volume)(EnginePort *e, const VolumeSpec *spec, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* Creates it and joins it to all its networks, without starting it. */
        int (*create_container)(EnginePort *e, const ContainerSpec *spec, uint64_t timeout_usec,
                        PortDone done, void *userdata, Pending **ret_pending);
        int (*start_container)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* Stops it, by force after some seconds, and starts it. */
        int (*restart_container)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* network: the one whose address is wanted. -ENOENT where there is no such container. */
        int (*inspect_container)(EnginePort *e, const char *name, const char *network, uint64_t timeout_usec,
                        ContainerStateDone done, void *userdata, Pending **ret_pending);
        /* One sample: an engine may answer with its next reading, a second later. -ENOENT where there is no such
         * container. */
        int (*container_usage)(EnginePort *e, const char *name, uint64_t timeout_usec,
                        ContainerUsageDone done, void *userdata, Pending **ret_pending);
        int (*container_logs)(EnginePort *e, const char *name, unsigned lines, uint64_t timeout_usec,
                        LogsDone done, void *userdata, Pending **ret_pending);
        /* The same, each line with its time and a space in front of it (RFC 3339 with nanoseconds, in UTC); since: such
         * a time, and lines of that time are among them, or NULL. */
        int (*container_log_since)(EnginePort *e, const char *name, const char *since, unsigned lines,
                        uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending);
        /* By force, with its anonymous volumes. */
        int (*remove_container)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        int (*remove_volume)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        int (*remove_network)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* All that carries this deployment's label. */
        int (*list_resources)(EnginePort *e, uint64_t timeout_usec, ResourcesDone done, void *userdata,
                        Pending **ret_pending);
        /* At once: the name of a network interface of the engine's host that has an address within the subnet
         * ("10.231.16.0/28"), whether or not the engine knows of it. 1; 0 where there is none, or that is not known. */
        int (*find_interface)(EnginePort *e, const char *subnet, char ret_name[INTERFACE_NAME_MAX]);
        bool (*is_connected)(EnginePort *e);
        /* One watcher; called from the loop. Any handler may be NULL. */
        void (*watch)(EnginePort *e, ConnectedHandler on_connected, EngineEventHandler on_event,
                        void *userdata);
} EngineVTable;

struct EnginePort {
        const EngineVTable *vtable;
};

/* ---- Store ------------------------------------------------------------------------------------------------- */

typedef enum StoreKind {
        STORE_PRODUCT, /* product:<id>, member of products */
        STORE_INSTANCE, /* instance:<id>, member of instances with score created_at */
        STORE_SECRET, /* secret:<id> */
        STORE_JOB, /* job:<id> */
        STORE_MARK, /* deployment:<id>: this store is the one of that deployment */
        STORE_IDEMPOTENCY, /* idempotency:<key>, the id of the instance it made; never loaded, always with a TTL */
        _STORE_KIND_MAX,
} StoreKind;

typedef enum StoreVerb {
        STORE_PUT, /* text; score for instances: created_at in µs; expires_usec for tombstones and the like */
        STORE_DELETE,
        STORE_ENQUEUE, /* adds job <id> to the stream ark:jobs and claims it for this consumer */
        STORE_DEQUEUE, /* acknowledges and deletes job <id>'s entry; nothing where it has none */
} StoreVerb;

typedef struct StoreWrite {
        StoreVerb verb;
        StoreKind kind; /* of PUT and DELETE */
        const char *id;
        const char *text; /* of PUT; NULL: there was no memory for it, and the commit answers -ENOMEM */
        uint64_t score; /* of PUT of an instance */
        uint64_t ttl_usec; /* of PUT: the record vanishes after it; 0 for never */
} StoreWrite;

/* One record, as loaded. */
typedef void (*StoreRecordHandler)(StoreKind kind, const char *id, const char *text, void *userdata);

typedef struct StorePort StorePort;

typedef struct StoreVTable {
        /* Reads everything: on_record once a record (products, secrets, instances oldest first, jobs in the order
         * of the stream, those that it does not name last), then done. What the sets or the stream name but is not
         * there any more is dropped from them. */
        int (*load)(StorePort *s, uint64_t timeout_usec, StoreRecordHandler on_record, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* All of the writes, or none, in one MULTI/EXEC; done when Redis has them. -ENOTCONN: not sent, or sent and
         * never answered: whether it took effect is then unknown until the next load. */
        int (*commit)(StorePort *s, const StoreWrite *writes, size_t n, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        bool (*is_connected)(StorePort *s);
        void (*watch)(StorePort *s, ConnectedHandler on_connected, void *userdata);
} StoreVTable;

struct StorePort {
        const StoreVTable *vtable;
};

/* ---- Probes ------------------------------------------------------------------------------------------------ */

typedef struct DatabaseLogin {
        const char *address;
        uint16_t port;
        const char *database, *user, *password;
} DatabaseLogin;

typedef struct HttpProbe {
        const char *address;
        uint16_t port;
        const char *path; /* raw, starts with a slash */
        const char *host; /* Host header */
} HttpProbe;

typedef struct ProbePort ProbePort;

/* One attempt each, without retries. */
typedef struct ProbeVTable {
        /* Logs in over TCP and runs SELECT 1. */
        int (*database_login)(ProbePort *p, const DatabaseLogin *login, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* GET; 0 where the status is below 500, whatever the body; redirects are not followed. */
        int (*http_get)(ProbePort *p, const HttpProbe *probe, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
} ProbeVTable;

struct ProbePort {
        const ProbeVTable *vtable;
};
