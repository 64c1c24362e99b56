/* SPDX-License-Identifier: MIT */

/* What instances are made of: addresses, records, compose files. */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <yaml.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/address-pool.h"
#include "core/model/instance.h"
#include "core/model/limits.h"
#include "core/model/product.h"
#include "core/model/user-range.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/spec/spec.h"
#include "core/verbs/request.h"
#include "core_fixture.h"

/* ---- Addresses ---- */

static void test_pools(void **state)
{
        static const char *const bad[] = { "", "10.0.0.0", "10.0.0.0/", "/16", "10.0.0.0/11", "10.0.0.0/20",
                "10.0.0.0/32", "10.231.0.1/16", "10.231.0.0/16x", "10.231.0.0/-16", "10.231.0/16",
                "a.b.c.d/16", "100.64.0.0/12", "100.100.0.0/16", "100.127.128.0/17", "256.0.0.0/16",
                "10.231.0.0/4294967312", "::/16", " 10.231.0.0/16" };
        static const char *const good[] = { "10.0.0.0/12", "10.231.0.0/16", "172.16.0.0/19",
                "100.128.0.0/16", "100.0.0.0/12" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                AddressPool *pool = NULL;

                if (address_pool_new(bad[i], &pool) != -EINVAL)
                        fail_msg("taken: %s", bad[i]);
                assert_null(pool);
        }
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                AddressPool *pool = NULL;

                assert_int_equal(address_pool_new(good[i], &pool), 0);
                address_pool_free(pool);
        }
}

static void test_subnets(void **state)
{
        _cleanup_(address_pool_freep) AddressPool *pool = NULL;
        char a[ADDRESS_TEXT_MAX], gateway[ADDRESS_TEXT_MAX];
        char(*all)[ADDRESS_TEXT_MAX] = calloc(256, sizeof *all);

        assert_non_null(all);
        assert_int_equal(address_pool_new("172.16.32.0/19", &pool), 0);
        address_pool_get_ingress(pool, a, gateway);
        assert_string_equal(a, "172.16.32.0/20");
        assert_string_equal(gateway, "172.16.32.1");
        for (size_t i = 0; i < 256; i++) {
                assert_int_equal(address_pool_take_subnet(pool, all[i]), 0);
                for (size_t k = 0; k < i; k++)
                        assert_string_not_equal(all[i], all[k]);
        }
        assert_string_equal(all[0], "172.16.48.0/28");
        assert_string_equal(all[255], "172.16.63.240/28");
        assert_int_equal(address_pool_take_subnet(pool, a), -EADDRNOTAVAIL);
        address_pool_release_subnet(pool, all[77]);
        assert_int_equal(address_pool_take_subnet(pool, a), 0);
        assert_string_equal(a, all[77]);
        assert_int_equal(address_pool_reserve_subnet(pool, all[3]), -EEXIST);
        address_pool_release_subnet(pool, all[3]);
        assert_int_equal(address_pool_reserve_subnet(pool, all[3]), 0);
        free(all);

        static const char *const foreign[] = { "172.16.32.0/28", "172.16.64.0/28", "172.16.48.0/27",
                "172.16.48.8/28", "172.16.48.0", "", "10.0.0.0/28" };
        for (size_t i = 0; i < ELEMENTSOF(foreign); i++) {
                assert_int_equal(address_pool_reserve_subnet(pool, foreign[i]), -EINVAL);
                address_pool_release_subnet(pool, foreign[i]);
        }
        assert_int_equal(address_pool_reserve_subnet(pool, NULL), -EINVAL);
        address_pool_release_subnet(pool, NULL);
        assert_int_equal(address_pool_take_subnet(pool, a), -EADDRNOTAVAIL);
}

