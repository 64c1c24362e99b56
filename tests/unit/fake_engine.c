/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "basic/time-util.h"
#include "core/model/address-pool.h"
#include "core/model/instance-volume.h"
#include "core/names.h"
#include "core/ports.h"
#include "fake_ports.h"
#include "starve.h"

static FakePorts *ports_of(EnginePort *e)
{
        return container_of(e, FakePorts, engine);
}

static char *copy(const char *s)
{
        char *c = s ? strdup(s) : NULL;

        assert(c || !s);
        return c;
}

/* ---- Creating ---- */

static bool fits(const FakeResource *there, const FakeResource *wanted)
{
        const char *digest = string_pairs_get(&there->labels, ARK_LABEL_HASH);

        return streq_ptr(there->subnet, wanted->subnet) &&
               (streq_ptr(digest, string_pairs_get(&wanted->labels, ARK_LABEL_HASH)) ||
                               (digest && streq_ptr(digest, wanted->former_digest)));
}

static bool holds_on(FakePorts *p, const FakeResource *there, size_t i)
{
        const FakeResource *network =
                        there->networks[i] ? fake_ports_find(p, RESOURCE_NETWORK, there->networks[i]) : NULL;

        return network && network->serial != there->network_serials[i];
}

/* What is adopted is joined to the networks that it lacks, and to those that have taken the place of its own. */
static void join(FakePorts *p, FakeResource *there, const FakeResource *wanted)
{
        for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
                if (there->networks[i] && !holds_on(p, there, i))
                        continue;
                free(there->networks[i]);
                free(there->addresses[i]);
                there->networks[i] = copy(wanted->networks[i]);
                there->addresses[i] = copy(wanted->addresses[i]);
                there->network_serials[i] = 0;
        }
        fake_resource_attach(p, there);
}

/* Unasked, and before anything else can go wrong. */
static void make_volume(FakePorts *p, FakeResource *wanted)
{
        if (wanted->volume && !fake_ports_find(p, RESOURCE_VOLUME, wanted->volume))
                fake_resource_add(p,
                                fake_resource_new(RESOURCE_VOLUME, wanted->volume, &wanted->volume_labels));
}

/* An empty one gets what the image has there. */
static void fill_volumes(FakePorts *p, const FakeResource *container)
{
        for (size_t i = 0; i < VOLUME_MOUNTS_MAX && container->mounts[i]; i++) {
                FakeResource *volume = fake_ports_find(p, RESOURCE_VOLUME, container->mounts[i]);

                if (volume)
                        volume->filled = volume->filled || p->fills_volumes;
        }
}

static void remove_container(FakePorts *p, FakeResource *r)
{
        FakeResource *volume = r->volume ? fake_ports_find(p, RESOURCE_VOLUME, r->volume) : NULL;

        if (volume && volume->contents == FAKE_VOLUME_INITIALISING)
                volume->contents = FAKE_VOLUME_BROKEN;
        fake_resource_drop(p, r);
}

static void effect_create(FakeOp *op)
{
        FakePorts *p = op->ports;
        FakeResource *there = fake_ports_find(p, op->wanted->kind, op->wanted->name);
        const char *trouble;

        if (op->fault == FAKE_STRANGER && !there) {
                fake_ports_add_stranger(p, op->wanted->kind, op->wanted->name);
                there = fake_ports_find(p, op->wanted->kind, op->wanted->name);
        }
        if (there && !fake_resource_is_ours(there)) {
                fake_op_fail(op, -EEXIST, "the name is taken by a stranger");
                return;
        }
        if (there && p->reconnect_fails && (holds_on(p, there, 0) || holds_on(p, there, 1))) {
                if (op->wanted->keep) {
                        fake_op_fail(op, -EIO, "it could not be joined to its network");
                        return;
                }
        } else if (there && (op->wanted->keep || fits(there, op->wanted))) {
                join(p, there, op->wanted);
                return;
        }
        if (there && there->kind != RESOURCE_CONTAINER && fake_resource_is_used(p, there)) {
                fake_op_fail(op, -EBUSY, "it does not fit and is in use");
                return;
        }
        if (there && there->kind == RESOURCE_CONTAINER)
                remove_container(p, there);
        else if (there)
                fake_resource_drop(p, there);
        make_volume(p, op->wanted);
        fill_volumes(p, op->wanted);
        trouble = fake_resource_lacks(p, op->wanted);
        if (!trouble)
                trouble = fake_resource_conflicts(p, op->wanted);
        if (trouble)
                fake_op_fail(op, -EIO, trouble);
        else
                fake_resource_add(p, TAKE_PTR(op->wanted));
}

