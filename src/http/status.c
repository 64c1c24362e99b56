/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "basic/json-util.h"
#include "config.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
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
        if (instance->status == INSTANCE_NEWER)
                return instance_status_to_string(INSTANCE_FAILED);
        return instance_status_to_string(instance->status);
}

/* One that ran and broke keeps its address: if it answers all the same, it is heard, else nginx says it is down. So does
 * one whose status this version does not know. */
static bool instance_is_routed(const Instance *instance)
{
        return instance && instance->upstream &&
               (instance->status == INSTANCE_RUNNING || instance->status == INSTANCE_FAILED ||
                               instance->status == INSTANCE_NEWER);
}

/* Whether the visitor asked by a name of this service. */
static bool call_is_by_own_name(const Call *call)
{
        const char *host;

        return mhd_exchange_header(call->exchange, MHD_HTTP_HEADER_HOST, &host) == 0 &&
               auth_host_is_allowed(call->listener->server->auth, host);
}

static void call_reply_state(Call *call, const char *state)
{
        struct MHD_Response *response = reply_new(NULL, NULL);

        reply_add_header(&response, "X-Ark-State", state);
        mhd_exchange_reply(call->exchange, MHD_HTTP_FORBIDDEN, response);
}

void status_reply_host(Call *call)
{
        if (!call_is_by_own_name(call))
                return call_reply_state(call, "misdirected");
        mhd_exchange_reply(call->exchange, MHD_HTTP_NO_CONTENT, reply_new(NULL, NULL));
}

/* Where those who follow its link are served it, and how they get there: by an address that is configured, or on the
 * host that they asked for at that port. */
static void add_place(
                struct MHD_Response **response, const ApplicationsAddress *address, const Instance *instance)
{
        InstancePlace place = instance_url_place(address, instance);
        char port[sizeof "65535"];

        reply_add_header(response, "X-Ark-Place", instance_place_to_string(place));
        if (place != PLACE_APPLICATIONS)
                return;
        (void) snprintf(port, sizeof port, "%hu", (uint16_t) address->port);
        reply_add_header(response, "X-Ark-Applications", address->url ? address->url : port);
}

/* One that the store has lost serves as it did. */
static const Instance *find_routed(Manager *manager, const char *id)
{
        const Instance *instance = manager_get_instance(manager, id);

        return instance ? instance : unknown_route(manager, id);
}

/* Before the registry is there nothing is known: a 503 has nginx go on with the answer it had. */
void status_reply_instance(Call *call)
{
        Manager *manager = call->listener->server->manager;
        struct MHD_Response *response;
        const Instance *instance = NULL;
        const char *id;

        if (!call_is_by_own_name(call))
                return call_reply_state(call, "misdirected");
        if (!manager_is_loaded(manager))
                return reply_problem(call->exchange,
                                &(Problem){
                                                .status = MHD_HTTP_SERVICE_UNAVAILABLE,
                                                .reason = "The instances have not been read yet.",
                                                .retry_after_s = 1,
                                });
        if (mhd_exchange_header(call->exchange, "X-Ark-Instance", &id) == 0 && instance_id_is_valid(id))
                instance = find_routed(manager, id);
        if (!instance_is_routed(instance))
                return call_reply_state(call, instance_route_state(instance));
        response = reply_new(NULL, NULL);
        reply_add_header(&response, "X-Ark-Upstream", instance->upstream);
        reply_add_header(&response, "X-Ark-Prefix", prefix_mode_to_string(instance->prefix));
        if (instance->product && instance->product->whole_bodies)
                reply_add_header(&response, "X-Ark-Bodies", "whole");
        add_place(&response, manager_applications(manager), instance);
        mhd_exchange_reply(call->exchange, MHD_HTTP_NO_CONTENT, response);
}
