/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/engine-container.h"
#include "engine/engine-error.h"
#include "engine/engine-interface.h"
#include "engine/engine-pull.h"
#include "engine/engine-reference.h"
#include "engine/engine-stream.h"
#include "engine/engine-usage.h"

/* The parts of the engine client that need no engine. */

static void test_choose_api(void **state)
{
        static const struct {
                const char *api, *min;
                int result;
                const char *chosen;
        } cases[] = {
                { "1.41", "1.12", ENGINE_API_FITS, "1.41" },
                { "1.45", "1.24", ENGINE_API_FITS, "1.45" },
                { "1.51", "1.24", ENGINE_API_FITS, "1.51" },
                { "1.60", "1.44", ENGINE_API_FITS, "1.51" },
                { "1.70", "1.55", ENGINE_API_NEWER, "1.55" },
                { "1.41", NULL, ENGINE_API_FITS, "1.41" },
                { "1.40", "1.12", -EOPNOTSUPP, NULL },
                { "2.0", "1.12", -EPROTO, NULL },
                { "1.41", "1.44", -EPROTO, NULL },
                { "1.", "", -EPROTO, NULL },
                { NULL, NULL, -EPROTO, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char chosen[16] = "";

                assert_int_equal(engine_choose_api(cases[i].api, cases[i].min, chosen), cases[i].result);
                assert_string_equal(chosen, strempty(cases[i].chosen));
        }
}

static void test_reference(void **state)
{
#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        static const struct {
                const char *text, *name, *tag;
        } good[] = {
                { "docker.io/library/x:1", "docker.io/library/x", "1" },
                { "postgres", "postgres", "latest" },
                { "postgres:16", "postgres", "16" },
                { "localhost:5000/a/b", "localhost:5000/a/b", "latest" },
                { "localhost:5000/a/b:v1.2_x-y", "localhost:5000/a/b", "v1.2_x-y" },
                { "x@" DIGEST, "x", DIGEST },
                { "r:5000/x:1@" DIGEST, "r:5000/x", DIGEST },
        };
        static const char *const bad[] = { "", ":1", "x:", "x@", "x@sha256:12", "/x", "x/", "a//b", "../x",
                "a/../b", "a/./b", "x y", "x?tag=1", "x&y", "x%2f", "x#", "x:a/b:", "x\xc3\xa9" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                EngineReference r;

                assert_int_equal(engine_reference_parse(good[i].text, &r), 0);
                assert_string_equal(r.name, good[i].name);
                assert_string_equal(r.tag, good[i].tag);
                engine_reference_done(&r);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                EngineReference r;

                assert_int_equal(engine_reference_parse(bad[i], &r), -EINVAL);
        }
        assert_true(engine_name_is_valid("client_a2.b-c"));
        assert_false(engine_name_is_valid("a/b"));
        assert_false(engine_name_is_valid(".."));
        assert_false(engine_name_is_valid(""));
}