static void answer_done(FakeOp *op)
{
        op->done(op->error, op->error < 0 ? op->reason : NULL, op->userdata);
}

static int begin(EnginePort *e, const char *verb, const char *name, bool abortable, uint64_t timeout_usec,
                void (*effect)(FakeOp *op), void (*answer)(FakeOp *op), void *userdata,
                Pending **ret_pending, FakeOp **ret)
{
        FakeOp *op;
        int r;

        assert(name && ret_pending && timeout_usec > 0);
        r = fake_op_begin(ports_of(e), FAKE_ENGINE, abortable, timeout_usec, &op, "%s %s", verb, name);
        if (r < 0)
                return r;
        op->a = copy(name);
        op->effect = effect;
        op->answer = answer;
        op->userdata = userdata;
        *ret_pending = &op->pending;
        *ret = op;
        return 0;
}

static int engine_create(EnginePort *e, const char *verb, FakeResource *wanted, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending)
{
        FakeOp *op;
        int r;

        r = begin(e, verb, wanted->name, false, timeout_usec, effect_create, answer_done, userdata,
                        ret_pending, &op);
        if (r < 0) {
                fake_resource_free(wanted);
                return r;
        }
        op->done = done;
        op->wanted = wanted;
        return 0;
}

static int engine_create_network(EnginePort *e, const NetworkSpec *spec, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeResource *wanted = fake_resource_new(RESOURCE_NETWORK, spec->name, spec->labels);

        assert(strlen(spec->bridge) <= 15 && spec->gateway && fake_resource_is_ours(wanted));
        wanted->subnet = copy(spec->subnet);
        return engine_create(e, "create_network", wanted, timeout_usec, done, userdata, ret_pending);
}

static int engine_create_volume(EnginePort *e, const VolumeSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeResource *wanted = fake_resource_new(RESOURCE_VOLUME, spec->name, spec->labels);

        assert(fake_resource_is_ours(wanted));
        return engine_create(e, "create_volume", wanted, timeout_usec, done, userdata, ret_pending);
}

static int engine_create_container(EnginePort *e, const ContainerSpec *spec, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeResource *wanted = fake_resource_new(RESOURCE_CONTAINER, spec->name, spec->labels);

        assert(fake_resource_is_ours(wanted) && spec->n_networks <= ATTACHMENTS_MAX);
        wanted->image = copy(spec->image);
        wanted->volume = copy(spec->volume);
        wanted->former_digest = copy(spec->former_digest);
        wanted->keep = spec->keep;
        for (size_t i = 0; i < spec->n_volumes; i++) {
                wanted->mounts[i] = copy(spec->volumes[i].name);
                wanted->paths[i] = copy(spec->volumes[i].path);
        }
        fake_pairs_copy(spec->volume_labels, &wanted->volume_labels);
        fake_pairs_copy(spec->env, &wanted->env);
        for (size_t i = 0; i < spec->n_networks; i++) {
                wanted->networks[i] = copy(spec->networks[i].network);
                wanted->addresses[i] = copy(spec->networks[i].address);
        }
        return engine_create(e, "create_container", wanted, timeout_usec, done, userdata, ret_pending);
}

/* ---- Images, containers ---- */

static void effect_image(FakeOp *op)
{
        int r = strv_extend(&op->ports->images, op->a);

        assert(r >= 0);
}

static int engine_ensure_image(EnginePort *e, const char *image, uint64_t timeout_usec,
                PullProgress progress, PortDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "ensure_image", image, true, timeout_usec, effect_image, answer_done, userdata,
                        ret_pending, &op);
        if (r < 0)
                return r;
        op->done = done;
        op->progress = progress;
        return 0;
}

