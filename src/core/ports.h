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
        const char *alias; /* a further name there, or NULL */
} NetworkAttachment;

typedef struct ResourceLimits {
        uint64_t memory; /* bytes, 0 for none */
        uint64_t nano_cpus; /* 1e9 is one CPU, 0 for none */
        uint64_t pids; /* 0 for none */
        uint64_t files; /* open at once, 0 for as many as the engine gives */
} ResourceLimits;

/* A volume that is mounted in a container. */
typedef struct VolumeMount {
        const char *name, *path;
} VolumeMount;

#define ATTACHMENTS_MAX    2
#define VOLUME_MOUNTS_MAX  32
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
        /* A container that is there with another ARK_LABEL_HASH is made again, unless it has the former one, or that of a
         * later version of arkd. */
        const StringPairs *labels;
        const char *former_digest;
        const char *user; /* NULL: the image's */
        char *const *capabilities; /* all others are dropped; NULL-terminated, "CHOWN" */
        ResourceLimits limits;
        uint64_t log_max; /* bytes of output that are kept; 0: as many as the engine keeps by itself */
        bool read_only; /* root file system, with a tmpfs on /tmp and /run */
        bool own_init; /* what the image starts is process 1, without an init of the engine's above it */
        bool new_privileges; /* its processes may gain some, as by a setuid program */
        uint64_t shm_size; /* bytes of /dev/shm; 0: as many as the engine gives */
        const char *volume, *volume_path; /* a named volume and where it is mounted, or NULL */
        const StringPairs *volume_labels; /* an engine that does not find the volume makes it, with these */
        const VolumeMount *volumes; /* further ones, each of which is there already */
        size_t n_volumes;
        unsigned stop_timeout_s; /* until it is ended by force, by the engine's own shutdown too; 0: the engine's */
        const char *stop_signal; /* NULL: the image's */
        bool keep; /* what is there under its name is kept, whatever it was made from */
        const char *const *
                        health_command; /* CMD form of the engine's own health check, or NULL for the image's */
        const char *slice; /* systemd slice, used where the engine's cgroup driver is systemd */
        /* What its name stands for within it, so that what listens there only is reached; NULL: any of its addresses, and
         * not always the same. */
        const char *own_address;
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
        struct {
                const char *name, *id;
        } networks[ATTACHMENTS_MAX +
                        2]; /* that it is on; a stopped one may hold on to one that was removed */
        size_t n_networks;
        VolumeMount volumes[VOLUME_MOUNTS_MAX];
        size_t n_volumes;
        const char *digest; /* what it was made from (digest.h); NULL where it does not say */
        /* The address at which this host reaches it there; NULL where it has none. */
        const char *address;
} ContainerState;

typedef void (*ContainerStateDone)(
                int error, const char *reason, const ContainerState *state, void *userdata);

typedef enum ResourceKind {
        RESOURCE_CONTAINER,
        RESOURCE_NETWORK,
        RESOURCE_VOLUME,
} ResourceKind;

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

/* How much room something takes up. */
typedef struct ResourceSize {
        ResourceKind kind; /* a container, which is its own layer, or a volume */
        const char *name;
        uint64_t bytes; /* USAGE_UNKNOWN where the engine cannot tell */
} ResourceSize;

typedef void (*SizesDone)(
                int error, const char *reason, const ResourceSize *sizes, size_t n, void *userdata);

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

/* files: what a container has changed in its own layer, as "/a, /b and 3 more"; NULL for nothing. */
typedef void (*ChangesDone)(int error, const char *reason, const char *files, void *userdata);

#define LISTENERS_MAX    8
#define LISTENER_ADDRESS 46 /* with its NUL */

/* A port of TCP that is listened on. */
typedef struct Listener {
        uint16_t port;
        char address[LISTENER_ADDRESS]; /* where it is on one address only; "": on all */
} Listener;

typedef void (*ListenersDone)(
                int error, const char *reason, const Listener *listeners, size_t n, void *userdata);

#define IMAGE_PORTS_MAX 8

/* What an image says for itself. */
typedef struct ImageInfo {
        const char *volumes[VOLUME_MOUNTS_MAX]; /* paths */
        size_t n_volumes;
        const char *stop_signal; /* NULL: it does not say */
        uint16_t ports[IMAGE_PORTS_MAX]; /* that it exposes, of TCP */
        size_t n_ports;
} ImageInfo;

typedef void (*ImageInfoDone)(int error, const char *reason, const ImageInfo *info, void *userdata);

