/* SPDX-License-Identifier: MIT */
#include "core/spec.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "core/compose.h"
#include "core/expand.h"
#include "core/manager-internal.h"
#include "core/names.h"

/* What images of the usual making need to take their files over and to drop privileges; a product may say
 * otherwise. */
static char *default_capabilities[] = { (char *) "CHOWN", (char *) "DAC_OVERRIDE", (char *) "FOWNER",
        (char *) "KILL", (char *) "NET_BIND_SERVICE", (char *) "SETGID", (char *) "SETUID", NULL };

char *instance_database_url(const Instance *i)
{
        InstanceNames names;

        if (!i->has_database)
                return NULL;
        instance_names(i, &names);
        return str_printf("postgresql://%s:%s@%s:%d/%s", ARK_DATABASE_USER, strempty(i->database_password),
                        names.database, ARK_DATABASE_PORT, names.database);
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
                { "PUBLIC_URL", strempty(i->access_url) },
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
        static const char *const names[] = { "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD",
                "DATABASE_URL", "ARK_INSTANCE_ID", "PUBLIC_URL", "BASE_PATH" };
        _cleanup_(variables_done) Variables v;
        int r;

        r = variables_init(&v, i);
        for (size_t k = 0; r >= 0 && k < ELEMENTSOF(names); k++) {
                const char *value = lookup_variable(names[k], &v);

                /* What the product sets itself wins. */
                if (value && !string_pairs_get(env, names[k]))
                        r = string_pairs_add(env, names[k], value);
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

static void hash_pairs(EVP_MD_CTX *digest, const StringPairs *pairs)
{
        for (size_t k = 0; k < pairs->n; k++) {
                EVP_DigestUpdate(digest, pairs->items[k].key, strlen(pairs->items[k].key) + 1);
                EVP_DigestUpdate(digest, pairs->items[k].value, strlen(pairs->items[k].value) + 1);
        }
}

static void hash_string(EVP_MD_CTX *digest, const char *s)
{
        EVP_DigestUpdate(digest, strempty(s), strlen(strempty(s)) + 1);
}

/* A digest of all that makes a container what it is: one that was made from another specification is made again. The
 * labels of its volume are not part of it. */
static int container_hash(const ContainerSpec *c, char ret_hex[65])
{
        EVP_MD_CTX *digest = EVP_MD_CTX_new();
        unsigned char bytes[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        if (!digest)
                return -ENOMEM;
        EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
        hash_string(digest, c->image);
        hash_string(digest, c->user);
        hash_string(digest, c->volume);
        hash_string(digest, c->volume_path);
        hash_string(digest, c->slice);
        for (const char *const *word = c->health_command; word && *word; word++)
                hash_string(digest, *word);
        hash_pairs(digest, c->env);
        hash_pairs(digest, c->labels);
        EVP_DigestUpdate(digest, &c->limits, sizeof c->limits);
        EVP_DigestUpdate(digest, &c->read_only, sizeof c->read_only);
        for (char *const *capability = c->capabilities; *capability; capability++)
                hash_string(digest, *capability);
        for (size_t k = 0; k < c->n_networks; k++) {
                hash_string(digest, c->networks[k].network);
                hash_string(digest, c->networks[k].address);
        }
        EVP_DigestFinal_ex(digest, bytes, &n);
        EVP_MD_CTX_free(digest);
        for (unsigned k = 0; k < n && k < 32; k++)
                (void) snprintf(ret_hex + 2 * k, 3, "%02x", bytes[k]);
        return 0;
}

static int add_container_labels(const InstanceSpec *spec, const Manager *m, const Instance *i,
                ContainerSpec *c, StringPairs *labels, const char *role)
{
        char hash[65];
        int r;

        c->labels = labels;
        r = add_labels(labels, m, i, role);
        if (r >= 0)
                r = string_pairs_add(labels, "com.docker.compose.service", role);
        if (r >= 0)
                r = string_pairs_add(labels, "com.docker.compose.container-number", "1");
        if (r >= 0)
                r = string_pairs_add(labels, "com.docker.compose.oneoff", "False");
        if (r >= 0)
                r = string_pairs_add(labels, "com.docker.compose.project.config_files", spec->compose_path);
        if (r >= 0)
                r = string_pairs_add(labels, "com.docker.compose.project.working_dir", m->compose_dir);
        if (r >= 0)
                r = container_hash(c, hash);
        return r < 0 ? r : string_pairs_add(labels, ARK_LABEL_HASH, hash);
}

static int build_app(InstanceSpec *spec, const Manager *m, const Instance *i)
{
        const Product *p = i->product;
        int r;

        r = build_app_env(spec, i);
        if (r < 0)
                return r;
        spec->app = (ContainerSpec){
                .name = i->id,
                .image = p->image,
                .env = &spec->app_env,
                .user = p->user,
                .capabilities = p->capabilities ? p->capabilities : default_capabilities,
                .limits = p->app_limits,
                .read_only = p->read_only,
                .slice = spec->names.slice,
                .networks = { { spec->names.network, NULL }, { ARK_INGRESS_NETWORK, i->ingress_address } },
                .n_networks = 2,
        };
        return add_container_labels(spec, m, i, &spec->app, &spec->app_labels, ARK_ROLE_APP);
}

static int build_database(InstanceSpec *spec, const Manager *m, const Instance *i)
{
        const char *const health[] = { "pg_isready", "-h", "127.0.0.1", "-U", ARK_DATABASE_USER, "-d",
                spec->names.database, NULL };
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
                .capabilities = default_capabilities,
                .limits = i->product->database_limits,
                .volume = spec->names.volume,
                .volume_path = i->product->database_path,
                .volume_labels = &spec->volume_labels,
                .health_command = spec->health_command,
                .slice = spec->names.slice,
                .networks = { { spec->names.network, NULL } },
                .n_networks = 1,
        };
        return add_container_labels(spec, m, i, &spec->database, &spec->database_labels, ARK_ROLE_DATABASE);
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
        if (r < 0)
                return r;
        *ret = TAKE_PTR(spec);
        return 0;
}

InstanceSpec *instance_spec_free(InstanceSpec *spec)
{
        if (!spec)
                return NULL;
        free(spec->compose_path);
        string_pairs_done(&spec->app_env);
        string_pairs_done(&spec->database_env);
        string_pairs_done(&spec->app_labels);
        string_pairs_done(&spec->database_labels);
        string_pairs_done(&spec->network_labels);
        string_pairs_done(&spec->volume_labels);
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