static void answer_image(FakeOp *op)
{
        bool database = strstr(op->a, "postgres") || strstr(op->a, "db");
        const char *volume = database ? op->ports->database_volume : op->ports->app_volume;
        ImageInfo info = {
                .volumes = { volume }, .n_volumes = volume ? 1 : 0, .ports = { 3000, 9090 }, .n_ports = 2
        };

        op->on_image(op->error, op->error < 0 ? op->reason : NULL, op->error < 0 ? NULL : &info,
                        op->userdata);
}

static int engine_inspect_image(EnginePort *e, const char *image, uint64_t timeout_usec, ImageInfoDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "inspect_image", image, true, timeout_usec, NULL, answer_image, userdata, ret_pending,
                        &op);
        if (r >= 0)
                op->on_image = done;
        return r;
}

static void answer_changes(FakeOp *op)
{
        const FakeResource *c = fake_ports_find(op->ports, RESOURCE_CONTAINER, op->a);

        if (op->error == 0 && !c)
                fake_op_fail(op, -ENOENT, "no such container");
        op->on_changes(op->error, op->error < 0 ? op->reason : NULL,
                        op->error < 0 || c->volume ? NULL : op->ports->app_files, op->userdata);
}

static int engine_container_changes(EnginePort *e, const char *name, uint64_t timeout_usec, ChangesDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "container_changes", name, true, timeout_usec, NULL, answer_changes, userdata,
                        ret_pending, &op);
        if (r >= 0)
                op->on_changes = done;
        return r;
}

static void answer_listeners(FakeOp *op)
{
        static const Listener listeners[] = { { 3000, "" }, { 8080, "127.0.0.1" } };
        bool found = fake_ports_find(op->ports, RESOURCE_CONTAINER, op->a);

        if (op->error == 0 && !found)
                fake_op_fail(op, -ENOENT, "no such container");
        op->on_listeners(op->error, op->error < 0 ? op->reason : NULL, op->error < 0 ? NULL : listeners,
                        op->error < 0 ? 0 : ELEMENTSOF(listeners), op->userdata);
}

static int engine_container_listeners(EnginePort *e, const char *name, uint64_t timeout_usec,
                ListenersDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "container_listeners", name, true, timeout_usec, NULL, answer_listeners, userdata,
                        ret_pending, &op);
        if (r >= 0)
                op->on_listeners = done;
        return r;
}

static void effect_start(FakeOp *op)
{
        FakePorts *p = op->ports;
        FakeResource *c = fake_ports_find(p, RESOURCE_CONTAINER, op->a), *volume;

        if (!c || !fake_resource_has_networks(p, c)) {
                fake_op_fail(op, -ENOENT, c ? "network not found" : "no such container");
                return;
        }
        c->running = !(p->app_exits && !c->volume);
        c->started_usec = now_realtime();
        c->restarting = c->oom_killed = false;
        c->health = CONTAINER_HEALTH_NONE;
        c->exit_code = c->running ? 0 : 3;
        volume = c->volume ? fake_ports_find(p, RESOURCE_VOLUME, c->volume) : NULL;
        if (volume && volume->contents == FAKE_VOLUME_EMPTY)
                volume->contents = FAKE_VOLUME_INITIALISING;
}

static int engine_simple(EnginePort *e, const char *verb, const char *name, uint64_t timeout_usec,
                void (*effect)(FakeOp *op), PortDone done, void *userdata, Pending **ret_pending)
{
        FakeOp *op;
        int r;

        r = begin(e, verb, name, false, timeout_usec, effect, answer_done, userdata, ret_pending, &op);
        if (r >= 0)
                op->done = done;
        return r;
}

static int engine_start_container(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        return engine_simple(
                        e, "start_container", name, timeout_usec, effect_start, done, userdata, ret_pending);
}

static void effect_stop(FakeOp *op)
{
        FakePorts *p = op->ports;
        FakeResource *c = fake_ports_find(p, RESOURCE_CONTAINER, op->a);

        if (!c) {
                fake_op_fail(op, -ENOENT, "no such container");
                return;
        }
        c->running = false;
        if (!c->volume && p->last_app_files)
                p->app_files = p->last_app_files;
}

