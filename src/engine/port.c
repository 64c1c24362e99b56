/* SPDX-License-Identifier: MIT */
#include "engine/port.h"

#include <errno.h>

#include "engine/changes.h"
#include "engine/container-life.h"
#include "engine/container-spec.h"
#include "engine/container.h"
#include "engine/events.h"
#include "engine/give.h"
#include "engine/host.h"
#include "engine/image-info.h"
#include "engine/image.h"
#include "engine/interface.h"
#include "engine/list.h"
#include "engine/listeners.h"
#include "engine/logs.h"
#include "engine/network.h"
#include "engine/sizes.h"
#include "engine/usage.h"
#include "engine/volume.h"

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

static int port_inspect_image(EnginePort *e, const char *image, uint64_t timeout_usec, ImageInfoDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_image_info(&engine_of(e)->client, image, timeout_usec, done, userdata, ret_pending);
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

static int port_measure_sizes(
                EnginePort *e, uint64_t timeout_usec, SizesDone done, void *userdata, Pending **ret_pending)
{
        return engine_measure_sizes(&engine_of(e)->client, timeout_usec, done, userdata, ret_pending);
}

static int port_container_logs(EnginePort *e, const char *name, unsigned lines, uint64_t timeout_usec,
                LogsDone done, void *userdata, Pending **ret_pending)
{
        return engine_container_logs(
                        &engine_of(e)->client, name, lines, timeout_usec, done, userdata, ret_pending);
}

static int port_restart_container(EnginePort *e, const char *name, unsigned stop_timeout_s,
                uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending)
{
        return engine_container_restart(&engine_of(e)->client, name, stop_timeout_s, timeout_usec, done,
                        userdata, ret_pending);
}

static int port_stop_container(EnginePort *e, const char *name, unsigned stop_timeout_s,
                uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending)
{
        return engine_container_stop(&engine_of(e)->client, name, stop_timeout_s, timeout_usec, done,
                        userdata, ret_pending);
}

static int port_container_changes(EnginePort *e, const char *name, uint64_t timeout_usec, ChangesDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_container_changes(
                        &engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_container_listeners(EnginePort *e, const char *name, uint64_t timeout_usec,
                ListenersDone done, void *userdata, Pending **ret_pending)
{
        return engine_container_listeners(
                        &engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_container_log_since(EnginePort *e, const char *name, const LogPlace *from, unsigned lines,
                uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending)
{
        return engine_container_log_since(
                        &engine_of(e)->client, name, from, lines, timeout_usec, done, userdata, ret_pending);
}

static int port_remove_container(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_container_remove(
                        &engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_clear_container(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_container_clear(
                        &engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_remove_volume(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_volume_remove(&engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_remove_anonymous_volume(EnginePort *e, const char *name, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending)
{
        return engine_volume_remove_anonymous(
                        &engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_find_volume(EnginePort *e, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return engine_volume_find(&engine_of(e)->client, name, timeout_usec, done, userdata, ret_pending);
}

static int port_give_volume(EnginePort *e, const char *container, const char *path, uint32_t uid,
                bool filled, uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending)
{
        return engine_volume_give(&engine_of(e)->client, container, path, uid, filled, timeout_usec, done,
                        userdata, ret_pending);
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

static int port_list_of_instance(EnginePort *e, const char *instance_id, uint64_t timeout_usec,
                ResourcesDone done, void *userdata, Pending **ret_pending)
{
        return engine_list_of_instance(
                        &engine_of(e)->client, instance_id, timeout_usec, done, userdata, ret_pending);
}

static int port_find_interface(EnginePort *e, const char *subnet, char ret_name[INTERFACE_NAME_MAX])
{
        return engine_interface_find(subnet, ret_name);
}

static int port_describe_log(
                EnginePort *e, uint64_t log_max, const char **ret_driver, StringPairs *ret_options)
{
        return engine_log_config(&engine_of(e)->client, log_max, ret_driver, ret_options);
}

static void port_read_host(EnginePort *e, HostState *ret)
{
        engine_host_read(&engine_of(e)->client, ret);
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
        .inspect_image = port_inspect_image,
        .create_network = port_create_network,
        .create_volume = port_create_volume,
        .create_container = port_create_container,
        .start_container = port_start_container,
        .inspect_container = port_inspect_container,
        .stop_container = port_stop_container,
        .restart_container = port_restart_container,
        .container_usage = port_container_usage,
        .measure_sizes = port_measure_sizes,
        .container_logs = port_container_logs,
        .container_log_since = port_container_log_since,
        .container_changes = port_container_changes,
        .container_listeners = port_container_listeners,
        .remove_container = port_remove_container,
        .clear_container = port_clear_container,
        .remove_volume = port_remove_volume,
        .remove_anonymous_volume = port_remove_anonymous_volume,
        .find_volume = port_find_volume,
        .give_volume = port_give_volume,
        .remove_network = port_remove_network,
        .list_resources = port_list_resources,
        .describe_log = port_describe_log,
        .read_host = port_read_host,
        .list_of_instance = port_list_of_instance,
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
