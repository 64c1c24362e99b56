/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>

#include "basic/time-util.h"
#include "core/address-pool.h"
#include "core/names.h"
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
        return streq_ptr(there->subnet, wanted->subnet) &&
               streq_ptr(string_pairs_get(&there->labels, ARK_LABEL_HASH),
                               string_pairs_get(&wanted->labels, ARK_LABEL_HASH));
}

/* What is adopted is joined to the networks that it lacks. */
static void join(FakePorts *p, FakeResource *there, const FakeResource *wanted)
{
        for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
                if (there->networks[i])
                        continue;
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
        if (there && fits(there, op->wanted)) {
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

static int engine_restart_container(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        return engine_simple(e, "restart_container", name, timeout_usec, effect_start, done, userdata,
                        ret_pending);
}

static void answer_state(FakeOp *op)
{
        const FakeResource *c = fake_ports_find(op->ports, RESOURCE_CONTAINER, op->a);
        char address[ADDRESS_TEXT_MAX] = "";
        ContainerState state = {};

        if (op->error == 0 && !c)
                fake_op_fail(op, -ENOENT, "no such container");
        if (op->error < 0) {
                op->on_state(op->error, op->reason, NULL, op->userdata);
                return;
        }
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
        op->b = copy(network);
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

static void answer_logs(FakeOp *op)
{
        if (op->error == 0 && !fake_ports_find(op->ports, RESOURCE_CONTAINER, op->a))
                fake_op_fail(op, -ENOENT, "no such container");
        op->on_logs(op->error, op->error < 0 ? op->reason : NULL,
                        op->error < 0 ? NULL : strempty(op->ports->app_log), op->userdata);
}

static int engine_container_logs(EnginePort *e, const char *name, unsigned lines, uint64_t timeout_usec,
                LogsDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        r = begin(e, "container_logs", name, true, timeout_usec, NULL, answer_logs, userdata, ret_pending,
                        &op);
        if (r >= 0)
                op->on_logs = done;
        return r;
}

static int engine_container_log_since(EnginePort *e, const char *name, const char *since, unsigned lines,
                uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        return engine_container_logs(e, name, lines, timeout_usec, done, userdata, ret_pending);
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

static void effect_remove_container(FakeOp *op)
{
        effect_remove(op, RESOURCE_CONTAINER);
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
        size_t n = 0;

        for (const FakeResource *r = op->ports->resources; r && op->error == 0; r = r->next)
                if (fake_resource_is_ours(r) && !fake_resource_is_of_another(op->ports, r)) {
                        assert(n < ELEMENTSOF(items));
                        items[n++] = (Resource){ r->kind, r->name,
                                strempty(string_pairs_get(&r->labels, ARK_LABEL_INSTANCE)), r->running };
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

static int engine_find_interface(EnginePort *e, const char *subnet, char ret_name[INTERFACE_NAME_MAX])
{
        FakePorts *p = ports_of(e);

        if (!p->strange_subnet || !streq(p->strange_subnet, subnet))
                return 0;
        (void) strcpy(ret_name, "arkstrange");
        return 1;
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
        .create_network = engine_create_network,
        .create_volume = engine_create_volume,
        .create_container = engine_create_container,
        .start_container = engine_start_container,
        .restart_container = engine_restart_container,
        .inspect_container = engine_inspect_container,
        .container_usage = engine_container_usage,
        .container_logs = engine_container_logs,
        .container_log_since = engine_container_log_since,
        .remove_container = engine_remove_container,
        .remove_volume = engine_remove_volume,
        .remove_network = engine_remove_network,
        .list_resources = engine_list_resources,
        .find_interface = engine_find_interface,
        .is_connected = engine_is_connected,
        .watch = engine_watch,
};