static int engine_stop_container(EnginePort *e, const char *name, unsigned stop_timeout_s,
                uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;

        assert(timeout_usec > stop_timeout_s * USEC_PER_SEC);
        return engine_simple(
                        e, "stop_container", name, timeout_usec, effect_stop, done, userdata, ret_pending);
}

static int engine_restart_container(EnginePort *e, const char *name, unsigned stop_timeout_s,
                uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;

        assert(timeout_usec > stop_timeout_s * USEC_PER_SEC);
        return engine_simple(e, "restart_container", name, timeout_usec, effect_start, done, userdata,
                        ret_pending);
}

static void tell_mounts(const FakeResource *c, char serials[][16], ContainerState *state)
{
        for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
                if (!c->networks[i])
                        continue;
                (void) snprintf(serials[i], 16, "%u", c->network_serials[i]);
                state->networks[state->n_networks].name = c->networks[i];
                state->networks[state->n_networks++].id = serials[i];
        }
        if (c->volume)
                state->volumes[state->n_volumes++] = (VolumeMount){ c->volume, "/data" };
        for (size_t i = 0; i < VOLUME_MOUNTS_MAX - 1 && c->mounts[i]; i++)
                state->volumes[state->n_volumes++] = (VolumeMount){ c->mounts[i], c->paths[i] };
        state->digest = string_pairs_get(&c->labels, ARK_LABEL_HASH);
}

static void answer_state(FakeOp *op)
{
        const FakeResource *c = fake_ports_find(op->ports, RESOURCE_CONTAINER, op->a);
        char serials[ATTACHMENTS_MAX][16];
        char address[ADDRESS_TEXT_MAX] = "";
        ContainerState state = {};

        if (op->error == 0 && !c)
                fake_op_fail(op, -ENOENT, "no such container");
        if (op->error < 0) {
                op->on_state(op->error, op->reason, NULL, op->userdata);
                return;
        }
        tell_mounts(c, serials, &state);
        state.running = c->running && !c->restarting;
        state.restarting = c->restarting;
        state.health = c->health;
        state.exit_code = c->exit_code;
        state.restart_count = c->restart_count;
        state.started_usec = c->started_usec;
        state.oom_killed = c->oom_killed;
        for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
                const FakeResource *network;

                if (!c->networks[i] || !streq_ptr(c->networks[i], op->b))
                        continue;
                state.joined = true;
                network = fake_ports_find(op->ports, RESOURCE_NETWORK, op->b);
                if (c->addresses[i])
                        state.address = c->addresses[i];
                else if (network && network->subnet && subnet_nth_address(network->subnet, 2, address) == 0)
                        state.address = address;
        }
        if (!c->running)
                state.address = NULL;
        op->on_state(0, NULL, &state, op->userdata);
}

static int engine_inspect_container(EnginePort *e, const char *name, const char *network,
                uint64_t timeout_usec, ContainerStateDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "inspect_container", name, true, timeout_usec, NULL, answer_state, userdata,
                        ret_pending, &op);
        if (r < 0)
                return r;
        op->b = network ? copy(network) : NULL;
        op->on_state = done;
        return 0;
}

static void answer_usage(FakeOp *op)
{
        const FakeResource *c = fake_ports_find(op->ports, RESOURCE_CONTAINER, op->a);
        ContainerUsage usage = CONTAINER_USAGE_UNKNOWN;

        if (op->error == 0 && !c)
                fake_op_fail(op, -ENOENT, "no such container");
        if (op->error < 0) {
                op->on_usage(op->error, op->reason, NULL, op->userdata);
                return;
        }
        usage.running = c->running && !c->restarting;
        usage.started_usec = 1764000000000000;
        usage.read_usec = 1764000001000000;
        usage.memory = 1000 + c->serial;
        usage.cpu_nsec = 2000 + c->serial;
        usage.pids = 3;
        usage.pids_limit = 512;
        op->on_usage(0, NULL, &usage, op->userdata);
}