static void test_ingress_rests(void **state)
{
        const uint64_t start = UINT64_C(1764000000000000);
        _cleanup_(address_pool_freep) AddressPool *pool = NULL;
        char a[ADDRESS_TEXT_MAX], last[ADDRESS_TEXT_MAX] = "";

        assert_int_equal(address_pool_new("10.231.0.0/16", &pool), 0);
        for (unsigned i = 0; i < 4093; i++) {
                assert_int_equal(address_pool_take_ingress(pool, start, a), 0);
                assert_string_not_equal(a, "10.231.0.1");
                if (i == 0)
                        assert_string_equal(a, "10.231.0.2");
                assert_string_not_equal(a, last);
                (void) strcpy(last, a);
        }
        assert_string_equal(last, "10.231.15.254");
        assert_int_equal(address_pool_take_ingress(pool, start, a), -EADDRNOTAVAIL);
        address_pool_release_ingress(pool, "10.231.3.7", start);
        assert_int_equal(address_pool_take_ingress(pool, start + 1, a), -EADDRNOTAVAIL);
        assert_int_equal(address_pool_take_ingress(pool, start + ADDRESS_REST_USEC - 1, a), -EADDRNOTAVAIL);
        assert_int_equal(address_pool_take_ingress(pool, start + ADDRESS_REST_USEC, a), 0);
        assert_string_equal(a, "10.231.3.7");
        /* What nobody has ever reached needs no rest. */
        address_pool_release_ingress(pool, "10.231.3.8", 0);
        assert_int_equal(address_pool_take_ingress(pool, start, a), 0);
        assert_string_equal(a, "10.231.3.8");
        assert_int_equal(address_pool_reserve_ingress(pool, "10.231.3.8"), -EEXIST);
        static const char *const foreign[] = { "10.231.0.0", "10.231.0.1", "10.231.15.255", "10.231.16.2",
                "x", "" };
        for (size_t i = 0; i < ELEMENTSOF(foreign); i++) {
                assert_int_equal(address_pool_reserve_ingress(pool, foreign[i]), -EINVAL);
                address_pool_release_ingress(pool, foreign[i], start);
        }
        assert_int_equal(address_pool_reserve_ingress(pool, NULL), -EINVAL);
}

/* Records of the deleted tell how long an address rests, in any order, and take it from nobody. */
static void test_rest(void **state)
{
        _cleanup_(address_pool_freep) AddressPool *pool = NULL;
        const uint64_t start = 100 * ADDRESS_REST_USEC;
        char a[ADDRESS_TEXT_MAX];

        assert_int_equal(address_pool_new("10.231.0.0/16", &pool), 0);
        assert_int_equal(address_pool_reserve_ingress(pool, "10.231.0.2"), 0);
        address_pool_rest_ingress(pool, "10.231.0.2", start);
        assert_int_equal(address_pool_reserve_ingress(pool, "10.231.0.2"), -EEXIST);
        address_pool_rest_ingress(pool, "10.231.0.3", start);
        address_pool_rest_ingress(pool, "10.231.0.3", start - ADDRESS_REST_USEC);
        address_pool_rest_ingress(pool, NULL, start);
        assert_int_equal(address_pool_take_ingress(pool, start + 1, a), 0);
        assert_string_equal(a, "10.231.0.4");
}

static const char holder[] =
                "{\"id\":\"client_aaaaaaaaaaaa\",\"product_id\":\"p0\",\"client_name\":\"Acme\",\"status\":"
                "\"running\",\"phase\":\"ready\",\"created_at\":\"2025-11-20T00:00:00.000001Z\",\"subnet\":"
                "\"10.231.16.0/28\",\"ingress_address\":\"10.231.0.2\",\"upstream\":\"10.231.0.2:80\"}";
static const char former[] =
                "{\"id\":\"client_bbbbbbbbbbbb\",\"product_id\":\"p0\",\"client_name\":\"Acme\",\"status\":"
                "\"deleted\",\"phase\":\"ready\",\"created_at\":\"2025-11-21T00:00:00.000001Z\",\"deleted_"
                "at\":"
                "\"2025-11-22T00:00:00.000001Z\",\"ingress_address\":\"10.231.0.2\"}";

