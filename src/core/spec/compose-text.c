/* SPDX-License-Identifier: MIT */
#include "core/compose.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <yaml.h>

#include "core/names.h"

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

static void flag(Writer *w, const char *name)
{
        key(w, name);
        plain(w, "true");
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
        if (l->pids) {
                (void) snprintf(text, sizeof text, "%" PRIu64, l->pids);
                key(w, "pids_limit");
                plain(w, text);
        }
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
        list_open(w, "security_opt");
        value(w, "no-new-privileges:true");
        list_close(w);
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

static void service(Writer *w, const InstanceSpec *spec, const char *name, const ContainerSpec *c)
{
        map_open(w, name);
        member(w, "image", c->image);
        member(w, "container_name", c->name);
        member(w, "hostname", c->name);
        member(w, "restart", "always");
        flag(w, "init");
        if (c->slice)
                member(w, "cgroup_parent", c->slice);
        pairs(w, "environment", c->env, NULL);
        pairs(w, "labels", c->labels, "com.docker.compose.");
        security(w, c);
        limits(w, &c->limits);
        networks_of(w, spec, c);
        if (c->volume) {
                list_open(w, "volumes");
                map_open(w, NULL);
                member(w, "type", "volume");
                member(w, "source", "data");
                member(w, "target", c->volume_path);
                map_close(w);
                list_close(w);
        }
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
        if (spec->database.image) {
                map_open(w, "volumes");
                map_open(w, "data");
                member(w, "name", spec->volume.name);
                pairs(w, "labels", spec->volume.labels, "com.docker.compose.");
                map_close(w);
                map_close(w);
        }
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