static int engine_container_usage(EnginePort *e, const char *name, uint64_t timeout_usec,
                ContainerUsageDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "container_usage", name, true, timeout_usec, NULL, answer_usage, userdata, ret_pending,
                        &op);
        if (r >= 0)
                op->on_usage = done;
        return r;
}

/* A layer has as many bytes as its container's serial says, a volume a thousand times that. */
static void answer_sizes(FakeOp *op)
{
        ResourceSize sizes[256];
        size_t n = 0;

        for (const FakeResource *r = op->ports->resources; r && op->error == 0; r = r->next) {
                assert(n < ELEMENTSOF(sizes));
                if (r->kind != RESOURCE_NETWORK)
                        sizes[n++] = (ResourceSize){ r->kind, r->name,
                                r->kind == RESOURCE_CONTAINER ? r->serial : r->serial * UINT64_C(1000) };
        }
        op->on_sizes(op->error, op->error < 0 ? op->reason : NULL, op->error < 0 ? NULL : sizes, n,
                        op->userdata);
}

static int engine_measure_sizes(
                EnginePort *e, uint64_t timeout_usec, SizesDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "measure_sizes", "all", true, timeout_usec, NULL, answer_sizes, userdata, ret_pending,
                        &op);
        if (r >= 0)
                op->on_sizes = done;
        return r;
}

/* From the line of that place on, or from the first that is later. */
static char *output_from(const char *text, const LogPlace *from, unsigned lines)
{
        const char *end;

        while (*text && *from->last && strncmp(text, from->last, strlen(from->last)) < 0)
                text = strchr(text, '\n') + 1;
        end = text;
        for (unsigned i = 0; i < lines && *end; i++)
                end = strchr(end, '\n') + 1;
        return strndup(text, (size_t) (end - text));
}

static void answer_logs(FakeOp *op)
{
        FakePorts *p = op->ports;
        const char *output = endswith(op->a, "_db") ? p->database_output : p->app_output;
        _cleanup_free_ char *text = output && op->log_lines > 0
                                                    ? output_from(output, &op->log_from, op->log_lines)
                                                    : strdup(strempty(p->app_log));

        if (op->error == 0 && !fake_ports_find(op->ports, RESOURCE_CONTAINER, op->a))
                fake_op_fail(op, -ENOENT, "no such container");
        if (op->error == 0 && !text)
                fake_op_fail(op, -ENOMEM, NULL);
        op->on_logs(op->error, op->error < 0 ? op->reason : NULL, op->error < 0 ? NULL : text, op->userdata);
}

static int begin_logs(EnginePort *e, const char *name, uint64_t timeout_usec, LogsDone done, void *userdata,
                Pending **ret_pending, FakeOp **ret)
{
        int r = begin(e, "container_logs", name, true, timeout_usec, NULL, answer_logs, userdata,
                        ret_pending, ret);

        if (r >= 0)
                (*ret)->on_logs = done;
        return r;
}

static int engine_container_logs(EnginePort *e, const char *name, unsigned lines, uint64_t timeout_usec,
                LogsDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;

        ports_of(e)->log_lines = lines;
        return begin_logs(e, name, timeout_usec, done, userdata, ret_pending, &op);
}

static int engine_container_log_since(EnginePort *e, const char *name, const LogPlace *from, unsigned lines,
                uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r = begin_logs(e, name, timeout_usec, done, userdata, ret_pending, &op);

        if (r >= 0) {
                op->log_from = from ? *from : (LogPlace){ 0 };
                op->log_lines = from ? lines + 1 : UINT32_MAX;
        }
        return r;
}

/* ---- Removing ---- */

static void effect_remove(FakeOp *op, ResourceKind kind)
{
        FakeResource *r = fake_ports_find(op->ports, kind, op->a);

        if (!r)
                return;
        if (!fake_resource_is_ours(r))
                fake_op_fail(op, -EEXIST, "it is a stranger's and was left alone");
        else if (fake_resource_is_of_another(op->ports, r))
                fake_op_fail(op, -EXDEV, "it is another deployment's");
        else if (fake_resource_is_used(op->ports, r))
                fake_op_fail(op, -EBUSY, "it is in use");
        else if (kind == RESOURCE_CONTAINER)
                remove_container(op->ports, r);
        else
                fake_resource_drop(op->ports, r);
}

