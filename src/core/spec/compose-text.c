/* SPDX-License-Identifier: MIT */

#include "core/spec/compose-text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <yaml.h>

#include "basic/json-util.h"
#include "core/model/instance-volume.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/spec/spec.h"

/*
 * The emitter keeps its first error: after one, every call does nothing, and the end is checked once.
 */
typedef struct Writer {
        yaml_emitter_t emitter;
        bool failed;
} Writer;

static void emit(Writer *w, int initialized, yaml_event_t *event)
{
        if (!initialized)
                w->failed = true;
        else if (w->failed)
                yaml_event_delete(event);
        else if (!yaml_emitter_emit(&w->emitter, event))
                w->failed = true;
}

static void scalar(Writer *w, const char *s, yaml_scalar_style_t style)
{
        yaml_event_t event;

        emit(w,
                        yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *) s,
                                        (int) strlen(s), 1, 1, style),
                        &event);
}

static void key(Writer *w, const char *s)
{
        scalar(w, s, YAML_ANY_SCALAR_STYLE);
}

/* Quoted, so that it stays a string whatever it looks like; docker compose reads $$ as a dollar. */
static void value(Writer *w, const char *s)
{
        _cleanup_(str_erase_freep) char *doubled = str_replace(s, "$", "$$");

        if (doubled)
                scalar(w, doubled, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
        else
                w->failed = true;
}

static void plain(Writer *w, const char *s)
{
        scalar(w, s, YAML_PLAIN_SCALAR_STYLE);
}

static void member(Writer *w, const char *name, const char *s)
{
        key(w, name);
        value(w, s);
}

static void boolean(Writer *w, const char *name, bool b)
{
        key(w, name);
        plain(w, b ? "true" : "false");
}

static void flag(Writer *w, const char *name)
{
        boolean(w, name, true);
}

static void map_open(Writer *w, const char *name)
{
        yaml_event_t event;

        if (name)
                key(w, name);
        emit(w, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE),
                        &event);
}

static void map_close(Writer *w)
{
        yaml_event_t event;

        emit(w, yaml_mapping_end_event_initialize(&event), &event);
}

static void list_open(Writer *w, const char *name)
{
        yaml_event_t event;

        key(w, name);
        emit(w, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE),
                        &event);
}

static void list_close(Writer *w)
{
        yaml_event_t event;

        emit(w, yaml_sequence_end_event_initialize(&event), &event);
}

static void pairs(Writer *w, const char *name, const StringPairs *list, const char *skip_prefix)
{
        map_open(w, name);
        for (size_t i = 0; i < list->n; i++) {
                if (skip_prefix && startswith(list->items[i].key, skip_prefix))
                        continue;
                /* Quoted: a variable may be called null, true or .5. */
                scalar(w, list->items[i].key, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
                value(w, list->items[i].value);
        }
        map_close(w);
}

static void number(Writer *w, const char *name, uint64_t n)
{
        char text[32];

        (void) snprintf(text, sizeof text, "%" PRIu64, n);
        key(w, name);
        plain(w, text);
}

static void limits(Writer *w, const ResourceLimits *l)
{
        char text[32];

        if (l->memory) {
                (void) snprintf(text, sizeof text, "%" PRIu64, l->memory);
                member(w, "mem_limit", text);
                member(w, "memswap_limit", text);
        }
        if (l->nano_cpus) {
                (void) snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64, l->nano_cpus / 1000000000,
                                l->nano_cpus % 1000000000);
                key(w, "cpus");
                plain(w, text);
        }
        if (l->pids)
                number(w, "pids_limit", l->pids);
        if (l->files) {
                map_open(w, "ulimits");
                map_open(w, "nofile");
                number(w, "soft", l->files);
                number(w, "hard", l->files);
                map_close(w);
                map_close(w);
        }
}

static void logging(Writer *w, const InstanceSpec *spec)
{
        if (!spec->log_driver)
                return;
        map_open(w, "logging");
        member(w, "driver", spec->log_driver);
        pairs(w, "options", &spec->log_options, NULL);
        map_close(w);
}

