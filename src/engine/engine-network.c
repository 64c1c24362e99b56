/* SPDX-License-Identifier: MIT */
#include "engine/engine-network.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/engine-json.h"
#include "engine/engine-reference.h"

#define OPTION_BRIDGE "com.docker.network.bridge.name"
#define OPTION_ICC    "com.docker.network.bridge.enable_icc"
/* Looked at again this often, over three seconds, where the addresses are said to be taken. */
#define OVERLAP_ATTEMPTS 8

typedef struct NetworkCreate {
        EngineTask task;
        char *name;
        struct json_object *body;
} NetworkCreate;

static void look(EngineTask *t);

static void create_release(EngineTask *t)
{
        NetworkCreate *n = container_of(t, NetworkCreate, task);

        free(n->name);
        json_object_put(n->body);
        free(n);
}

static const EngineTaskClass create_class = { .release = create_release };

static int network_body(const NetworkSpec *spec, struct json_object **ret)
{
        _cleanup_json_ struct json_object *body = json_object_new_object();
        struct json_object *ipam, *configs, *config, *options;

        if (!body || !(ipam = engine_json_object(body, "IPAM")) ||
                        !(configs = engine_json_array(ipam, "Config")) ||
                        !(config = engine_json_element(configs)) ||
                        !(options = engine_json_object(body, "Options")) ||
                        json_set_string(body, "Name", spec->name) < 0 ||
                        json_set_string(body, "Driver", "bridge") < 0 ||
                        /* Older engines take a second network of the same name without this. */
                        json_set_bool(body, "CheckDuplicate", true) < 0 ||
                        json_set_bool(body, "Internal", spec->internal) < 0 ||
                        json_set_string(ipam, "Driver", "default") < 0 ||
                        json_set_string(config, "Subnet", spec->subnet) < 0 ||
                        json_set_string(config, "Gateway", spec->gateway) < 0 ||
                        json_set_string(options, OPTION_BRIDGE, spec->bridge) < 0 ||
                        json_set_string(options, OPTION_ICC, spec->isolated ? "false" : "true") < 0 ||
                        engine_json_pairs(body, "Labels", spec->labels) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(body);
        return 0;
}

/* The first address range of a network, as asked for or as inspected. */
static struct json_object *first_range(struct json_object *network)
{
        struct json_object *configs = json_get(json_get(network, "IPAM"), "Config");

        return json_object_is_type(configs, json_type_array) ? json_object_array_get_idx(configs, 0) : NULL;
}

static bool network_fits(struct json_object *found, struct json_object *wanted)
{
        static const char *const range[] = { "Subnet", "Gateway", NULL };
        static const char *const options[] = { OPTION_BRIDGE, OPTION_ICC, NULL };
        bool internal = false, want_internal = false;

        (void) json_get_bool(found, "Internal", &internal);
        (void) json_get_bool(wanted, "Internal", &want_internal);
        return internal == want_internal && engine_json_same_string(found, wanted, "Driver") &&
               engine_json_same_strings(first_range(found), first_range(wanted), range) &&
               engine_json_same_strings(json_get(found, "Options"), json_get(wanted, "Options"), options);
}

static bool has_members(struct json_object *network)
{
        struct json_object *members = json_get(network, "Containers");

        return json_object_is_type(members, json_type_object) && json_object_object_length(members) > 0;
}

static void on_removed(int error, const char *reason, void *userdata)
{
        EngineTask *t = userdata;

        t->child = NULL;
        if (error < 0)
                engine_task_end(t, error, reason);
        else
                look(t);
}

static void on_created(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0)
                engine_task_end(t, 0, NULL);
        else if (reply->status == 409 && engine_task_pause(t, look) >= 0)
                return; /* somebody was quicker: look at what there is now */
        else if (strcasestr(reply->message, "overlap") && t->attempts < OVERLAP_ATTEMPTS &&
                        engine_task_pause(t, look) >= 0)
                return; /* the same network, in the making for somebody else, has its addresses before its name */
        else if (strcasestr(reply->message, "overlap"))
                engine_task_fail(t, -EADDRINUSE, "could not be created", reply->message);
        else
                engine_task_fail(t, reply->error, "could not be created", reply->message);
}

static void on_looked(EngineTask *t, const EngineReply *reply)
{
        NetworkCreate *n = container_of(t, NetworkCreate, task);
        struct json_object *labels = json_get(reply->json, "Labels");

        if (reply->error == -ENOENT)
                engine_task_check(
                                t, engine_task_request(t, "POST", n->body, on_created, "/networks/create"));
        else if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be inspected", reply->message);
        else if (!engine_client_owns(t->client, labels) ||
                        !engine_json_same_string(labels, json_get(n->body, "Labels"), ARK_LABEL_INSTANCE))
                engine_task_fail(t, -EEXIST,
                                "exists already and is not this deployment's; remove or rename it", NULL);
        else if (network_fits(reply->json, n->body))
                engine_task_end(t, 0, NULL);
        else if (has_members(reply->json) && !json_get(labels, ARK_LABEL_INSTANCE))
                engine_task_fail(t, -EBUSY, "exists with other settings and is in use", NULL);
        else
                engine_task_check(t, engine_network_remove(t->client, n->name, engine_task_left(t),
                                                     on_removed, t, &t->child));
}

