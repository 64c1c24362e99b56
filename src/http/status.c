/* SPDX-License-Identifier: MIT */
#include "basic/json-util.h"
#include "config.h"
#include "http/server-internal.h"

static int add_connected(struct json_object *o, const char *name, bool connected)
{
        struct json_object *part = json_object_new_object();

        if (part && json_set_bool(part, "connected", connected) < 0) {
                json_object_put(part);
                part = NULL;
        }
        return json_set(o, name, part);
}

/* That it answers means that it lives: the status is always 200, what is missing is in the body. */
void status_reply_health(Call *call)
{
        Manager *manager = call->listener->server->manager;
        bool engine = manager_engine_connected(manager), store = manager_store_connected(manager);
        bool ok = engine && store && manager_is_loaded(manager);
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_set_string(o, "status", ok ? "ok" : "degraded") < 0 ||
                        json_set_string(o, "version", ARK_VERSION) < 0 ||
                        add_connected(o, "engine", engine) < 0 || add_connected(o, "store", store) < 0)
                return mhd_exchange_reply(call->exchange, 0, NULL);
        reply_json(call->exchange, MHD_HTTP_OK, o, NULL);
}

static const char *instance_route_state(const Instance *instance)
{
        if (!instance)
                return "unknown";
        /* Running, but not reachable as yet: it will be. */
        if (instance->status == INSTANCE_RUNNING)
                return instance_status_to_string(INSTANCE_PENDING);
        return instance_status_to_string(instance->status);
}

/* One that ran and broke keeps its address: if it answers all the same, it is heard, else nginx says it is down. */
static bool instance_is_routed(const Instance *instance)
{
        return instance && instance->upstream &&
               (instance->status == INSTANCE_RUNNING || instance->status == INSTANCE_FAILED);
}

/* Before the registry is there nothing is known: a 503 has nginx go on with the answer it had. */
void status_reply_instance(Call *call)
{
        Manager *manager = call->listener->server->manager;
        struct MHD_Response *response;
        Instance *instance = NULL;
        const char *id;

        if (!manager_is_loaded(manager))
                return reply_problem(call->exchange,
                                &(Problem){
                                                .status = MHD_HTTP_SERVICE_UNAVAILABLE,
                                                .reason = "The instances have not been read yet.",
                                                .retry_after_s = 1,
                                });
        if (mhd_exchange_header(call->exchange, "X-Ark-Instance", &id) == 0 && instance_id_is_valid(id))
                instance = manager_get_instance(manager, id);
        response = reply_new(NULL, NULL);
        if (instance_is_routed(instance)) {
                reply_add_header(&response, "X-Ark-Upstream", instance->upstream);
                reply_add_header(&response, "X-Ark-Prefix", prefix_mode_to_string(instance->prefix));
                return mhd_exchange_reply(call->exchange, MHD_HTTP_NO_CONTENT, response);
        }
        reply_add_header(&response, "X-Ark-State", instance_route_state(instance));
        mhd_exchange_reply(call->exchange, MHD_HTTP_FORBIDDEN, response);
}