static void security(Writer *w, const ContainerSpec *c)
{
        if (c->user)
                member(w, "user", c->user);
        list_open(w, "cap_drop");
        value(w, "ALL");
        list_close(w);
        if (c->capabilities && c->capabilities[0]) {
                list_open(w, "cap_add");
                for (char *const *capability = c->capabilities; *capability; capability++)
                        value(w, *capability);
                list_close(w);
        }
        if (!c->new_privileges) {
                list_open(w, "security_opt");
                value(w, "no-new-privileges:true");
                list_close(w);
        }
        if (c->read_only) {
                flag(w, "read_only");
                list_open(w, "tmpfs");
                value(w, "/tmp:" CONTAINER_TMPFS_TMP);
                value(w, "/run:" CONTAINER_TMPFS_RUN);
                list_close(w);
        }
}

static void networks_of(Writer *w, const InstanceSpec *spec, const ContainerSpec *c)
{
        map_open(w, "networks");
        for (size_t i = 0; i < c->n_networks; i++) {
                const NetworkAttachment *a = c->networks + i;

                map_open(w, streq(a->network, spec->names.network) ? "private" : "ingress");
                if (a->address)
                        member(w, "ipv4_address", a->address);
                if (a->alias) {
                        list_open(w, "aliases");
                        value(w, a->alias);
                        list_close(w);
                }
                map_close(w);
        }
        map_close(w);
}

#define TEXT_(number)   #number
#define TEXT(number)    TEXT_(number)
#define SECONDS(number) TEXT(number) "s"

static void health(Writer *w, const ContainerSpec *c)
{
        if (!c->health_command)
                return;
        map_open(w, "healthcheck");
        list_open(w, "test");
        value(w, "CMD");
        for (const char *const *argument = c->health_command; *argument; argument++)
                value(w, *argument);
        list_close(w);
        member(w, "interval", SECONDS(CONTAINER_HEALTH_INTERVAL_S));
        member(w, "timeout", SECONDS(CONTAINER_HEALTH_TIMEOUT_S));
        member(w, "start_period", SECONDS(CONTAINER_HEALTH_START_PERIOD_S));
        key(w, "retries");
        plain(w, TEXT(CONTAINER_HEALTH_RETRIES));
        map_close(w);
}

static void depends_on_database(Writer *w)
{
        map_open(w, "depends_on");
        map_open(w, ARK_ROLE_DATABASE);
        member(w, "condition", "service_healthy");
        map_close(w);
        map_close(w);
}

static void mount(Writer *w, const char *source, const char *path)
{
        map_open(w, NULL);
        member(w, "type", "volume");
        member(w, "source", source);
        member(w, "target", path);
        map_close(w);
}

static void volumes_of(Writer *w, const ContainerSpec *c)
{
        if (!c->volume && c->n_volumes == 0)
                return;
        list_open(w, "volumes");
        if (c->volume)
                mount(w, "data", c->volume_path);
        for (size_t i = 0; i < c->n_volumes; i++)
                mount(w, c->volumes[i].name, c->volumes[i].path);
        list_close(w);
}

static void stop(Writer *w, const ContainerSpec *c)
{
        char text[16];

        (void) snprintf(text, sizeof text, "%us", c->stop_timeout_s);
        if (c->stop_timeout_s > 0)
                member(w, "stop_grace_period", text);
        if (c->stop_signal)
                member(w, "stop_signal", c->stop_signal);
}

static void service(Writer *w, const InstanceSpec *spec, const char *name, const ContainerSpec *c)
{
        map_open(w, name);
        member(w, "image", c->image);
        member(w, "container_name", c->name);
        member(w, "hostname", c->name);
        member(w, "restart", "always");
        boolean(w, "init", !c->own_init);
        if (c->own_address) {
                map_open(w, "extra_hosts");
                member(w, c->name, c->own_address);
                map_close(w);
        }
        if (c->slice)
                member(w, "cgroup_parent", c->slice);
        pairs(w, "environment", c->env, NULL);
        pairs(w, "labels", c->labels, "com.docker.compose.");
        security(w, c);
        limits(w, &c->limits);
        if (c->shm_size)
                number(w, "shm_size", c->shm_size);
        logging(w, spec);
        networks_of(w, spec, c);
        volumes_of(w, c);
        stop(w, c);
        health(w, c);
        if (c == &spec->app && spec->database.image && spec->needs_database_first)
                depends_on_database(w);
        map_close(w);
}

static void private_network(Writer *w, const NetworkSpec *n)
{
        map_open(w, "private");
        member(w, "name", n->name);
        if (n->internal)
                flag(w, "internal");
        map_open(w, "driver_opts");
        member(w, "com.docker.network.bridge.name", n->bridge);
        map_close(w);
        map_open(w, "ipam");
        list_open(w, "config");
        map_open(w, NULL);
        member(w, "subnet", n->subnet);
        member(w, "gateway", n->gateway);
        map_close(w);
        list_close(w);
        map_close(w);
        pairs(w, "labels", n->labels, "com.docker.compose.");
        map_close(w);
}