static int start_looking(EngineTask *t)
{
        NetworkCreate *n = container_of(t, NetworkCreate, task);

        return engine_task_request(t, "GET", NULL, on_looked, "/networks/%s", n->name);
}

static void look(EngineTask *t)
{
        engine_task_check(t, start_looking(t));
}

int engine_network_create(EngineClient *c, const NetworkSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        _cleanup_(engine_task_freep) EngineTask *t = NULL;
        NetworkCreate *n;
        int r;

        if (!engine_name_is_valid(spec->name))
                return -EINVAL;
        n = new0(NetworkCreate, 1);
        if (!n)
                return -ENOMEM;
        t = &n->task;
        t->class = &create_class;
        r = engine_task_init(t, c, timeout_usec, done, userdata, "network %s", spec->name);
        if (r < 0 || (r = network_body(spec, &n->body)) < 0)
                return r;
        n->name = strdup(spec->name);
        if (!n->name)
                return -ENOMEM;
        r = start_looking(t);
        if (r < 0)
                return r;
        *ret_pending = &TAKE_PTR(t)->pending;
        return 0;
}

/* ---- Removing ---------------------------------------------------------------------------------------------- */

typedef struct NetworkRemove {
        EngineTask task;
        char *name;
        char *id; /* names may be given twice; what was inspected is what is removed */
        char **members; /* that are still to be disconnected */
        size_t n_disconnected;
} NetworkRemove;

static void remove_release(EngineTask *t)
{
        NetworkRemove *n = container_of(t, NetworkRemove, task);

        free(n->name);
        free(n->id);
        strv_free(n->members);
        free(n);
}

static const EngineTaskClass remove_class = { .release = remove_release };

static int start_inspecting(EngineTask *t);
static void disconnect_or_remove(EngineTask *t);

static void inspect(EngineTask *t)
{
        engine_task_check(t, start_inspecting(t));
}

static void on_delete(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0 || reply->error == -ENOENT)
                engine_task_end(t, 0, NULL);
        else if (engine_task_pause(t, inspect) < 0)
                engine_task_fail(t, -ETIMEDOUT, "could not be removed", reply->message);
}

static void on_disconnected(EngineTask *t, const EngineReply *reply)
{
        NetworkRemove *n = container_of(t, NetworkRemove, task);

        n->n_disconnected++; /* whether it worked shows when the network is removed */
        disconnect_or_remove(t);
}

static int disconnect(EngineTask *t, const char *id, const char *member)
{
        _cleanup_json_ struct json_object *body = json_object_new_object();

        if (!body || json_set_string(body, "Container", member) < 0 ||
                        json_set_bool(body, "Force", true) < 0)
                return -ENOMEM;
        return engine_task_request(t, "POST", body, on_disconnected, "/networks/%s/disconnect", id);
}

static void disconnect_or_remove(EngineTask *t)
{
        NetworkRemove *n = container_of(t, NetworkRemove, task);
        int r;

        if (n->n_disconnected < strv_length(n->members))
                r = disconnect(t, n->id, n->members[n->n_disconnected]);
        else
                r = engine_task_request(t, "DELETE", NULL, on_delete, "/networks/%s", n->id);
        engine_task_check(t, r);
}

static int take_members(NetworkRemove *n, struct json_object *network)
{
        struct json_object *members = json_get(network, "Containers");
        const char *id;
        int r = 0;

        n->members = strv_free(n->members);
        n->n_disconnected = 0;
        if (json_get_string(network, "Id", &id) < 0 || !engine_name_is_valid(id))
                return -EPROTO;
        r = free_and_strdup(&n->id, id);
        if (r < 0 || !json_object_is_type(members, json_type_object))
                return r;
        json_object_object_foreach (members, key, member) {
                if (member && (r = strv_extend(&n->members, key)) < 0)
                        return r;
        }
        return 0;
}

static void on_inspected(EngineTask *t, const EngineReply *reply)
{
        NetworkRemove *n = container_of(t, NetworkRemove, task);
        int r;

        if (reply->error == -ENOENT)
                engine_task_end(t, 0, NULL);
        else if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be inspected", reply->message);
        else if (!engine_task_owns(t, reply))
                engine_task_fail(t, -EEXIST, "is not this deployment's and was left alone", NULL);
        else if ((r = take_members(n, reply->json)) < 0)
                engine_task_check(t, r);
        else
                disconnect_or_remove(t);
}

static int start_inspecting(EngineTask *t)
{
        NetworkRemove *n = container_of(t, NetworkRemove, task);

        return engine_task_request(t, "GET", NULL, on_inspected, "/networks/%s", n->name);
}

int engine_network_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        _cleanup_(engine_task_freep) EngineTask *t = NULL;
        NetworkRemove *n;
        int r;

        if (!engine_name_is_valid(name))
                return -EINVAL;
        n = new0(NetworkRemove, 1);
        if (!n)
                return -ENOMEM;
        t = &n->task;
        t->class = &remove_class;
        r = engine_task_init(t, c, timeout_usec, done, userdata, "network %s", name);
        if (r < 0 || (r = free_and_strdup(&n->name, name)) < 0 || (r = start_inspecting(t)) < 0)
                return r;
        *ret_pending = &TAKE_PTR(t)->pending;
        return 0;
}
