/* SPDX-License-Identifier: MIT */

/* Product documents, good and bad; templates. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/expand.h"
#include "core/model/limits.h"
#include "core/model/product.h"

#define BASE          "\"id\":\"shop\",\"name\":\"Shop\",\"image\":\"example.org/shop:1\""
#define WITH(members) "{" BASE "," members "}"

static int parse(const char *text, Product **ret, char **ret_field, char **ret_reason)
{
        _cleanup_json_ struct json_object *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &json, NULL), 0);
        return product_new_from_json(json, ret, ret_field, ret_reason);
}

static Product *good(const char *text)
{
        _cleanup_free_ char *field = NULL, *reason = NULL;
        Product *p = NULL;

        if (parse(text, &p, &field, &reason) < 0)
                fail_msg("%s: %s: %s", text, field, reason);
        return p;
}

static void test_bad(void **state)
{
        static const struct {
                const char *text, *field;
        } table[] = {
                { "{}", "id" },
                { "{\"id\":\"shop\",\"image\":\"a\"}", "name" },
                { "{\"id\":\"shop\",\"name\":\"Shop\"}", "image" },
                { "[]", "" },
                { "null", "" },
                { WITH("\"colour\":1"), "colour" },
                { WITH("\"warm\":1"), "warm" },
                { "{\"id\":\"Shop\",\"name\":\"x\",\"image\":\"a\"}", "id" },
                { "{\"id\":\"1shop\",\"name\":\"x\",\"image\":\"a\"}", "id" },
                { "{\"id\":\"\",\"name\":\"x\",\"image\":\"a\"}", "id" },
                { "{\"id\":\"sh op\",\"name\":\"x\",\"image\":\"a\"}", "id" },
                { "{\"id\":\"a/../b\",\"name\":\"x\",\"image\":\"a\"}", "id" },
                { "{\"id\":\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddd\",\"name\":\"x\",\"image\":\"a\"}",
                                "id" },
                { "{\"id\":7,\"name\":\"x\",\"image\":\"a\"}", "id" },
                { "{\"id\":null,\"name\":\"x\",\"image\":\"a\"}", "id" },
                { "{\"id\":\"shop\\u0000x\",\"name\":\"x\",\"image\":\"a\"}", "id" },
                { "{\"id\":\"shop\",\"name\":\"\",\"image\":\"a\"}", "name" },
                { "{\"id\":\"shop\",\"name\":{},\"image\":\"a\"}", "name" },
                { "{\"id\":\"shop\",\"name\":{\"fr\":\"x\"},\"image\":\"a\"}", "name" },
                { "{\"id\":\"shop\",\"name\":{\"es\":1},\"image\":\"a\"}", "name" },
                { "{\"id\":\"shop\",\"name\":[\"x\"],\"image\":\"a\"}", "name" },
                { "{\"id\":\"shop\",\"name\":\"a\\u001b[31m\",\"image\":\"a\"}", "name" },
                { "{\"id\":\"shop\",\"name\":\"a\\nb\",\"image\":\"a\"}", "name" },
                { WITH("\"description\":7"), "description" },
                { WITH("\"description\":\"a\\u001b[31m\""), "description" },
                { WITH("\"description\":\"a\\rb\""), "description" },
                { WITH("\"description\":{\"es\":\"a\",\"en\":\"b\\u202e\"}"), "description" },
                { WITH("\"description\":null"), "description" },
                { WITH("\"icon\":\"http://example.org/x.png\""), "icon" },
                { WITH("\"icon\":\"data:text/html,x\""), "icon" },
                { WITH("\"icon\":\"javascript:alert(1)\""), "icon" },
                { "{\"id\":\"shop\",\"name\":\"x\",\"image\":\"../x\"}", "image" },
                { "{\"id\":\"shop\",\"name\":\"x\",\"image\":\"a b\"}", "image" },
                { "{\"id\":\"shop\",\"name\":\"x\",\"image\":\"-a\"}", "image" },
                { "{\"id\":\"shop\",\"name\":\"x\",\"image\":\"a?x=1\"}", "image" },
                { "{\"id\":\"shop\",\"name\":\"x\",\"image\":3}", "image" },
                { WITH("\"port\":0"), "port" },
                { WITH("\"port\":65536"), "port" },
                { WITH("\"port\":-1"), "port" },
                { WITH("\"port\":80.5"), "port" },
                { WITH("\"port\":\"80\""), "port" },
                { WITH("\"port\":99999999999999999999"), "port" },
                { WITH("\"port\":null"), "port" },
                { WITH("\"prefix\":\"none\""), "prefix" },
                { WITH("\"prefix\":true"), "prefix" },
                { WITH("\"health_path\":\"up\""), "health_path" },
                { WITH("\"health_path\":\"\""), "health_path" },
                { WITH("\"health_path\":\"/a b\""), "health_path" },
                { WITH("\"health_path\":\"/a\\r\\nHost: b\""), "health_path" },
                { WITH("\"health_path\":\"/\xc3\xb1\""), "health_path" },
                { WITH("\"env\":[]"), "env" },
                { WITH("\"env\":null"), "env" },
                { WITH("\"env\":{\"A\":1}"), "env.A" },
                { WITH("\"env\":{\"A\":null}"), "env.A" },
                { WITH("\"env\":{\"A\":\"x\\u0000y\"}"), "env.A" },
                { WITH("\"env\":{\"\":\"x\"}"), "env" },
                { WITH("\"env\":{\"1A\":\"x\"}"), "env" },
                { WITH("\"env\":{\"A=B\":\"x\"}"), "env" },
                { WITH("\"env\":{\"A B\":\"x\"}"), "env" },
                { WITH("\"env\":{\"A\":\"${NOPE}\"}"), "env.A" },
                { WITH("\"env\":{\"A\":\"$x\"}"), "env.A" },
                { WITH("\"env\":{\"A\":\"${SECRET:}\"}"), "env.A" },
                { WITH("\"env\":{\"A\":\"${SECRET:a b}\"}"), "env.A" },
                { WITH("\"env\":{\"A\":\"${DB_HOST\"}"), "env.A" },
                { WITH("\"database\":null,\"env\":{\"A\":\"${DB_HOST}\"}"), "env.A" },
                { WITH("\"env\":{\"A\":\"${DATABASE_URL}\"},\"database\":null"), "env.A" },
                { WITH("\"database\":\"postgres\""), "database" },
                { WITH("\"database\":{\"images\":\"x\"}"), "database" },
                { WITH("\"database\":{\"image\":1}"), "database.image" },
                { WITH("\"database\":{\"data_path\":\"x\"}"), "database.data_path" },
                { WITH("\"database\":{\"data_path\":1}"), "database.data_path" },
                { WITH("\"needs_database_first\":1"), "needs_database_first" },
                { WITH("\"credentials\":{}"), "credentials" },
                { WITH("\"credentials\":[1]"), "credentials" },
                { WITH("\"credentials\":[{\"label\":\"a\"}]"), "credentials" },
                { WITH("\"credentials\":[{\"value\":\"a\"}]"), "credentials" },
                { WITH("\"credentials\":[{\"label\":\"a\",\"value\":\"b\",\"x\":1}]"), "credentials" },
                { WITH("\"credentials\":[{\"label\":7,\"value\":\"b\"}]"), "credentials.label" },
                { WITH("\"credentials\":[{\"label\":\"a\",\"value\":7}]"), "credentials.value" },
                { WITH("\"credentials\":[{\"label\":\"a\",\"value\":\"${X}\"}]"), "credentials.value" },
                { WITH("\"limits\":[]"), "limits" },
                { WITH("\"limits\":{\"web\":{}}"), "limits" },
                { WITH("\"limits\":{\"app\":1}"), "limits" },
                { WITH("\"limits\":{\"app\":{\"disk\":1}}"), "limits.app.disk" },
                { WITH("\"limits\":{\"app\":{\"memory\":\"1K\"}}"), "limits.app.memory" },
                { WITH("\"limits\":{\"app\":{\"memory\":\"much\"}}"), "limits.app.memory" },
                { WITH("\"limits\":{\"app\":{\"memory\":\"64M\\u0000x\"}}"), "limits.app.memory" },
                { WITH("\"limits\":{\"app\":{\"memory\":\"64.5\"}}"), "limits.app.memory" },
                { WITH("\"limits\":{\"app\":{\"memory\":-1}}"), "limits.app.memory" },
                { WITH("\"limits\":{\"app\":{\"memory\":true}}"), "limits.app.memory" },
                { WITH("\"limits\":{\"database\":{\"cpus\":\"1\"}}"), "limits.database.cpus" },
                { WITH("\"limits\":{\"database\":{\"cpus\":1e300}}"), "limits.database.cpus" },
                { WITH("\"limits\":{\"app\":{\"files\":63}}"), "limits.app.files" },
                { WITH("\"limits\":{\"app\":{\"files\":\"all\"}}"), "limits.app.files" },
                { WITH("\"limits\":{\"database\":{\"pids\":1.5}}"), "limits.database.pids" },
                { WITH("\"expires_days\":-1"), "expires_days" },
                { WITH("\"expires_days\":1.5"), "expires_days" },
                { WITH("\"expires_days\":36501"), "expires_days" },
                { WITH("\"expires_days\":\"30\""), "expires_days" },
                { WITH("\"deadline_s\":0"), "deadline_s" },
                { WITH("\"deadline_s\":3601"), "deadline_s" },
                { WITH("\"deadline_s\":null"), "deadline_s" },
                { WITH("\"user\":-1"), "user" },
                { WITH("\"user\":\"a b\""), "user" },
                { WITH("\"user\":[]"), "user" },
                { WITH("\"user\":\"\""), "user" },
                { WITH("\"capabilities\":\"CHOWN\""), "capabilities" },
                { WITH("\"capabilities\":[\"CAP_CHOWN\"]"), "capabilities" },
                { WITH("\"capabilities\":[\"ALL\"]"), "capabilities" },
                { WITH("\"capabilities\":[\"chown\"]"), "capabilities" },
                { WITH("\"capabilities\":[1]"), "capabilities" },
                { WITH("\"read_only\":\"yes\""), "read_only" },
                { WITH("\"whole_bodies\":\"yes\""), "whole_bodies" },
                { WITH("\"read_only\":null"), "read_only" },
                { WITH("\"init_process\":0"), "init_process" },
                { WITH("\"init_process\":null"), "init_process" },
                { WITH("\"no_new_privileges\":\"no\""), "no_new_privileges" },
                { WITH("\"shm_size\":\"1K\""), "shm_size" },
                { WITH("\"shm_size\":true"), "shm_size" },
                { WITH("\"env\":{\"CLIENT_NAME\":null}"), "env.CLIENT_NAME" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *field = NULL, *reason = NULL;
                Product *p = NULL;

                if (parse(table[i].text, &p, &field, &reason) != -EINVAL)
                        fail_msg("taken: %s", table[i].text);
                assert_null(p);
                if (!field || !streq(field, table[i].field))
                        fail_msg("%s: field %s", table[i].text, field);
                assert_true(reason && reason[0]);
        }
}

static void test_too_much(void **state)
{
        static const char *const beginnings[] = { WITH("\"description\":\""), WITH("\"icon\":\"https://") };
        _cleanup_free_ char *much = malloc(200000), *text = NULL;

        assert_non_null(much);
        memset(much, 'x', 60000);
        much[60000] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(beginnings); i++) {
                _cleanup_free_ char *field = NULL, *reason = NULL;
                _cleanup_free_ char *document = str_printf(
                                "%.*s%s\"}", (int) strlen(beginnings[i]) - 1, beginnings[i], much);
                Product *p = NULL;

                assert_int_equal(parse(document, &p, &field, &reason), -EINVAL);
                assert_true(strstr(reason, "longer than") != NULL);
        }
        strcpy(much, "{" BASE ",\"env\":{");
        for (int i = 0; i < 257; i++)
                (void) sprintf(much + strlen(much), "%s\"A%d\":\"\"", i ? "," : "", i);
        strcat(much, "}}");
        text = NULL;
        Product *p = NULL;
        _cleanup_free_ char *reason = NULL;
        assert_int_equal(parse(much, &p, &text, &reason), -EINVAL);
        assert_string_equal(text, "env");
}

static void test_good(void **state)
{
        Product *p = good(WITH(
                        "\"name\":{\"es\":\"Tienda ñ\",\"en\":\"Shop\"},\"description\":\"two\\n\\tlines\","
                        "\"icon\":\"data:image/png;base64,AAAA\",\"port\":8080,\"prefix\":\"keep\","
                        "\"health_path\":\"/up?x=%20\",\"env\":{\"A\":\"${DB_HOST}:$$\",\"B.c-d\":\"\","
                        "\"null\":\"x\",\"DATABASE_URL\":null},\"init_process\":false,"
                        "\"no_new_privileges\":false,\"shm_size\":\"128M\",\"database\":{\"image\":"
                        "\"postgres@sha256:ab\"},"
                        "\"needs_database_first\":false,\"credentials\":[{\"label\":{\"es\":\"Clave\"},"
                        "\"value\":\"${SECRET:a}\"}],\"limits\":{\"app\":{\"memory\":\"64M\",\"cpus\":0.5,"
                        "\"pids\":100},\"database\":{\"memory\":268435456}},\"expires_days\":0,"
                        "\"whole_bodies\":true,\"deadline_s\":3600,\"user\":1000,\"capabilities\":[],\"read_"
                        "only\":true"));

        assert_int_equal(p->port, 8080);
        assert_int_equal(p->prefix, PREFIX_KEEP);
        assert_string_equal(p->health_path, "/up?x=%20");
        assert_int_equal(p->env.n, 3);
        assert_string_equal(p->database_image, "postgres@sha256:ab");
        assert_string_equal(p->database_path, "/var/lib/postgresql/data");
        assert_false(p->needs_database_first);
        assert_true(p->whole_bodies);
        assert_int_equal(p->n_credentials, 1);
        assert_int_equal(p->app_limits.memory, 64 << 20);
        assert_int_equal(p->app_limits.nano_cpus, 500000000);
        assert_int_equal(p->app_limits.pids, 100);
        assert_int_equal(p->database_limits.memory, 256 << 20);
        assert_true(p->app_limits.files == LIMIT_UNSET);
        assert_true(p->database_limits.pids == LIMIT_UNSET);
        assert_int_equal(p->expires_usec, 0);
        assert_int_equal(p->deadline_usec, 3600 * USEC_PER_SEC);
        assert_string_equal(p->user, "1000");
        assert_true(p->capabilities && !p->capabilities[0]);
        assert_true(p->own_init && p->new_privileges);
        assert_int_equal(p->shm_size, 128 << 20);
        assert_true(strv_length(p->env_left_out) == 1 && streq(p->env_left_out[0], "DATABASE_URL"));
        assert_true(p->read_only);
        product_unref(p);
}

/* 0 and null are no limit, which wins over the host's default. */
static void test_no_limits(void **state)
{
        Product *p = good(
                        WITH("\"limits\":{\"app\":{\"memory\":0,\"cpus\":null,\"pids\":0,\"files\":null}}"));

        assert_int_equal(p->app_limits.memory, 0);
        assert_int_equal(p->app_limits.nano_cpus, 0);
        assert_int_equal(p->app_limits.pids, 0);
        assert_int_equal(p->app_limits.files, 0);
        assert_true(p->database_limits.memory == LIMIT_UNSET);
        product_unref(p);
}

