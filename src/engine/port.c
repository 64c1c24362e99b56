/* SPDX-License-Identifier: MIT */
#include "engine/engine-port.h"

#include <errno.h>

#include "engine/engine-container.h"
#include "engine/engine-events.h"
#include "engine/engine-image.h"
#include "engine/engine-interface.h"
#include "engine/engine-list.h"
#include "engine/engine-network.h"
#include "engine/engine-usage.h"
#include "engine/engine-volume.h"

struct Engine {
        EnginePort port;
        EngineClient client;
        EngineImages *images;
        EngineEvents *events;
};

static Engine *engine_of(EnginePort *e)
{
        return container_of(e, Engine, port);
}

static int port_ensure_image(EnginePort *e, const char *image, uint64_t timeout_usec, PullProgress progress,
                PortDone done, void *userdata, Pending **ret_pending)
{
        return engine_image_ensure(
                        engine_of(e)->images, image, timeout_usec, progress, done, userdata, ret_pending);
}

static int port_create_network(EnginePort *e, const NetworkSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_network_create(&engine_of(e)->client, spec, timeout_usec, done, userdata, ret_pending);
}

static int port_create_volume(EnginePort *e, const VolumeSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_volume_create(&engine_of(e)->client, spec, timeout_usec, done, userdata, ret_pending);
}

static int port_create_container(EnginePort *e, const ContainerSpec *spec, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending)
{
        return engine_container_create(
                        &engine_of(e)->client, spec, timeout_usec, done, userdata, ret_pending);
}

static int port_start_container(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_container_start(
                        &engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_inspect_container(EnginePort *e, const char *name, const char *network,
                uint64_t timeout_usec, ContainerStateDone done, void *userdata, Pending **ret_pending)
{
        return engine_container_inspect(
                        &engine_of(e)->client, name, network, timeout_usec, done, userdata, ret_pending);
}

static int port_container_usage(EnginePort *e, const char *name, uint64_t timeout_usec,
                ContainerUsageDone done, void *userdata, Pending **ret_pending)
{
        return engine_container_usage(
                        &engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_container_logs(EnginePort *e, const char *name, unsigned lines, uint64_t timeout_usec,
                LogsDone done, void *userdata, Pending **ret_pending)
{
        return engine_container_logs(
                        &engine_of(e)->client, name, lines, timeout_usec, done, userdata, ret_pending);
}

static int port_restart_container(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_container_restart(
                        &engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_container_log_since(EnginePort *e, const char *name, const char *since, unsigned lines,
                uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending)
{
        return engine_container_log_since(&engine_of(e)->client, name, since, lines, timeout_usec, done,
                        userdata, ret_pending);
}

static int port_remove_container(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_container_remove(
                        &engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_remove_volume(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_volume_remove(&engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_remove_network(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_network_remove(&engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_list_resources(EnginePort *e, uint64_t timeout_usec, ResourcesDone done, void *userdata,
                Pending **ret_pending)
{
        return engine_list(&engine_of(e)->client, timeout_usec, done, userdata, ret_pending);
}

static int port_find_interface(EnginePort *e, const char *subnet, char ret_name[INTERFACE_NAME_MAX])
{
        return engine_interface_find(subnet, ret_name);
}

static bool port_is_connected(EnginePort *e)
{
        return engine_events_is_connected(engine_of(e)->events);
}

static void port_watch(
                EnginePort *e, ConnectedHandler on_connected, EngineEventHandler on_event, void *userdata)
{
        engine_events_watch(engine_of(e)->events, on_connected, on_event, userdata);
}

static const EngineVTable port_vtable = {
        .ensure_image = port_ensure_image,
        .create_network = port_create_network,
        .create_volume = port_create_volume,
        .create_container = port_create_container,
        .start_container = port_start_container,
        .inspect_container = port_inspect_container,
        .restart_container = port_restart_container,
        .container_usage = port_container_usage,
        .container_logs = port_container_logs,
        .container_log_since = port_container_log_since,
        .remove_container = port_remove_container,
        .remove_volume = port_remove_volume,
        .remove_network = port_remove_network,
        .list_resources = port_list_resources,
        .find_interface = port_find_interface,
        .is_connected = port_is_connected,
        .watch = port_watch,
};

int engine_new(sd_event *event, CurlGlue *glue, const char *socket_path, const char *deployment,
                Engine **ret)
{
        _cleanup_(engine_freep) Engine *engine = new0(Engine, 1);
        int r;

        if (!engine)
                return -ENOMEM;
        engine->port.vtable = &port_vtable;
        engine->client.event = sd_event_ref(event);
        engine->client.glue = glue;
        engine->client.socket_path = strdup(socket_path);
        engine->client.deployment = strdup(deployment);
        if (!engine->client.socket_path || !engine->client.deployment)
                return -ENOMEM;
        r = engine_images_new(&engine->client, &engine->images);
        if (r >= 0)
                r = engine_events_new(&engine->client, &engine->events);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(engine);
        return 0;
}

Engine *engine_free(Engine *engine)
{
        if (!engine)
                return NULL;
        (void) engine_events_free(engine->events);
        (void) engine_images_free(engine->images);
        free(engine->client.socket_path);
        free(engine->client.deployment);
        (void) sd_event_unref(engine->client.event);
        return mfree(engine);
}

EnginePort *engine_port(Engine *engine)
{
        return &engine->port;
}