typedef struct Resource {
        ResourceKind kind;
        const char *name;
        const char *instance_id; /* from its label; empty where absent */
        const char *id; /* of networks: what tells one from the next of its name */
        bool running; /* containers only */
        const char *subnet; /* of networks; NULL where it has none */
        const char *ingress_address; /* of containers, on ark_production; NULL where they have none */
} Resource;

typedef void (*ResourcesDone)(
                int error, const char *reason, const Resource *items, size_t n, void *userdata);

/*
 * The engine. Creating is idempotent: what is there already under the name and carries this deployment's and
 * instance's labels is adopted when it fits, removed and made again when it does not; a stranger's is -EEXIST.
 * Removing what is not there succeeds. Removing returns when the thing is confirmed gone. A container that was made again
 * keeps the volumes that it is told of; none is removed with the one before. One that somebody has renamed is found by
 * its labels, and has its name again once it is created, started or restarted.
 */
typedef struct EnginePort EnginePort;

/* How the engine's host is doing. Each number may be USAGE_UNKNOWN. */
typedef struct HostState {
        const char *disk_path; /* of where images, containers and volumes are, the fullest; the engine's until it is asked again */
        uint64_t disk_free; /* bytes there */
        uint64_t memory_available; /* bytes, with cached files that could go at once */
        uint64_t memory_pressure; /* how long all work waited for memory in the last 10 s, in hundredths of a percent */
        const char *engine_root; /* where the engine keeps all that it has; "" or NULL while that is not known */
} HostState;

/* What a time of a line takes up, with its end. */
#define LOG_STAMP_MAX 40

/* A place in a container's output. "" where there is none: the beginning. */
typedef struct LogPlace {
        char last[LOG_STAMP_MAX]; /* time of the line before it */
        char unfinished[LOG_STAMP_MAX]; /* … and of the first that was not finished then */
} LogPlace;