static void effect_clear_container(FakeOp *op)
{
        effect_remove(op, RESOURCE_CONTAINER);
}

/* Its anonymous volumes go with it. */
static void effect_remove_container(FakeOp *op)
{
        FakePorts *p = op->ports;
        FakeResource *c = fake_ports_find(p, RESOURCE_CONTAINER, op->a);
        char *mounts[VOLUME_MOUNTS_MAX] = {};

        for (size_t i = 0; c && i < VOLUME_MOUNTS_MAX && c->mounts[i]; i++)
                mounts[i] = copy(c->mounts[i]);
        effect_remove(op, RESOURCE_CONTAINER);
        for (size_t i = 0; i < VOLUME_MOUNTS_MAX && mounts[i]; i++) {
                FakeResource *volume = fake_ports_find(p, RESOURCE_VOLUME, mounts[i]);

                if (volume && volume_is_anonymous(mounts[i]) && !fake_resource_is_used(p, volume))
                        fake_resource_drop(p, volume);
                free(mounts[i]);
        }
}

static void effect_remove_volume(FakeOp *op)
{
        effect_remove(op, RESOURCE_VOLUME);
}

static void effect_remove_network(FakeOp *op)
{
        effect_remove(op, RESOURCE_NETWORK);
}

static int engine_remove_container(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        return engine_simple(e, "remove_container", name, timeout_usec, effect_remove_container, done,
                        userdata, ret_pending);
}

static int engine_clear_container(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        return engine_simple(e, "clear_container", name, timeout_usec, effect_clear_container, done,
                        userdata, ret_pending);
}

static void effect_remove_anonymous(FakeOp *op)
{
        FakeResource *r = fake_ports_find(op->ports, RESOURCE_VOLUME, op->a);

        if (r && fake_resource_is_used(op->ports, r))
                fake_op_fail(op, -EBUSY, "it is in use");
        else if (r)
                fake_resource_drop(op->ports, r);
}

static int engine_remove_anonymous_volume(EnginePort *e, const char *name, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        return engine_simple(e, "remove_anonymous_volume", name, timeout_usec, effect_remove_anonymous, done,
                        userdata, ret_pending);
}

static void effect_find_volume(FakeOp *op)
{
        if (!fake_ports_find(op->ports, RESOURCE_VOLUME, op->a))
                fake_op_fail(op, -ENOENT, "it is gone");
}

static int engine_find_volume(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        return engine_simple(e, "find_volume", name, timeout_usec, effect_find_volume, done, userdata,
                        ret_pending);
}

static void effect_give(FakeOp *op)
{
        FakeResource *c = fake_ports_find(op->ports, RESOURCE_CONTAINER, op->a), *volume = NULL;

        for (size_t i = 0; c && i < VOLUME_MOUNTS_MAX && c->mounts[i]; i++)
                if (streq(c->paths[i], op->b))
                        volume = fake_ports_find(op->ports, RESOURCE_VOLUME, c->mounts[i]);
        if (!volume)
                fake_op_fail(op, -ENOENT, "no such container, or nothing is mounted there");
        else if (op->ports->give_error < 0)
                fake_op_fail(op, op->ports->give_error, "it is no folder, or nothing is there");
        else if (!volume->filled || op->stage)
                volume->uid = op->uid;
}

static int engine_give_volume(EnginePort *e, const char *container, const char *path, uint32_t uid,
                bool filled, uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "give_volume", container, false, timeout_usec, effect_give, answer_done, userdata,
                        ret_pending, &op);
        if (r < 0)
                return r;
        op->done = done;
        op->b = copy(path);
        op->uid = uid;
        op->stage = filled;
        return 0;
}

static int engine_remove_volume(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        return engine_simple(e, "remove_volume", name, timeout_usec, effect_remove_volume, done, userdata,
                        ret_pending);
}

static int engine_remove_network(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        return engine_simple(e, "remove_network", name, timeout_usec, effect_remove_network, done, userdata,
                        ret_pending);
}

/* ---- All of it ---- */

