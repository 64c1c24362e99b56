/* SPDX-License-Identifier: MIT */
#include "engine/network.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/json.h"
#include "engine/reference.h"

#define OPTION_BRIDGE "com.docker.network.bridge.name"
#define OPTION_ICC    "com.docker.network.bridge.enable_icc"
/* Looked at again this often, over three seconds, where the addresses are said to be taken. */
#define OVERLAP_ATTEMPTS 8

/* ---- Create ------------------------------------------------------------------------------------------------ */

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

static void on_created(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0)
                engine_task_end(t, 0, NULL);
        else if (reply->status == 409 && engine_task_pause(t, engine_task_again) >= 0)
                return; /* somebody was quicker: look at what there is now */
        else if (strcasestr(reply->message, "overlap") && t->attempts < OVERLAP_ATTEMPTS &&
                        engine_task_pause(t, engine_task_again) >= 0)
                return; /* the same network, in the making for somebody else, has its addresses before its name */
        else if (strcasestr(reply->message, "overlap"))
                engine_task_fail(t, -EADDRINUSE, "could not be created", reply->message);
        else if (strcasestr(reply->message, "same bridge name"))
                engine_task_fail(t, reply->error,
                                "could not be created: the engine was killed while it made it before, and "
                                "keeps the bridge of a network that it no longer knows; deploy again",
                                reply->message);
        else
                engine_task_fail(t, reply->error, "could not be created", reply->message);
}

static void on_looked(EngineTask *t, const EngineReply *reply)
{
        switch (engine_task_found(t, reply)) {
        case ENGINE_FOUND_FAILURE:
                return;
        case ENGINE_FOUND_NOTHING:
                engine_task_check(t,
                                engine_task_request(t, "POST", t->wanted, on_created, "/networks/create"));
                return;
        case ENGINE_FOUND_OURS:
                break;
        }
        if (network_fits(reply->json, t->wanted))
                engine_task_end(t, 0, NULL);
        else if (has_members(reply->json) && !json_get(json_get(reply->json, "Labels"), ARK_LABEL_INSTANCE))
                engine_task_fail(t, -EBUSY, "exists with other settings and is in use", NULL);
        else
                engine_task_check(t, engine_network_remove(t->client, t->name, engine_task_left(t),
                                                     engine_task_child_ended, t, &t->child));
}

static int begin_create(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_looked, "/networks/%s", t->name);
}

static const EngineTaskClass create_class = {
        .size = sizeof(EngineTask),
        .about = "network",
        .begin = begin_create,
};

int engine_network_create(EngineClient *c, const NetworkSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&create_class, c, spec->name, timeout_usec, done, userdata, &t);
        return r < 0 ? r : engine_task_start(t, network_body(spec, &t->wanted), ret_pending);
}

/* ---- Remove ------------------------------------------------------------------------------------------------ */

typedef struct NetworkRemove {
        EngineTask task;
        char *id; /* names may be given twice; what was inspected is what is removed */
        char **members; /* that are still to be disconnected */
        size_t n_disconnected;
} NetworkRemove;

static void remove_release(EngineTask *t)
{
        NetworkRemove *n = container_of(t, NetworkRemove, task);

        free(n->id);
        strv_free(n->members);
}

static void disconnect_or_remove(EngineTask *t);

static void on_delete(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0 || reply->error == -ENOENT)
                engine_task_end(t, 0, NULL);
        else if (engine_task_pause(t, engine_task_again) < 0)
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
        int r;

        if (!engine_task_found_ours(t, reply))
                return;
        r = take_members(container_of(t, NetworkRemove, task), reply->json);
        if (r < 0)
                engine_task_check(t, r);
        else
                disconnect_or_remove(t);
}

static int begin_remove(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_inspected, "/networks/%s", t->name);
}

static const EngineTaskClass remove_class = {
        .size = ENGINE_TASK_SIZE(NetworkRemove),
        .about = "network",
        .begin = begin_remove,
        .release = remove_release,
};

int engine_network_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&remove_class, c, name, timeout_usec, done, userdata, &t);
        return r < 0 ? r : engine_task_start(t, 0, ret_pending);
}
