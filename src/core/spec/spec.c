/* SPDX-License-Identifier: MIT */
#include "core/spec/spec.h"

#include <errno.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "core/model/address-pool.h"
#include "core/model/expand.h"
#include "core/model/instance-names.h"
#include "core/model/instance-url.h"
#include "core/model/instance-volume.h"
#include "core/model/instance.h"
#include "core/model/limits.h"
#include "core/model/product.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/spec/archive.h"
#include "core/spec/compose-file.h"
#include "core/spec/digest.h"

/* What images of the usual making need to take their files over and to drop privileges; a product may say
 * otherwise. */
static char *default_capabilities[] = { (char *) "CHOWN", (char *) "DAC_OVERRIDE", (char *) "FOWNER",
        (char *) "KILL", (char *) "NET_BIND_SERVICE", (char *) "SETGID", (char *) "SETUID", NULL };

InstanceLimits manager_limits_of(const Manager *m, const Product *product)
{
        return (InstanceLimits){
                .app = limits_complete(&product->app_limits, &m->limits.app),
                .database = limits_complete(&product->database_limits, &m->limits.database),
                .log = m->limits.log,
        };
}

char *instance_database_url(const Instance *i)
{
        InstanceNames names;

        if (!i->has_database)
                return NULL;
        instance_names(i, &names);
        return str_printf("postgresql://%s:%s@%s:%d/%s", ARK_DATABASE_USER, strempty(i->database_password),
                        i->has_database_alias ? ARK_DATABASE_ALIAS : names.database, ARK_DATABASE_PORT,
                        names.database);
}

/* The variables of one instance, while a template is expanded. */
typedef struct Variables {
        const Instance *instance;
        InstanceNames names;
        char *database_url;
} Variables;

static const char *lookup_variable(const char *name, void *userdata)
{
        const Variables *v = userdata;
        const Instance *i = v->instance;
        const struct {
                const char *name, *value;
        } table[] = {
                { "ARK_INSTANCE_ID", i->id },
                { "CLIENT_NAME", i->client_name },
                { "PUBLIC_URL", instance_url_public(i) },
                { "BASE_PATH", v->names.base_path },
                { "DB_HOST", i->has_database ? v->names.database : NULL },
                { "DB_PORT", i->has_database ? ARK_DATABASE_PORT_TEXT : NULL },
                { "DB_NAME", i->has_database ? v->names.database : NULL },
                { "DB_USER", i->has_database ? ARK_DATABASE_USER : NULL },
                { "DB_PASSWORD", i->has_database ? i->database_password : NULL },
                { "DATABASE_URL", i->has_database ? v->database_url : NULL },
        };
        const char *secret = expand_secret_name(name);

        for (size_t k = 0; k < ELEMENTSOF(table); k++)
                if (streq(table[k].name, name))
                        return table[k].value;
        return secret ? string_pairs_get(&i->secrets, secret) : NULL;
}

static int variables_init(Variables *v, const Instance *i)
{
        *v = (Variables){ .instance = i };
        instance_names(i, &v->names);
        if (!i->has_database)
                return 0;
        v->database_url = instance_database_url(i);
        return v->database_url ? 0 : -ENOMEM;
}

static void variables_done(Variables *v)
{
        v->database_url = str_erase_free(v->database_url);
}

static int expand_for(const Instance *instance, const char *template, char **ret, char **ret_reason)
{
        _cleanup_(variables_done) Variables v;
        int r;

        r = variables_init(&v, instance);
        return r < 0 ? r : expand(template, lookup_variable, &v, ret, ret_reason);
}

struct json_object *instance_make_credentials(const Instance *instance)
{
        _cleanup_json_ struct json_object *list = json_object_new_array();
        const Product *product = instance->product;