/* What was left out is shown as what it defaults to, and the document reads back as the same. */
static void test_defaults(void **state)
{
        Product *p = good("{" BASE "}"), *again;
        struct json_object *json = p->json, *database;
        const char *s;
        uint64_t n;
        bool b;

        assert_int_equal(json_get_u64(json, "port", &n), 0);
        assert_int_equal(n, 80);
        assert_int_equal(json_get_u64(json, "deadline_s", &n), 0);
        assert_int_equal(n, 180);
        assert_int_equal(json_get_string(json, "prefix", &s), 0);
        assert_string_equal(s, "strip");
        assert_int_equal(json_get_string(json, "health_path", &s), 0);
        assert_string_equal(s, "/");
        assert_int_equal(json_get_bool(json, "needs_database_first", &b), 0);
        assert_true(b);
        database = json_get(json, "database");
        assert_int_equal(json_get_string(database, "image", &s), 0);
        assert_string_equal(s, "docker.io/library/postgres:16");
        assert_int_equal(json_get_string(database, "data_path", &s), 0);
        assert_string_equal(s, "/var/lib/postgresql/data");
        /* Limits that are left out are the host's, which is not for the product to say. */
        assert_true(p->app_limits.pids == LIMIT_UNSET);
        assert_true(p->database_limits.memory == LIMIT_UNSET);
        assert_null(json_get(json, "limits"));
        assert_true(p->expires_usec == UINT64_MAX);
        again = good(json_text(json));
        assert_string_equal(json_text(again->json), json_text(json));
        product_unref(again);
        product_unref(p);

        p = good(WITH("\"database\":null"));
        assert_null(p->database_image);
        again = good(json_text(p->json));
        assert_null(again->database_image);
        product_unref(again);
        product_unref(p);
}