/* Whichever is read first: an address that somebody has is not given to another. */
static void test_address_of_two(void **state)
{
        for (uint64_t order = 0; order < 2; order++) {
                World *w = world_new();

                world_stop(w);
                fake_ports_put(w->ports, STORE_INSTANCE, "client_aaaaaaaaaaaa", holder, 10);
                fake_ports_put(w->ports, STORE_INSTANCE, "client_bbbbbbbbbbbb", former, order * 20);
                world_start(w);
                assert_non_null(manager_get_instance(w->manager, "client_aaaaaaaaaaaa"));
                assert_non_null(manager_get_instance(w->manager, "client_bbbbbbbbbbbb"));
                assert_int_equal(address_pool_reserve_ingress(w->manager->addresses, "10.231.0.2"), -EEXIST);
                world_free(w);
        }
}

static void test_nth_address(void **state)
{
        char a[ADDRESS_TEXT_MAX] = "untouched";

        assert_int_equal(subnet_nth_address("10.231.16.0/28", 1, a), 0);
        assert_string_equal(a, "10.231.16.1");
        assert_int_equal(subnet_nth_address("10.231.16.240/28", 14, a), 0);
        assert_string_equal(a, "10.231.16.254");
        assert_int_equal(subnet_nth_address("10.231.16.0", 1, a), -EINVAL);
        assert_string_equal(a, "10.231.16.254");
}

/* ---- Records ---- */

static const char record[] =
                "{\"id\":\"client_abcdefghijkl\",\"product_id\":\"p0\",\"client_name\":\"Ñandú \\\"x\\\"\","
                "\"owner\":\"uid:0\",\"idempotency_key\":\"k\",\"status\":\"failed\",\"phase\":\"health\","
                "\"progress\":0.85,\"message\":\"m\",\"error\":{\"step\":\"health\",\"reason\":\"r\","
                "\"log\":\"l\"},"
                "\"access_url\":\"http://h/instances/client_abcdefghijkl/\",\"subnet\":\"10.231.16.0/28\","
                "\"ingress_address\":\"10.231.0.2\",\"upstream\":\"10.231.0.2:80\",\"prefix\":\"keep\","
                "\"has_database\":true,\"created_at\":\"2026-11-24T14:53:18.000001Z\","
                "\"expires_at\":null,\"timeline\":{\"queued\":0,\"health\":812}}";

static int read_record(const char *text, Instance **ret)
{
        _cleanup_json_ struct json_object *json = json_of(text);

        return instance_new_from_record(json, ret);
}

static void test_record(void **state)
{
        _cleanup_(instance_freep) Instance *i = NULL, *again = NULL;
        _cleanup_json_ struct json_object *json = NULL, *second = NULL, *visitor = NULL;

        assert_int_equal(read_record(record, &i), 0);
        assert_string_equal(i->client_name, "Ñandú \"x\"");
        assert_int_equal(i->status, INSTANCE_FAILED);
        assert_int_equal(i->phase, PHASE_HEALTH);
        assert_int_equal(i->prefix, PREFIX_KEEP);
        assert_true(i->expires_usec == UINT64_MAX && i->has_database && i->stored);
        assert_int_equal(i->created_usec % USEC_PER_SEC, 1);
        assert_int_equal(i->timeline[PHASE_HEALTH], 812);
        assert_true(i->timeline[PHASE_IMAGE] == TIMELINE_UNSET);
        json = instance_to_json(i, INSTANCE_VIEW_RECORD);
        assert_int_equal(instance_new_from_record(json, &again), 0);
        second = instance_to_json(again, INSTANCE_VIEW_RECORD);
        assert_string_equal(json_text(json), json_text(second));

        static const char *const hidden[] = { "owner", "subnet", "ingress_address", "upstream",
                "idempotency_key", "kept" };
        visitor = instance_to_json(i, INSTANCE_VIEW_VISITOR);
        for (size_t k = 0; k < ELEMENTSOF(hidden); k++)
                assert_false(json_object_object_get_ex(visitor, hidden[k], NULL));
        assert_null(json_get(json_get(visitor, "error"), "log"));
        assert_non_null(json_get(json_get(visitor, "error"), "reason"));
        assert_non_null(json_get(visitor, "instance_id"));
}