static void test_pull_errors(void **state)
{
        static const struct {
                long status;
                const char *message;
                int error;
        } cases[] = {
                { 404, "manifest for r:5000/x:2 not found: manifest unknown: manifest unknown", -ENOENT },
                { 0, "manifest unknown", -ENOENT },
                { 404, "pull access denied for x, repository does not exist or may require 'docker login'",
                                -EACCES },
                { 500, "Get \"https://r/v2/\": unauthorized: authentication required", -EACCES },
                { 500, "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused",
                                -EHOSTUNREACH },
                { 500, "Get \"https://r.invalid/v2/\": dial tcp: lookup r.invalid: no such host",
                                -EHOSTUNREACH },
                { 0, "net/http: TLS handshake timeout", -EHOSTUNREACH },
                { 500, "Get \"https://r/v2/\": EOF", -EHOSTUNREACH },
                { 0, "unexpected EOF", -EHOSTUNREACH },
                { 500,
                                "Get \"https://r/v2/\": net/http: request canceled while waiting for "
                                "connection "
                                "(Client.Timeout exceeded while awaiting headers)",
                                -EHOSTUNREACH },
                { 500, "Get \"https://r/v2/\": x509: certificate signed by unknown authority",
                                -EHOSTUNREACH },
                { 500, "Get \"https://r/v2/\": tls: failed to verify certificate", -EHOSTUNREACH },
                { 500, "Get \"https://r/v2/\": http: server gave HTTP response to HTTPS client",
                                -EHOSTUNREACH },
                { 0, "received unexpected HTTP status: 503 Service Unavailable", -EHOSTUNREACH },
                { 0, "unexpected status from HEAD request to https://r/v2/x/manifests/1: 403 Forbidden",
                                -EACCES },
                { 0, "denied: requested access to the resource is denied", -EACCES },
                /* Names that read like a reason. */
                { 404,
                                "pull access denied for geoffrey/app, repository does not exist or may "
                                "require "
                                "'docker login': denied: requested access to the resource is denied",
                                -EACCES },
                { 404, "pull access denied for tls, repository does not exist", -EACCES },
                { 404, "manifest for forbidden/denied:EOF not found: manifest unknown: manifest unknown",
                                -ENOENT },
                { 404, "docker.io/library/app:tls: not found", -ENOENT },
                { 404, "docker.io/x509/eof:denied: not found", -ENOENT },
                { 404, "manifest for unauthorized:1 not found", -ENOENT },
                { 500, "Get \"https://r/v2/tls:/EOF/manifests/denied\": no space left on device", -EIO },
                { 500, "no space left on device", -EIO },
                { 0, "something new", -EIO },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(engine_error_of_pull(cases[i].status, cases[i].message), cases[i].error);
}

static void test_messages(void **state)
{
        static const char reply[] = "{\"message\":\"No such\\ncontainer\"}\n";
        _cleanup_json_ struct json_object *json = NULL;
        _cleanup_free_ char *message = NULL, *text = NULL, *bad = NULL, *line = NULL;
        char large[4096];

        assert_int_equal(engine_error_of_status(204), 0);
        assert_int_equal(engine_error_of_status(304), 0);
        assert_int_equal(engine_error_of_status(404), -ENOENT);
        assert_int_equal(engine_error_of_status(409), -EBUSY);
        assert_int_equal(engine_error_of_status(500), -EIO);
        assert_int_equal(json_parse(reply, strlen(reply), &json, NULL), 0);
        message = engine_error_message(json, reply, strlen(reply));
        assert_string_equal(message, "No such container");
        text = engine_error_message(NULL, "page not found\n", 15);
        assert_string_equal(text, "page not found");
        bad = engine_error_message(NULL, "a\xff\x1b", 3);
        assert_string_equal(bad, "a\xef\xbf\xbd ");
        for (size_t i = 0; i < sizeof(large); i++)
                large[i] = i % 2 == 0 ? '\xc3' : '\xa9';
        line = engine_error_line(large, sizeof(large));
        assert_int_equal(strlen(line), 600);
}

typedef struct Documents {
        int n, stop_at;
        int last;
} Documents;

static int on_document(struct json_object *document, void *userdata)
{
        Documents *d = userdata;

        d->last = json_object_get_int(json_get(document, "n"));
        return ++d->n == d->stop_at ? -ECANCELED : 0;
}

static void test_json_stream(void **state)
{
        static const char text[] = "{\"n\":1}\r\n{\"n\":2}{\"n\":3,\"s\":\"}\xc3\xa9{\"}\n\n {\"n\":4}\n";

        /* However it is cut, the same documents come out. */
        for (size_t piece = 1; piece <= sizeof(text); piece++) {
                EngineJsonStream s = {};
                Documents d = {};

                for (size_t i = 0; i < sizeof(text) - 1; i += piece) {
                        size_t n = sizeof(text) - 1 - i < piece ? sizeof(text) - 1 - i : piece;

                        assert_int_equal(engine_json_stream_feed(&s, text + i, n, on_document, &d), 0);
                }
                assert_int_equal(d.n, 4);
                assert_int_equal(d.last, 4);
                assert_true(engine_json_stream_is_between(&s));
                engine_json_stream_done(&s);
        }
}

static void test_json_stream_bad(void **state)
{
        EngineJsonStream s = {}, text = {}, comment = {}, half = {}, endless = {}, stopped = {};
        Documents d = {}, stop = { .stop_at = 1 };
        char filler[4096];
        int r = 0;

        assert_int_equal(engine_json_stream_feed(&s, "{\"n\":1} nonsense", 16, on_document, &d), -EPROTO);
        assert_int_equal(engine_json_stream_feed(&text, "\"text\"", 6, on_document, &d), -EPROTO);
        assert_int_equal(engine_json_stream_feed(&comment, "{\"n\":2}/* */", 12, on_document, &d), -EPROTO);
        assert_int_equal(d.n, 2);
        assert_int_equal(engine_json_stream_feed(&half, "{\"n\":", 5, on_document, &d), 0);
        assert_false(engine_json_stream_is_between(&half));
        memset(filler, 'x', sizeof(filler));
        assert_int_equal(engine_json_stream_feed(&endless, "{\"s\":\"", 6, on_document, &d), 0);
        for (size_t i = 0; i < 1024 && r >= 0; i++)
                r = engine_json_stream_feed(&endless, filler, sizeof(filler), on_document, &d);
        assert_int_equal(r, -EFBIG);
        assert_int_equal(engine_json_stream_feed(&stopped, "{}{}", 4, on_document, &stop), -ECANCELED);
        assert_int_equal(stop.n, 1);
        engine_json_stream_done(&s);
        engine_json_stream_done(&text);
        engine_json_stream_done(&comment);
        engine_json_stream_done(&half);
        engine_json_stream_done(&endless);
        engine_json_stream_done(&stopped);
}

static void test_log_stream(void **state)
{
        static const char frames[] = "\1\0\0\0\0\0\0\4one\n"
                                     "\2\0\0\0\0\0\0\0"
                                     "\2\0\0\0\0\0\0\6tw\xffo\r\n"
                                     "\1\0\0\0\0\0\0\5three";

        for (size_t piece = 1; piece <= sizeof(frames); piece++) {
                EngineLogStream s = {};
                _cleanup_free_ char *text = NULL;

                for (size_t i = 0; i < sizeof(frames) - 1; i += piece) {
                        size_t n = sizeof(frames) - 1 - i < piece ? sizeof(frames) - 1 - i : piece;

                        assert_int_equal(engine_log_stream_feed(&s, frames + i, n), 0);
                }
                text = engine_log_stream_text(&s);
                assert_string_equal(text, "one\ntw\xef\xbf\xbdo \nthree\n");
                engine_log_stream_done(&s);
        }
}

static void test_log_stream_bounds(void **state)
{
        EngineLogStream s = {}, bad = {}, none = {};
        _cleanup_free_ char *text = NULL, *empty = NULL;
        char frame[8 + 100] = "\1\0\0\0\0\0\0d";

        assert_int_equal(engine_log_stream_feed(&bad, "plain text", 10), -EPROTO);
        empty = engine_log_stream_text(&none);
        assert_string_equal(empty, "");
        memset(frame + 8, 'x', 99);
        frame[107] = '\n';
        for (size_t i = 0; i < 20000; i++)
                assert_int_equal(engine_log_stream_feed(&s, frame, sizeof(frame)), 0);
        text = engine_log_stream_text(&s);
        assert_true(strlen(text) >= ENGINE_LOG_MAX - 100 && strlen(text) <= 2 * ENGINE_LOG_MAX);
        assert_int_equal(strlen(text) % 100, 0); /* whole lines */
        engine_log_stream_done(&s);
        engine_log_stream_done(&bad);
}

static int take_document(struct json_object *document, void *userdata)
{
        return engine_pull_state_take(userdata, document);
}

static void feed_pull(EnginePullState *s, const char *text, uint64_t current, uint64_t total)
{
        EngineJsonStream json = {};
        uint64_t c, t;

        assert_int_equal(engine_json_stream_feed(&json, text, strlen(text), take_document, s), 0);
        engine_json_stream_done(&json);
        engine_pull_state_sum(s, &c, &t);
        assert_int_equal(c, current);
        assert_int_equal(t, total);
}

static void test_pull_state(void **state)
{
        EnginePullState *s = engine_pull_state_new();

        assert_non_null(s);
        feed_pull(s,
                        "{\"status\":\"Pulling from x\",\"id\":\"1\"}"
                        "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"aaa\"}"
                        "{\"status\":\"Already exists\",\"progressDetail\":{},\"id\":\"bbb\"}",
                        0, 0);
        feed_pull(s,
                        "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":50,\"total\":200},"
                        "\"id\":\"aaa\"}",
                        25, 200);
        feed_pull(s, "{\"status\":\"Download complete\",\"progressDetail\":{},\"id\":\"aaa\"}", 100, 200);
        feed_pull(s,
                        "{\"status\":\"Extracting\",\"progressDetail\":{\"current\":9,\"units\":\"s\"},"
                        "\"id\":\"aaa\"}",
                        100, 200);
        feed_pull(s,
                        "{\"status\":\"Extracting\",\"progressDetail\":{\"current\":100,\"total\":200},"
                        "\"id\":\"aaa\"}",
                        150, 200);
        assert_null(engine_pull_state_error(s));
        feed_pull(s,
                        "{\"status\":\"Pull complete\",\"progressDetail\":{},\"id\":\"aaa\"}"
                        "{\"errorDetail\":{\"message\":\"it\\nbroke\"},\"error\":\"it broke\"}",
                        200, 200);
        assert_string_equal(engine_pull_state_error(s), "it broke");
        engine_pull_state_free(s);
}

static struct json_object *get(struct json_object *o, const char *a, const char *b)
{
        return json_get(json_get(o, a), b);
}

static void test_container_body(void **state)
{
        static char chown[] = "CHOWN";
        char *capabilities[] = { chown, NULL };
        StringPairs env = {}, labels = {};
        ContainerSpec spec = {
                .name = "client_a",
                .image = "x:1",
                .env = &env,
                .labels = &labels,
                .capabilities = capabilities,
                .limits = { .memory = 1024, .nano_cpus = 5, .pids = 7 },
                .slice = "ark-client_a.slice",
                .networks = { { "n1", "10.0.0.2" }, { "n2", "10.0.1.2" } },
                .n_networks = 2,
        };
        EngineClient client = { .log_journald = true };
        _cleanup_json_ struct json_object *a = NULL, *b = NULL;

        assert_int_equal(string_pairs_add(&env, "A", "b=c"), 0);
        assert_int_equal(string_pairs_add(&labels, ARK_LABEL_INSTANCE, "client_a"), 0);
        assert_int_equal(engine_container_body(&spec, &a), 0);
        spec.volume = "v";
        spec.volume_path = "/data";
        spec.volume_labels = &labels;
        assert_int_equal(engine_container_body(&spec, &b), 0);
        string_pairs_done(&env);
        string_pairs_done(&labels);

        assert_string_equal(json_text(json_get(a, "Env")), "[\"A=b=c\"]");
        assert_string_equal(json_text(get(a, "HostConfig", "CapDrop")), "[\"ALL\"]");
        assert_string_equal(json_text(get(a, "HostConfig", "CapAdd")), "[\"CHOWN\"]");
        assert_string_equal(json_text(get(a, "HostConfig", "MemorySwap")), "1024");
        assert_string_equal(json_text(get(a, "NetworkingConfig", "EndpointsConfig")),
                        "{\"n1\":{\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.2\"}}}");
        assert_null(json_get(a, "Healthcheck"));
        assert_null(get(a, "HostConfig", "Mounts"));
        assert_string_equal(json_text(get(b, "HostConfig", "Mounts")),
                        "[{\"Type\":\"volume\",\"Source\":\"v\",\"Target\":\"/data\",\"VolumeOptions\":"
                        "{\"Labels\":{\"network.ark.instance\":\"client_a\"}}}]");

        assert_int_equal(engine_container_adapt(&client, a), 0);
        assert_null(get(a, "HostConfig", "CgroupParent"));
        assert_string_equal(json_text(get(a, "HostConfig", "LogConfig")),
                        "{\"Config\":{\"labels\":\"ark.instance\",\"tag\":\"{{.Name}}\"},\"Type\":"
                        "\"journald\"}");
        client = (EngineClient){ .cgroup_systemd = true };
        assert_int_equal(engine_container_adapt(&client, b), 0);
        assert_non_null(get(b, "HostConfig", "CgroupParent"));
        assert_null(get(b, "HostConfig", "LogConfig"));
}

/* The loopback's address is there on every machine. */
static ContainerUsage usage_of(const char *container, const char *stats)
{
        _cleanup_json_ struct json_object *c = NULL, *s = NULL;
        ContainerUsage usage = CONTAINER_USAGE_UNKNOWN;

        assert_int_equal(json_parse(container, strlen(container), &c, NULL), 0);
        assert_int_equal(json_parse(stats, strlen(stats), &s, NULL), 0);
        engine_usage_take_container(c, &usage);
        engine_usage_take_stats(s, &usage);
        return usage;
}

static void assert_usage(const ContainerUsage *u, uint64_t memory, uint64_t memory_limit, uint64_t cpu,
                uint64_t pids, uint64_t pids_limit)
{
        assert_true(u->memory == memory && u->memory_limit == memory_limit);
        assert_true(u->cpu_nsec == cpu && u->pids == pids && u->pids_limit == pids_limit);
}

static void test_usage(void **state)
{
        static const char v1[] = "{\"read\":\"2026-11-24T15:40:02.5Z\",\"preread\":\"0001-01-01T00:00:00Z\","
                                 "\"pids_stats\":{\"current\":12,\"limit\":18446744073709551615},"
                                 "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":1204000000,"
                                 "\"percpu_usage\":[1,2]},\"online_cpus\":2},"
                                 "\"memory_stats\":{\"usage\":4000,\"limit\":8000000,\"stats\":{"
                                 "\"inactive_file\":1,\"total_inactive_file\":1500}}}";
        static const char v2[] = "{\"pids_stats\":{\"current\":3},\"cpu_stats\":{\"cpu_usage\":{"
                                 "\"total_usage\":7}},\"memory_stats\":{\"usage\":4000,\"stats\":{"
                                 "\"inactive_file\":500}}}";
        static const char limited[] = "{\"State\":{\"Running\":true,\"Restarting\":false,"
                                      "\"StartedAt\":\"2026-11-24T15:40:01.123456789Z\"},"
                                      "\"HostConfig\":{\"Memory\":536870912,\"PidsLimit\":256}}";
        static const char unlimited[] = "{\"State\":{\"Running\":true},"
                                        "\"HostConfig\":{\"Memory\":0,\"PidsLimit\":-1}}";
        const uint64_t none = USAGE_UNKNOWN;
        ContainerUsage u;

        u = usage_of(limited, v1);
        assert_usage(&u, 2500, 536870912, 1204000000, 12, 256);
        assert_true(u.running && u.started_usec == UINT64_C(1795534801123456));
        assert_true(u.read_usec == UINT64_C(1795534802500000));
        u = usage_of(unlimited, v2);
        assert_usage(&u, 3500, none, 7, 3, none);
        assert_true(u.running && u.started_usec == none && u.read_usec == none);
        /* More cached files than there is memory, as between two readings of the kernel. */
        u = usage_of("{\"HostConfig\":{\"PidsLimit\":null}}",
                        "{\"memory_stats\":{\"usage\":5,\"stats\":{\"inactive_file\":6}}}");
        assert_usage(&u, 5, none, none, none, none);
        assert_false(u.running);
        /* Of a container between two restarts, and without the controllers: nothing is made up. */
        u = usage_of("{\"State\":{\"Running\":true,\"Restarting\":true,\"StartedAt\":\"0001-01-01T00:00:"
                     "00Z\"}}",
                        "{\"read\":\"0001-01-01T00:00:00Z\",\"memory_stats\":{},\"cpu_stats\":null,"
                        "\"pids_stats\":[]}");
        assert_usage(&u, none, none, none, none, none);
        assert_true(!u.running && u.started_usec == none && u.read_usec == none);
        u = usage_of("[]", "\"x\"");
        assert_usage(&u, none, none, none, none, none);
}

static void test_interfaces(void **state)
{
        char name[INTERFACE_NAME_MAX];

        assert_int_equal(engine_interface_find("127.0.0.0/28", name), 1);
        assert_string_equal(name, "lo");
        assert_int_equal(engine_interface_find("127.0.0.16/28", name), 0);
        assert_int_equal(engine_interface_find("203.0.113.0/28", name), 0);
        assert_int_equal(engine_interface_find("127.0.0.1", name), -EINVAL);
        assert_int_equal(engine_interface_find("127.0.0.1/33", name), -EINVAL);
        assert_int_equal(engine_interface_find("127.0.0.1/8", name), -EINVAL);
        assert_int_equal(engine_interface_find("::1/128", name), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_choose_api),
                cmocka_unit_test(test_usage),
                cmocka_unit_test(test_interfaces),
                cmocka_unit_test(test_reference),
                cmocka_unit_test(test_pull_errors),
                cmocka_unit_test(test_messages),
                cmocka_unit_test(test_json_stream),
                cmocka_unit_test(test_json_stream_bad),
                cmocka_unit_test(test_log_stream),
                cmocka_unit_test(test_log_stream_bounds),
                cmocka_unit_test(test_pull_state),
                cmocka_unit_test(test_container_body),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