static void answer_resources(FakeOp *op)
{
        Resource items[256];
        char serials[256][16];
        size_t n = 0;

        for (const FakeResource *r = op->ports->resources; r && op->error == 0; r = r->next) {
                const char *id = strempty(string_pairs_get(&r->labels, ARK_LABEL_INSTANCE));

                if (!fake_resource_is_ours(r) || fake_resource_is_of_another(op->ports, r) ||
                                (op->b && !streq(op->b, id)))
                        continue;
                assert(n < ELEMENTSOF(items));
                (void) snprintf(serials[n], sizeof serials[n], "%u", r->serial);
                items[n] = (Resource){ r->kind, r->name, id, serials[n], r->running };
                n++;
        }
        op->on_resources(op->error, op->error < 0 ? op->reason : NULL, items, n, op->userdata);
}

static int engine_list_resources(EnginePort *e, uint64_t timeout_usec, ResourcesDone done, void *userdata,
                Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "list_resources", "all", true, timeout_usec, NULL, answer_resources, userdata,
                        ret_pending, &op);
        if (r >= 0)
                op->on_resources = done;
        return r;
}

static int engine_list_of_instance(EnginePort *e, const char *instance_id, uint64_t timeout_usec,
                ResourcesDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "list_of_instance", instance_id, true, timeout_usec, NULL, answer_resources, userdata,
                        ret_pending, &op);
        if (r < 0)
                return r;
        op->on_resources = done;
        op->b = copy(instance_id);
        return 0;
}

static int engine_find_interface(EnginePort *e, const char *subnet, char ret_name[INTERFACE_NAME_MAX])
{
        FakePorts *p = ports_of(e);

        if (!p->strange_subnet || !streq(p->strange_subnet, subnet))
                return 0;
        (void) strcpy(ret_name, "arkstrange");
        return 1;
}

static int engine_describe_log(
                EnginePort *e, uint64_t log_max, const char **ret_driver, StringPairs *ret_options)
{
        StringPairs options = { 0 };
        int r;

        r = string_pairs_add(&options, "labels", "ark.instance");
        if (r < 0)
                return r;
        *ret_driver = "journald";
        *ret_options = options;
        return 0;
}

static void engine_read_host(EnginePort *e, HostState *ret)
{
        FakePorts *p = ports_of(e);

        *ret = p->host.disk_path ? p->host
                                 : (HostState){ NULL, USAGE_UNKNOWN, USAGE_UNKNOWN, USAGE_UNKNOWN, NULL };
}

static bool engine_is_connected(EnginePort *e)
{
        return !ports_of(e)->away[FAKE_ENGINE];
}

static void engine_watch(
                EnginePort *e, ConnectedHandler on_connected, EngineEventHandler on_event, void *userdata)
{
        FakePorts *p = ports_of(e);

        p->on_connected[FAKE_ENGINE] = on_connected;
        p->on_event = on_event;
        p->watcher[FAKE_ENGINE] = userdata;
}

const EngineVTable fake_engine_vtable = {
        .ensure_image = engine_ensure_image,
        .inspect_image = engine_inspect_image,
        .create_network = engine_create_network,
        .create_volume = engine_create_volume,
        .create_container = engine_create_container,
        .start_container = engine_start_container,
        .stop_container = engine_stop_container,
        .restart_container = engine_restart_container,
        .inspect_container = engine_inspect_container,
        .container_usage = engine_container_usage,
        .measure_sizes = engine_measure_sizes,
        .container_logs = engine_container_logs,
        .container_log_since = engine_container_log_since,
        .container_changes = engine_container_changes,
        .container_listeners = engine_container_listeners,
        .remove_container = engine_remove_container,
        .clear_container = engine_clear_container,
        .remove_volume = engine_remove_volume,
        .remove_anonymous_volume = engine_remove_anonymous_volume,
        .find_volume = engine_find_volume,
        .give_volume = engine_give_volume,
        .remove_network = engine_remove_network,
        .list_resources = engine_list_resources,
        .list_of_instance = engine_list_of_instance,
        .find_interface = engine_find_interface,
        .describe_log = engine_describe_log,
        .read_host = engine_read_host,
        .is_connected = engine_is_connected,
        .watch = engine_watch,
};