typedef struct EngineVTable {
        /* Makes sure that the image is there, pulling it where it is not. progress may be NULL. */
        int (*ensure_image)(EnginePort *e, const char *image, uint64_t timeout_usec, PullProgress progress,
                        PortDone done, void *userdata, Pending **ret_pending);
        int (*inspect_image)(EnginePort *e, const char *image, uint64_t timeout_usec, ImageInfoDone done,
                        void *userdata, Pending **ret_pending);
        int (*create_network)(EnginePort *e, const NetworkSpec *spec, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        int (*create_volume)(EnginePort *e, const VolumeSpec *spec, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* Creates it and joins it to all its networks, without starting it. One that does not run and holds on to a
         * network that was removed is joined to the new one. What is there by its name and was made of another
         * description is stopped, in its time, and made again. */
        int (*create_container)(EnginePort *e, const ContainerSpec *spec, uint64_t timeout_usec,
                        PortDone done, void *userdata, Pending **ret_pending);
        int (*start_container)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* By force after so many seconds. */
        int (*stop_container)(EnginePort *e, const char *name, unsigned stop_timeout_s,
                        uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending);
        /* Stops it likewise, and starts it. */
        int (*restart_container)(EnginePort *e, const char *name, unsigned stop_timeout_s,
                        uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending);
        /* network: the one whose address is wanted. -ENOENT where there is no such container. */
        int (*inspect_container)(EnginePort *e, const char *name, const char *network, uint64_t timeout_usec,
                        ContainerStateDone done, void *userdata, Pending **ret_pending);
        /* One sample: an engine may answer with its next reading, a second later. -ENOENT where there is no such
         * container. */
        int (*container_usage)(EnginePort *e, const char *name, uint64_t timeout_usec,
                        ContainerUsageDone done, void *userdata, Pending **ret_pending);
        /* Of all containers and volumes of this deployment, and of anonymous volumes. It goes through all that they hold,
         * which may take minutes, and holds up nothing else. */
        int (*measure_sizes)(EnginePort *e, uint64_t timeout_usec, SizesDone done, void *userdata,
                        Pending **ret_pending);
        int (*container_logs)(EnginePort *e, const char *name, unsigned lines, uint64_t timeout_usec,
                        LogsDone done, void *userdata, Pending **ret_pending);
        /* The same, each line with its time and a space in front of it (RFC 3339 with nanoseconds, in UTC); a line that
         * is not finished yet is there with its time alone. from: the first lines after that place instead, and as many
         * as fit into an answer; they begin with the line of that place, where the engine still has it. */
        int (*container_log_since)(EnginePort *e, const char *name, const LogPlace *from, unsigned lines,
                        uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending);
        /* What is in its own layer, outside volumes and what is of no use to another start (/run; while it runs, also /tmp),
         * and would be lost with it. */
        int (*container_changes)(EnginePort *e, const char *name, uint64_t timeout_usec, ChangesDone done,
                        void *userdata, Pending **ret_pending);
        /* What somebody in a container that runs listens on. It takes a program of the container's, and images without
         * one fail. */
        int (*container_listeners)(EnginePort *e, const char *name, uint64_t timeout_usec,
                        ListenersDone done, void *userdata, Pending **ret_pending);
        /* By force, with its anonymous volumes. */
        int (*remove_container)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* The same, but its anonymous volumes stay with what they hold. */
        int (*clear_container)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        int (*remove_volume)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* One that has no labels, as its name was given by the engine (volume_is_anonymous()). */
        int (*remove_anonymous_volume)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* Whether it is there: 0 or -ENOENT. */
        int (*find_volume)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* Has the volume that is mounted at a path of a container belong to that user, and the group of the same number;
         * what is in it stays as it is. One with something in it only where filled says so. -ENOTDIR where there is no
         * folder but a link to one, -ENOENT where there is nothing. */
        int (*give_volume)(EnginePort *e, const char *container, const char *path, uint32_t uid, bool filled,
                        uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending);
        int (*remove_network)(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* All that carries this deployment's label; of one instance, where one is named. */
        int (*list_resources)(EnginePort *e, uint64_t timeout_usec, ResourcesDone done, void *userdata,
                        Pending **ret_pending);
        int (*list_of_instance)(EnginePort *e, const char *instance_id, uint64_t timeout_usec,
                        ResourcesDone done, void *userdata, Pending **ret_pending);
        /* At once: the name of a network interface of the engine's host that has an address within the subnet
         * ("10.231.16.0/28"), whether or not the engine knows of it. 1; 0 where there is none, or that is not known. */
        int (*find_interface)(EnginePort *e, const char *subnet, char ret_name[INTERFACE_NAME_MAX]);
        /* At once: where the output of a container goes, in the engine's words, as create_container says it too; NULL
         * where that is the engine's own choice. 0, -ENOMEM, or -ENOTCONN while the engine has never been met. */
        int (*describe_log)(
                        EnginePort *e, uint64_t log_max, const char **ret_driver, StringPairs *ret_options);
        /* At once. */
        void (*read_host)(EnginePort *e, HostState *ret);
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
        STORE_GENERATION, /* generation:<id of the deployment>, a number; see StoreGenerationHandler */
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

/*
 * The store's generation: how often what must not be forgotten (products, instances, secrets) has been changed. Each
 * commit that does so raises it in its own MULTI. raised: by a commit that is answered just now, before its callback;
 * else it was read, as happens now and then. 0: the store has none, or none that can be read.
 */
typedef void (*StoreGenerationHandler)(uint64_t generation, bool raised, void *userdata);

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
        /* One watcher; called from the loop. Any handler may be NULL. */
        void (*watch)(StorePort *s, ConnectedHandler on_connected, StoreGenerationHandler on_generation,
                        void *userdata);
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

/* What an application tells of itself by its answer. */
typedef struct HttpAnswer {
        bool secure_cookies; /* it sets cookies that browsers take over https alone */
} HttpAnswer;

/* answer: NULL where there is none that is below 500. */
typedef void (*HttpProbeDone)(int error, const char *reason, const HttpAnswer *answer, void *userdata);

typedef struct ProbePort ProbePort;

/* One attempt each, without retries. */
typedef struct ProbeVTable {
        /* Logs in over TCP and runs SELECT 1. */
        int (*database_login)(ProbePort *p, const DatabaseLogin *login, uint64_t timeout_usec, PortDone done,
                        void *userdata, Pending **ret_pending);
        /* GET; 0 where the status is below 500, whatever the body; redirects are not followed. */
        int (*http_get)(ProbePort *p, const HttpProbe *probe, uint64_t timeout_usec, HttpProbeDone done,
                        void *userdata, Pending **ret_pending);
} ProbeVTable;

struct ProbePort {
        const ProbeVTable *vtable;
};

/* ---- Isolation ---------------------------------------------------------------------------------------------- */

typedef struct IsolationPort IsolationPort;

/* Whether something keeps instances apart; what that is, core does not know. */
typedef struct IsolationVTable {
        /* Where it does not, *ret_fault is a sentence fragment that says why, valid until the loop goes on. */
        bool (*is_in_force)(IsolationPort *i, const char **ret_fault);
        /* One watcher; called from the loop after it changed. */
        void (*watch)(IsolationPort *i, void (*on_changed)(void *userdata), void *userdata);
} IsolationVTable;

struct IsolationPort {
        const IsolationVTable *vtable;
};