        for (size_t i = 0; list && product && i < product->n_credentials; i++) {
                _cleanup_(str_erase_freep) char *value = NULL;
                struct json_object *item = json_object_new_object();

                if (json_append(list, item) < 0)
                        return NULL;
                if (expand_for(instance, product->credentials[i].value, &value, NULL) < 0 ||
                                json_set(item, "label", json_object_get(product->credentials[i].label)) <
                                                0 ||
                                json_set_string(item, "value", value) < 0)
                        return NULL;
        }
        return TAKE_PTR(list);
}

static int add_base_env(StringPairs *env, const Instance *i)
{
        _cleanup_(variables_done) Variables v;
        int r;

        r = variables_init(&v, i);
        for (const char *const *name = product_base_env; r >= 0 && *name; name++) {
                const char *value = lookup_variable(*name, &v);

                /* What the product sets itself wins. */
                if (value && !string_pairs_get(env, *name) &&
                                !strv_contains(i->product->env_left_out, *name))
                        r = string_pairs_add(env, *name, value);
        }
        return r;
}

static int build_app_env(InstanceSpec *spec, const Instance *i)
{
        const StringPairs *templates = &i->product->env;

        for (size_t k = 0; k < templates->n; k++) {
                _cleanup_(str_erase_freep) char *value = NULL;
                _cleanup_free_ char *reason = NULL;
                int r;

                r = expand_for(i, templates->items[k].value, &value, &reason);
                if (r == -EINVAL)
                        return log_error_errno(r, "Product %s cannot be deployed, env.%s: %s", i->product_id,
                                        templates->items[k].key, reason);
                if (r >= 0)
                        r = string_pairs_add(&spec->app_env, templates->items[k].key, value);
                if (r < 0)
                        return r;
        }
        return add_base_env(&spec->app_env, i);
}

static int build_database_env(InstanceSpec *spec, const Instance *i)
{
        int r;

        r = string_pairs_add(&spec->database_env, "POSTGRES_USER", ARK_DATABASE_USER);
        if (r >= 0)
                r = string_pairs_add(&spec->database_env, "POSTGRES_DB", spec->names.database);
        if (r >= 0)
                r = string_pairs_add(
                                &spec->database_env, "POSTGRES_PASSWORD", strempty(i->database_password));
        return r;
}

/* The labels that everything of an instance carries; Compose's own make it a project of docker compose. */
static int add_labels(StringPairs *labels, const Manager *m, const Instance *i, const char *role)
{
        int r;

        r = string_pairs_add(labels, ARK_LABEL_DEPLOYMENT, m->deployment);
        if (r >= 0)
                r = string_pairs_add(labels, ARK_LABEL_INSTANCE, i->id);
        if (r >= 0)
                r = string_pairs_add(labels, ARK_LABEL_PRODUCT, i->product_id);
        if (r >= 0)
                r = string_pairs_add(labels, ARK_LABEL_LOG, i->id);
        if (r >= 0 && role)
                r = string_pairs_add(labels, ARK_LABEL_ROLE, role);
        if (r >= 0)
                r = string_pairs_add(labels, "com.docker.compose.project", i->id);
        return r;
}

static int add_container_labels(const InstanceSpec *spec, const Manager *m, const Instance *i,
                StringPairs *labels, const char *role)
{
        int r;

        r = add_labels(labels, m, i, role);
        if (r >= 0)
                r = string_pairs_add(labels, "com.docker.compose.service", role);
        if (r >= 0)
                r = string_pairs_add(labels, "com.docker.compose.container-number", "1");
        if (r >= 0)
                r = string_pairs_add(labels, "com.docker.compose.oneoff", "False");
        if (r >= 0)
                r = string_pairs_add(labels, "com.docker.compose.project.config_files", spec->compose_path);
        return r < 0 ? r
                     : string_pairs_add(labels, "com.docker.compose.project.working_dir", m->compose_dir);
}

/* What arkd decides by itself for every container and version 1 of the digests did not know. Nothing of it is in a digest,
 * so that no container is made again for it. */