static void test_views(void **state)
{
        Product *p = good(WITH("\"env\":{\"A\":\"x\"},\"credentials\":[{\"label\":\"l\",\"value\":\"v\"}]"));
        _cleanup_json_ struct json_object *visitor = product_to_json(p, false),
                                          *operator= product_to_json(p, true);

        assert_null(json_get(visitor, "env"));
        assert_null(json_get(visitor, "credentials"));
        assert_non_null(json_get(visitor, "name"));
        assert_non_null(json_get(operator, "env"));
        assert_non_null(json_get(operator, "credentials"));
        product_unref(p);
}

/* ---- Templates ---- */

static const char *lookup(const char *name, void *userdata)
{
        if (streq(name, "A"))
                return "alpha";
        if (streq(name, "EMPTY"))
                return "";
        if (streq(name, "DOLLAR"))
                return "${A}$"; /* is not expanded again */
        return expand_secret_name(name) ? "hush" : NULL;
}

static void test_expand(void **state)
{
        static const struct {
                const char *template, *expanded;
        } table[] = {
                { "", "" },
                { "plain", "plain" },
                { "${A}", "alpha" },
                { "x${A}y${A}z", "xalphayalphaz" },
                { "$$", "$" },
                { "$$$$", "$$" },
                { "$${A}", "${A}" },
                { "$$${A}", "$alpha" },
                { "${DOLLAR}", "${A}$" },
                { "a${EMPTY}b", "ab" },
                { "${SECRET:one}-${SECRET:T_w-0}", "hush-hush" },
                { "}{ }", "}{ }" },
                { "ñ${A}", "ñalpha" },
                { "$", NULL },
                { "x$", NULL },
                { "$A", NULL },
                { "$ {A}", NULL },
                { "${", NULL },
                { "${A", NULL },
                { "${}", NULL },
                { "${B}", NULL },
                { "${a}", NULL },
                { "${ A}", NULL },
                { "${A${A}}", NULL },
                { "${SECRET:}", NULL },
                { "${SECRET:a.b}", NULL },
                { "${SECRET}", NULL },
                { "${aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg}", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *out = NULL, *reason = NULL;
                int r = expand(table[i].template, lookup, NULL, &out, &reason);

                if (!table[i].expanded) {
                        if (r != -EINVAL)
                                fail_msg("taken: %s", table[i].template);
                        assert_null(out);
                        assert_non_null(reason);
                        assert_int_equal(expand(table[i].template, lookup, NULL, &out, NULL), -EINVAL);
                        continue;
                }
                assert_int_equal(r, 0);
                assert_string_equal(out, table[i].expanded);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_too_much),
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_no_limits),
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_views),
                cmocka_unit_test(test_expand),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