/* Each member of a record damaged in each way: refused or read, never a crash; what must be there is asked for. */
static void test_damaged_records(void **state)
{
        static const char *const values[] = { "null", "7", "-1", "\"\"", "\"x\"", "\"\\u0000\"", "[]", "{}",
                "true", "1e99", "\"2026-11-24T14:53:18Z\"" };
        static const char *const required[] = { "id", "product_id", "client_name", "status", "phase",
                "created_at" };
        _cleanup_json_ struct json_object *whole = json_of(record);

        json_object_object_foreach (whole, name, value) {
                (void) value;
                for (size_t k = 0; k <= ELEMENTSOF(values); k++) {
                        _cleanup_json_ struct json_object *json = json_of(record);
                        _cleanup_(instance_freep) Instance *i = NULL;
                        bool must = false;
                        int r;

                        if (k < ELEMENTSOF(values))
                                assert_int_equal(json_object_object_add(json, name, json_of(values[k])), 0);
                        else
                                json_object_object_del(json, name);
                        r = instance_new_from_record(json, &i);
                        for (size_t n = 0; n < ELEMENTSOF(required); n++)
                                must = must || streq(required[n], name);
                        if (must && (k == 0 || k == 1 || k == ELEMENTSOF(values)))
                                assert_int_equal(r, -EINVAL);
                        assert_true((r == 0) == (i != NULL));
                }
        }
        static const char *const others[] = { "null", "[]", "7", "\"x\"", "{}" };
        for (size_t k = 0; k < ELEMENTSOF(others); k++) {
                Instance *i = NULL;

                assert_int_equal(read_record(others[k], &i), -EINVAL);
        }
}

/* ---- Compose ---- */

static yaml_node_t *yaml_get(yaml_document_t *d, yaml_node_t *map, const char *name)
{
        assert_true(map && map->type == YAML_MAPPING_NODE);
        for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++)
                if (streq((const char *) yaml_document_get_node(d, p->key)->data.scalar.value, name))
                        return yaml_document_get_node(d, p->value);
        return NULL;
}

static void assert_yaml(yaml_document_t *d, yaml_node_t *map, const char *name, const char *expected)
{
        yaml_node_t *node = yaml_get(d, map, name);
        _cleanup_free_ char *doubled = NULL;

        if (!expected) {
                assert_null(node);
                return;
        }
        if (!node)
                fail_msg("%s is missing", name);
        doubled = str_replace(expected, "$", "$$"); /* docker compose reads $$ as a dollar */
        assert_string_equal((const char *) node->data.scalar.value, doubled);
}