static int add_own_options(ContainerSpec *c, const Manager *m, const char *role)
{
        bool is_database = streq(role, ARK_ROLE_DATABASE);

        c->stop_timeout_s = is_database ? m->database_stop_s : m->stop_s;
        if (is_database)
                c->networks[0].alias = ARK_DATABASE_ALIAS;
        else
                c->own_address = c->networks[1].address;
        return 0;
}

/* In this order, see digest.h: what the container is made from has been filled in, and nothing else. */
static int complete_container(const InstanceSpec *spec, const Manager *m, const Instance *i,
                ContainerSpec *c, StringPairs *labels, const char *role, char former[DIGEST_MAX])
{
        char digest[DIGEST_MAX];
        int r;

        r = container_digest(c, digest);
        if (!c->capabilities)
                c->capabilities = default_capabilities;
        c->labels = labels;
        if (r >= 0)
                r = add_container_labels(spec, m, i, labels, role);
        if (r >= 0)
                r = container_former_digest(c, former);
        c->former_digest = former;
        if (r >= 0)
                r = string_pairs_add(labels, ARK_LABEL_HASH, digest);
        return r < 0 ? r : add_own_options(c, m, role);
}

/* Its group is as much its own: a number alone would have the group root. */
static const char *app_user(InstanceSpec *spec, const Instance *i)
{
        if (!streq_ptr(i->product->user, PRODUCT_USER_AUTO))
                return i->product->user;
        if (i->uid == 0)
                return NULL;
        (void) snprintf(spec->user, sizeof spec->user, "%u:%u", i->uid, i->uid);
        return spec->user;
}

static int build_app(InstanceSpec *spec, const Manager *m, const Instance *i)
{
        InstanceLimits limits = instance_get_limits(i);
        const Product *p = i->product;
        int r;

        r = build_app_env(spec, i);
        if (r < 0)
                return r;
        spec->app = (ContainerSpec){
                .name = i->id,
                .image = p->image,
                .env = &spec->app_env,
                .user = app_user(spec, i),
                .capabilities = p->capabilities,
                .limits = limits.app,
                .log_max = limits.log,
                .read_only = p->read_only,
                .own_init = p->own_init,
                .new_privileges = p->new_privileges,
                .shm_size = p->shm_size,
                .slice = spec->names.slice,
                .networks = { { spec->names.network }, { ARK_INGRESS_NETWORK, i->ingress_address } },
                .n_networks = 2,
        };
        return complete_container(spec, m, i, &spec->app, &spec->app_labels, ARK_ROLE_APP, spec->app_former);
}

static int build_database(InstanceSpec *spec, const Manager *m, const Instance *i)
{
        const char *const health[] = { "pg_isready", "-h", "127.0.0.1", "-U", ARK_DATABASE_USER, "-d",
                spec->names.database, NULL };
        InstanceLimits limits = instance_get_limits(i);
        int r;

        if (!i->has_database)
                return 0;
        if (!i->product->database_image)
                return -ENODATA; /* a record of before the product was kept with it */
        r = build_database_env(spec, i);
        if (r < 0)
                return r;
        memcpy(spec->health_command, health, sizeof health);
        spec->database = (ContainerSpec){
                .name = spec->names.database,
                .image = i->product->database_image,
                .env = &spec->database_env,
                .stop_signal = i->database_stop_signal,
                .limits = limits.database,
                .log_max = limits.log,
                .volume = spec->names.volume,
                .volume_path = i->product->database_path,
                .volume_labels = &spec->volume_labels,
                .health_command = spec->health_command,
                .slice = spec->names.slice,
                .networks = { { spec->names.network } },
                .n_networks = 1,
        };
        return complete_container(spec, m, i, &spec->database, &spec->database_labels, ARK_ROLE_DATABASE,
                        spec->database_former);
}