static void json_value(Writer *w, struct json_object *json);

static void json_members(Writer *w, struct json_object *json)
{
        json_object_object_foreach (json, name, member_value) {
                scalar(w, name, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
                json_value(w, member_value);
        }
}

/* Strings are quoted, so that they stay what they are; all else is plain. */
static void json_plain(Writer *w, struct json_object *json)
{
        const char *text = json ? json_text(json) : "null";

        if (text)
                plain(w, text);
        else
                w->failed = true;
}

static void json_value(Writer *w, struct json_object *json)
{
        yaml_event_t event;

        switch (json_object_get_type(json)) {
        case json_type_object:
                map_open(w, NULL);
                json_members(w, json);
                map_close(w);
                break;
        case json_type_array:
                emit(w,
                                yaml_sequence_start_event_initialize(
                                                &event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE),
                                &event);
                for (size_t i = 0; i < json_object_array_length(json); i++)
                        json_value(w, json_object_array_get_idx(json, i));
                list_close(w);
                break;
        case json_type_string:
                value(w, json_object_get_string(json));
                break;
        default:
                json_plain(w, json);
        }
}

static void volume(Writer *w, const char *name, const char *volume, const StringPairs *labels)
{
        map_open(w, name);
        member(w, "name", volume);
        if (labels)
                pairs(w, "labels", labels, "com.docker.compose.");
        map_close(w);
}

/* One of an image has its name for a key: no two have the same. An anonymous one has no labels. */
static void volumes(Writer *w, const InstanceSpec *spec)
{
        const ContainerSpec *const containers[] = { &spec->app, &spec->database };

        if (!spec->database.image && spec->app.n_volumes == 0)
                return;
        map_open(w, "volumes");
        if (spec->database.image)
                volume(w, "data", spec->volume.name, spec->volume.labels);
        for (size_t c = 0; c < ELEMENTSOF(containers); c++)
                for (size_t i = 0; i < containers[c]->n_volumes; i++) {
                        const char *name = containers[c]->volumes[i].name;

                        volume(w, name, name, volume_is_anonymous(name) ? NULL : spec->volume.labels);
                }
        map_close(w);
}

static void document(Writer *w, const InstanceSpec *spec)
{
        map_open(w, NULL);
        member(w, "name", spec->app.name);
        map_open(w, "services");
        service(w, spec, ARK_ROLE_APP, &spec->app);
        if (spec->database.image)
                service(w, spec, ARK_ROLE_DATABASE, &spec->database);
        map_close(w);
        map_open(w, "networks");
        private_network(w, &spec->network);
        map_open(w, "ingress");
        member(w, "name", ARK_INGRESS_NETWORK);
        flag(w, "external");
        map_close(w);
        map_close(w);
        volumes(w, spec);
        key(w, "x-ark");
        json_value(w, spec->archive);
        map_close(w);
}

static int write_to_memory(void *userdata, unsigned char *buffer, size_t size)
{
        return fwrite(buffer, 1, size, userdata) == size;
}

static void stream(Writer *w, const InstanceSpec *spec)
{
        yaml_event_t event;

        emit(w, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
        emit(w, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &event);
        document(w, spec);
        emit(w, yaml_document_end_event_initialize(&event, 1), &event);
        emit(w, yaml_stream_end_event_initialize(&event), &event);
        if (!w->failed && !yaml_emitter_flush(&w->emitter))
                w->failed = true;
}

int compose_format(const InstanceSpec *spec, char **ret_text)
{
        _cleanup_(str_erase_freep) char *text = NULL;
        Writer w = { 0 };
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        if (!out)
                return -ENOMEM;
        if (yaml_emitter_initialize(&w.emitter)) {
                yaml_emitter_set_output(&w.emitter, write_to_memory, out);
                yaml_emitter_set_unicode(&w.emitter, 1);
                yaml_emitter_set_width(&w.emitter, -1);
                stream(&w, spec);
                yaml_emitter_delete(&w.emitter);
        } else
                w.failed = true;
        if (fclose(out) != 0 || w.failed)
                return -ENOMEM;
        *ret_text = TAKE_PTR(text);
        return 0;
}