static void assert_pairs(yaml_document_t *d, yaml_node_t *map, const StringPairs *pairs, const char *without)
{
        size_t n = 0;

        for (size_t i = 0; i < pairs->n; i++) {
                if (without && startswith(pairs->items[i].key, without))
                        continue;
                assert_yaml(d, map, pairs->items[i].key, pairs->items[i].value);
                n++;
        }
        assert_int_equal(map->data.mapping.pairs.top - map->data.mapping.pairs.start, n);
        /* All keys are quoted: null, true and numbers stay names. */
        for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++)
                assert_int_equal(yaml_document_get_node(d, p->key)->data.scalar.style,
                                YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static void assert_service(yaml_document_t *d, yaml_node_t *service, const ContainerSpec *c)
{
        yaml_node_t *networks = yaml_get(d, service, "networks"), *files, *logging;
        char text[32];

        assert_yaml(d, service, "image", c->image);
        assert_yaml(d, service, "container_name", c->name);
        assert_yaml(d, service, "hostname", c->name);
        assert_yaml(d, service, "user", c->user);
        assert_yaml(d, service, "read_only", c->read_only ? "true" : NULL);
        assert_pairs(d, yaml_get(d, service, "environment"), c->env, NULL);
        assert_pairs(d, yaml_get(d, service, "labels"), c->labels, "com.docker.compose.");
        (void) snprintf(text, sizeof text, "%llu", (unsigned long long) c->limits.memory);
        assert_yaml(d, service, "mem_limit", c->limits.memory ? text : NULL);
        (void) snprintf(text, sizeof text, "%llu", (unsigned long long) c->limits.pids);
        assert_yaml(d, service, "pids_limit", c->limits.pids ? text : NULL);
        assert_non_null(yaml_get(d, service, "cpus"));
        (void) snprintf(text, sizeof text, "%llu", (unsigned long long) c->limits.files);
        files = yaml_get(d, yaml_get(d, service, "ulimits"), "nofile");
        assert_yaml(d, files, "soft", text);
        assert_yaml(d, files, "hard", text);
        logging = yaml_get(d, service, "logging");
        assert_yaml(d, logging, "driver", "journald");
        assert_yaml(d, yaml_get(d, logging, "options"), "labels", "ark.instance");
        for (size_t i = 0; i < c->n_networks; i++) {
                yaml_node_t *n = yaml_get(d, networks, i == 0 ? "private" : "ingress");

                assert_non_null(n);
                if (c->networks[i].address)
                        assert_yaml(d, n, "ipv4_address", c->networks[i].address);
                assert_true((yaml_get(d, n, "aliases") != NULL) == (c->networks[i].alias != NULL));
        }
        assert_int_equal(networks->data.mapping.pairs.top - networks->data.mapping.pairs.start,
                        c->n_networks);
}

static void assert_compose(const char *text, const InstanceSpec *spec)
{
        yaml_document_t d;
        yaml_parser_t parser;
        yaml_node_t *root, *services, *networks, *data;

        assert_true(yaml_parser_initialize(&parser));
        yaml_parser_set_input_string(&parser, (const yaml_char_t *) text, strlen(text));
        assert_true(yaml_parser_load(&parser, &d));
        root = yaml_document_get_root_node(&d);
        assert_yaml(&d, root, "name", spec->app.name);
        services = yaml_get(&d, root, "services");
        networks = yaml_get(&d, root, "networks");
        assert_service(&d, yaml_get(&d, services, "app"), &spec->app);
        assert_yaml(&d, yaml_get(&d, networks, "private"), "name", spec->network.name);
        assert_yaml(&d, yaml_get(&d, networks, "private"), "internal", "true");
        assert_pairs(&d, yaml_get(&d, yaml_get(&d, networks, "private"), "labels"), spec->network.labels,
                        "com.docker.compose.");
        assert_yaml(&d, yaml_get(&d, networks, "ingress"), "external", "true");
        if (spec->database.image) {
                assert_service(&d, yaml_get(&d, services, "db"), &spec->database);
                data = yaml_get(&d, yaml_get(&d, root, "volumes"), "data");
                assert_yaml(&d, data, "name", spec->volume.name);
        } else {
                assert_null(yaml_get(&d, services, "db"));
                assert_null(yaml_get(&d, root, "volumes"));
        }
        yaml_document_delete(&d);
        yaml_parser_delete(&parser);
}

static const char hostile[] =
                "{\"id\":\"hostile\",\"name\":\"x\",\"image\":\"a:1\",\"user\":\"0\",\"read_only\":true,"
                "\"init_process\":false,\"no_new_privileges\":false,\"shm_size\":134217728,"
                "\"capabilities\":[\"CHOWN\"],\"limits\":{\"app\":{\"memory\":\"64M\",\"cpus\":1.5,\"pids\":"
                "9}},"
                "\"env\":{\"null\":\"null\",\"true\":\"yes\",\".5\":\"1e3\",\"-x\":\"- a\",\"A\":\"\\\"'`\","
                "\"B\":\"a\\nb: c\\n\\td\",\"C\":\"$$HOME $${X} $$$$\",\"D\":\"# no comment\",\"E\":\"ñ — 🚀 "
                "\\u0085\\u2028\","
                "\"F\":\"\",\"G\":\" lead\",\"H\":\"*alias &anchor !tag %x @y\",\"I\":\"{a: "
                "[b]}\",\"J\":\"a\\\\n\\\\\","
                "\"K\":\"${CLIENT_NAME}\",\"L\":\"---\",\"M\":\"\\u0001\\u001b[31m\\u007f\",\"DB_HOST\":"
                "\"mine\","
                "\"N\":\"${DB_PASSWORD} ${SECRET:s} ${DATABASE_URL} ${BASE_PATH} ${PUBLIC_URL}\"}}";

static void try_compose(World *w, const char *product)
{
        _cleanup_(instance_spec_freep) InstanceSpec *spec = NULL;
        _cleanup_free_ char *text = NULL, *path = NULL;
        _cleanup_ask_ Ask create = { 0 };
        struct json_object *arguments = json_object_new_object();
        Instance *i;
        struct stat st;

        assert_int_equal(json_set_string(arguments, "product_id", product), 0);
        assert_int_equal(json_set_string(arguments, "client_name", "a\"'$x ${y} $$: #ñ🚀 {}"), 0);
        ask_now(w, &create, "CreateInstance", ROLE_OPERATOR, "uid:0", arguments);
        assert_int_equal(create.fault, FAULT_NONE);
        world_run(w);
        i = manager_get_instance(w->manager, ask_id(&create));
        assert_int_equal(i->status, INSTANCE_RUNNING);
        assert_int_equal(instance_spec_new(w->manager, i, &spec), 0);
        path = str_printf("%s/compose.%s.yml", w->compose_dir, i->id);
        assert_int_equal(read_file(path, 100000, &text, NULL), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_compose(text, spec);
        assert_string_equal(string_pairs_get(spec->app.env, "ARK_INSTANCE_ID"), i->id);
        if (streq(product, "hostile")) {
                assert_string_equal(string_pairs_get(spec->app.env, "K"), "a\"'$x ${y} $$: #ñ🚀 {}");
                assert_string_equal(string_pairs_get(spec->app.env, "C"), "$HOME ${X} $$");
                assert_string_equal(string_pairs_get(spec->app.env, "DB_HOST"), "mine"); /* its own wins */
                assert_non_null(strstr(string_pairs_get(spec->app.env, "N"), i->secrets.items[0].value));
        }
}

static void test_compose(void **state)
{
        World *w = world_new();

        fake_ports_put(w->ports, STORE_PRODUCT, "hostile", hostile, 9);
        world_stop(w);
        world_start(w);
        for (Variant v = 0; v < _VARIANT_MAX; v++)
                try_compose(w, variant_product(v));
        try_compose(w, "hostile");
        world_check(w);
        world_free(w);
}

static char *digest_of(World *w, const char *id, ResourceLimits *ret_app, uint64_t *ret_log)
{
        _cleanup_(instance_spec_freep) InstanceSpec *spec = NULL;

        assert_int_equal(instance_spec_new(w->manager, manager_get_instance(w->manager, id), &spec), 0);
        *ret_app = spec->app.limits;
        *ret_log = spec->app.log_max;
        return strdup(string_pairs_get(spec->app.labels, ARK_LABEL_HASH));
}

static void assert_limits(
                ResourceLimits l, uint64_t memory, uint64_t nano_cpus, uint64_t pids, uint64_t files)
{
        assert_int_equal(l.memory, memory);
        assert_int_equal(l.nano_cpus, nano_cpus);
        assert_int_equal(l.pids, pids);
        assert_int_equal(l.files, files);
}

/* Defaults are for what is made from then on: what is there keeps its limits, and so its containers. */
static void test_limits_are_settled_once(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *before = NULL, *after = NULL;
        ResourceLimits limits;
        uint64_t log;

        before = digest_of(w, id, &limits, &log);
        assert_limits(limits, 1 << 30, 1000000000, 512, 65536);
        assert_int_equal(log, 10 << 20);
        world_stop(w);
        w->settings.limits = (InstanceLimits){ .app = { .memory = 1 << 26 }, .log = 1 << 16 };
        world_start(w);
        world_run(w);
        after = digest_of(w, id, &limits, &log);
        assert_string_equal(before, after);
        assert_limits(limits, 1 << 30, 1000000000, 512, 65536);
        world_free(w);
}

/* One of before there were defaults has what its product said, and the digest of then. */
static void test_limits_of_old(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *old = NULL, *same = NULL;
        Instance *i = manager_get_instance(w->manager, id);
        ResourceLimits limits;
        uint64_t log;

        i->has_limits = false;
        old = digest_of(w, id, &limits, &log);
        assert_limits(limits, 0, 0, 512, 0);
        assert_int_equal(log, 0);
        i->has_limits = true;
        i->limits = (InstanceLimits){ .app = { .pids = 512 }, .database = { .pids = 512 } };
        same = digest_of(w, id, &limits, &log);
        assert_string_equal(old, same);
        world_free(w);
}

static void test_user_ranges(void **state)
{
        static const char *const bad[] = { "", "20000", "20000-", "-30000", "999-30000", "20000-65534",
                "20000-70000", "30000-20000", "a-b", "20000-30000x" };
        UserIds taken = { 0 };
        UserRange range;
        uint32_t id = 0;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_true(user_range_parse(bad[i], &range) < 0);
        assert_int_equal(user_range_parse("20000-20004", &range), 0);
        user_ids_add_passwd(
                        &taken, "root:x:0:0::/root:/bin/sh\nann:x:20000:100::/:/bin/sh\nbroken\n\n:::\n");
        user_ids_add_subuid(&taken, "ann:20002:2\nbob:100000:65536\nbroken:\n");
        assert_int_equal(user_range_take(&range, &taken, 0, &id), 0);
        assert_int_equal(id, 20001);
        /* One that has just been given back rests while there are others. */
        assert_int_equal(user_range_take(&range, &taken, 20001, &id), 0);
        assert_int_equal(id, 20004);
        assert_int_equal(user_range_take(&range, &taken, 20004, &id), 0);
        assert_int_equal(id, 20001);
        user_ids_add(&taken, 20001);
        user_ids_add(&taken, 20004);
        user_ids_add(&taken, UINT32_MAX);
        assert_int_equal(user_range_take(&range, &taken, 0, &id), -EUSERS);
}

static const char automatic[] =
                "{\"id\":\"own\",\"name\":\"x\",\"image\":\"a:1\",\"database\":null,\"user\":\"auto\"}";

static char *user_of_new(World *w, char **ret_id)
{
        _cleanup_(instance_spec_freep) InstanceSpec *spec = NULL;
        struct json_object *arguments = json_object_new_object();
        _cleanup_ask_ Ask create = { 0 };

        assert_int_equal(json_set_string(arguments, "product_id", "own"), 0);
        assert_int_equal(json_set_string(arguments, "client_name", "A"), 0);
        ask_now(w, &create, "CreateInstance", ROLE_OPERATOR, "uid:0", arguments);
        if (create.fault != FAULT_NONE)
                return NULL;
        world_run(w);
        *ret_id = strdup(ask_id(&create));
        assert_int_equal(instance_spec_new(w->manager, manager_get_instance(w->manager, *ret_id), &spec), 0);
        return strdup(spec->app.user);
}

/* Each has a user of its own, also after a restart of the daemon; a deleted one's is free again. */
static void test_users(void **state)
{
        World *w = world_new();
        _cleanup_free_ char *a = NULL, *b = NULL, *c = NULL, *id = NULL, *other = NULL, *third = NULL;
        _cleanup_ask_ Ask gone = { 0 };

        world_stop(w);
        fake_ports_put(w->ports, STORE_PRODUCT, "own", automatic, 9);
        w->settings.users = (UserRange){ .first = 50000, .last = 50001 };
        world_start(w);
        a = user_of_new(w, &id);
        assert_string_equal(a, "50000:50000");
        world_stop(w);
        world_start(w);
        b = user_of_new(w, &other);
        assert_string_equal(b, "50001:50001");
        assert_null(user_of_new(w, &third));
        ask_delete(w, &gone, id);
        world_run(w);
        c = user_of_new(w, &third);
        assert_string_equal(c, "50000:50000");
        world_check(w);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pools),
                cmocka_unit_test(test_subnets),
                cmocka_unit_test(test_ingress_rests),
                cmocka_unit_test(test_rest),
                cmocka_unit_test(test_address_of_two),
                cmocka_unit_test(test_nth_address),
                cmocka_unit_test(test_record),
                cmocka_unit_test(test_damaged_records),
                cmocka_unit_test(test_compose),
                cmocka_unit_test(test_limits_are_settled_once),
                cmocka_unit_test(test_limits_of_old),
                cmocka_unit_test(test_user_ranges),
                cmocka_unit_test(test_users),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