static int build_network_and_volume(InstanceSpec *spec, const Manager *m, const Instance *i)
{
        int r;

        r = add_labels(&spec->network_labels, m, i, NULL);
        if (r >= 0)
                r = string_pairs_add(&spec->network_labels, "com.docker.compose.network", "private");
        if (r >= 0)
                r = add_labels(&spec->volume_labels, m, i, NULL);
        if (r >= 0)
                r = string_pairs_add(&spec->volume_labels, "com.docker.compose.volume", "data");
        if (r >= 0)
                r = subnet_nth_address(i->subnet, 1, spec->gateway);
        if (r < 0)
                return r;
        spec->network = (NetworkSpec){
                .name = spec->names.network,
                .bridge = spec->names.bridge,
                .subnet = i->subnet,
                .gateway = spec->gateway,
                .internal = true,
                .labels = &spec->network_labels,
        };
        spec->volume = (VolumeSpec){ .name = spec->names.volume, .labels = &spec->volume_labels };
        return 0;
}

static int describe_log(InstanceSpec *spec, Manager *m)
{
        int r;

        r = m->engine->vtable->describe_log(
                        m->engine, spec->app.log_max, &spec->log_driver, &spec->log_options);
        spec->log_known = r >= 0;
        return r == -ENOTCONN ? 0 : r;
}

int instance_volume_labels(const Manager *m, const Instance *i, const char *name, StringPairs *ret)
{
        int r;

        r = add_labels(ret, m, i, NULL);
        return r < 0 ? r : string_pairs_add(ret, "com.docker.compose.volume", name);
}

void instance_spec_set_volumes(InstanceSpec *spec, const Instance *i)
{
        spec->app.volumes = spec->app_volumes;
        spec->app.n_volumes = instance_get_mounts(i, ARK_ROLE_APP, spec->app_volumes);
        spec->database.volumes = spec->database_volumes;
        spec->database.n_volumes = instance_get_mounts(i, ARK_ROLE_DATABASE, spec->database_volumes);
}

int instance_spec_new(Manager *m, const Instance *i, InstanceSpec **ret)
{
        _cleanup_(instance_spec_freep) InstanceSpec *spec = new0(InstanceSpec, 1);
        int r;

        if (!spec)
                return -ENOMEM;
        if (!i->product || !i->subnet || !i->ingress_address)
                return -ENODATA;
        spec->product = product_ref(i->product);
        spec->needs_database_first = i->product->needs_database_first;
        instance_names(i, &spec->names);
        spec->compose_path = compose_path(m->compose_dir, i->id);
        if (!spec->compose_path)
                return -ENOMEM;
        r = build_network_and_volume(spec, m, i);
        if (r >= 0)
                r = build_app(spec, m, i);
        if (r >= 0)
                r = build_database(spec, m, i);
        if (r >= 0)
                r = describe_log(spec, m);
        if (r < 0)
                return r;
        spec->archive = archive_new(i);
        if (!spec->archive)
                return -ENOMEM;
        instance_spec_set_volumes(spec, i);
        *ret = TAKE_PTR(spec);
        return 0;
}

InstanceSpec *instance_spec_free(InstanceSpec *spec)
{
        if (!spec)
                return NULL;
        free(spec->compose_path);
        json_object_put(spec->archive);
        string_pairs_done(&spec->app_env);
        string_pairs_done(&spec->database_env);
        string_pairs_done(&spec->app_labels);
        string_pairs_done(&spec->database_labels);
        string_pairs_done(&spec->network_labels);
        string_pairs_done(&spec->volume_labels);
        string_pairs_done(&spec->log_options);
        product_unref(spec->product);
        free(spec);
        return NULL;
}

void ingress_spec(Manager *m, const StringPairs *labels, char subnet[ADDRESS_TEXT_MAX],
                char gateway[ADDRESS_TEXT_MAX], NetworkSpec *ret)
{
        address_pool_get_ingress(m->addresses, subnet, gateway);
        *ret = (NetworkSpec){
                .name = ARK_INGRESS_NETWORK,
                .bridge = ARK_INGRESS_BRIDGE,
                .subnet = subnet,
                .gateway = gateway,
                .isolated = true,
                .labels = labels,
        };
}
