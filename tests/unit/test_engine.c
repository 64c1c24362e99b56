/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "core/model/listening.h"
#include "core/names.h"
#include "core/ports.h"
#include "engine/container-spec.h"
#include "engine/error.h"
#include "engine/host.h"
#include "engine/interface.h"
#include "engine/listeners.h"
#include "engine/pull.h"
#include "engine/reference.h"
#include "engine/sizes.h"
#include "engine/stream.h"
#include "engine/usage.h"

#define ANONYMOUS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* The parts of the engine client that need no engine. */

#define TCP                                                                                                 \
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "       \
        "inode\r\n"
#define TCP6                                                                                                \
        "  sl  local_address                         remote_address                        st tx_queue "    \
        "rx_queue tr tm->when retrnsmt   uid  timeout inode\r\n"
#define REST     " 00000000:00000000 00:00000000 00000000     0        0 41 1 0 100 0 0 10 0\r\n"
#define NOWHERE6 "00000000000000000000000000000000:0000"

/* The kernel writes words as it has them: this is how machines with their lowest byte first do. */
static void test_listeners(void **state)
{
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "", "no port" },
                { TCP TCP6, "no port" },
                { TCP "   0: 00000000:0BB8 00000000:0000 0A" REST, "port 3000" },
                /* One that is in use, the engine's name server, and a line that is cut short. */
                { TCP "   0: 00000000:0BB8 0100007F:1F90 01" REST, "no port" },
                { TCP "   0: 0B00007F:9C41 00000000:0000 0A" REST, "no port" },
                { TCP "   0: 00000000:0BB8 00000000:0000", "no port" },
                { TCP "   0: 000000:0BB8 00000000:0000 0A" REST, "no port" },
                { TCP "   0: 0100007F:0BB8 00000000:0000 0A" REST,
                                "127.0.0.1:3000 only: to be reached it has to listen on 0.0.0.0" },
                { TCP "   0: 0502E70A:0BB8 00000000:0000 0A" REST, "10.231.2.5:3000 only" },
                { TCP TCP6 "   0: 00000000000000000000000000000000:1F90 " NOWHERE6 " 0A" REST, "port 8080" },
                { TCP TCP6 "   0: 00000000000000000000000001000000:1F90 " NOWHERE6 " 0A" REST,
                                "[::1]:8080 only: to be reached it has to listen on 0.0.0.0" },
                { TCP TCP6 "   0: 0000000000000000FFFF00000100007F:1F90 " NOWHERE6 " 0A" REST,
                                "127.0.0.1:8080 only: to be reached it has to listen on 0.0.0.0" },
                { TCP TCP6 "   0: 0000000000000000FFFF000000000000:1F90 " NOWHERE6 " 0A" REST, "port 8080" },
                /* Of one port on all addresses and on one it is the former. */
                { TCP "   0: 0100007F:0BB8 00000000:0000 0A" REST TCP6
                      "   0: 00000000000000000000000000000000:0BB8 " NOWHERE6 " 0A" REST
                      "   1: 00000000000000000000000000000000:0050 " NOWHERE6 " 0A" REST,
                                "port 3000, port 80" },
                { "cat: /proc/net/tcp: No such file\n", "no port" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Listener listeners[LISTENERS_MAX];
                size_t n = engine_listeners_parse(cases[i].text, listeners);
                _cleanup_free_ char *text = listening_describe(listeners, n);

                assert_string_equal(text, cases[i].expected);
        }
}

/* More ports than are told. */
static void test_many_listeners(void **state)
{
        char text[2048] = TCP;
        Listener listeners[LISTENERS_MAX];
        size_t n = strlen(text);

        for (unsigned i = 0; i < LISTENERS_MAX + 3; i++)
                n += (size_t) snprintf(text + n, sizeof text - n, "%4u: 00000000:%04X 00000000:0000 0A\r\n",
                                i, 1000 + i);
        assert_int_equal(engine_listeners_parse(text, listeners), LISTENERS_MAX);
        assert_int_equal(listeners[LISTENERS_MAX - 1].port, 1000 + LISTENERS_MAX - 1);
}

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
                { 0,
                                "toomanyrequests: You have reached your pull rate limit. You may increase "
                                "the "
                                "limit by authenticating and upgrading",
                                -EDQUOT },
                { 429, "Too Many Requests", -EDQUOT },
                { 0, "no matching manifest for linux/amd64 in the manifest list entries", -ENOEXEC },
                { 404, "no match for platform in manifest: not found", -ENOEXEC },
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
                .limits = { .memory = 1024, .nano_cpus = 5, .pids = 7, .files = 65536 },
                .slice = "ark-client_a.slice",
                .networks = { { "n1", "10.0.0.2" }, { "n2", "10.0.1.2" } },
                .n_networks = 2,
        };
        EngineClient client = { .known = true, .log_journald = true };
        _cleanup_json_ struct json_object *a = NULL, *b = NULL;

        assert_int_equal(string_pairs_add(&env, "A", "b=c"), 0);
        assert_int_equal(string_pairs_add(&labels, ARK_LABEL_INSTANCE, "client_a"), 0);
        assert_int_equal(engine_container_body(&spec, &a), 0);
        spec.own_init = spec.new_privileges = true;
        spec.shm_size = 1 << 27;
        spec.networks[0].alias = "db";
        spec.own_address = "10.0.1.2";
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
        assert_null(get(a, "HostConfig", "ExtraHosts"));
        assert_string_equal(json_text(get(b, "HostConfig", "ExtraHosts")), "[\"client_a:10.0.1.2\"]");
        assert_string_equal(json_text(get(a, "HostConfig", "SecurityOpt")), "[\"no-new-privileges\"]");
        assert_string_equal(json_text(get(a, "HostConfig", "Init")), "true");
        assert_null(get(a, "HostConfig", "ShmSize"));
        assert_string_equal(json_text(get(b, "NetworkingConfig", "EndpointsConfig")),
                        "{\"n1\":{\"Aliases\":[\"db\"],\"IPAMConfig\":{\"IPv4Address\":\"10.0.0.2\"}}}");
        assert_null(get(b, "HostConfig", "SecurityOpt"));
        assert_string_equal(json_text(get(b, "HostConfig", "Init")), "false");
        assert_string_equal(json_text(get(b, "HostConfig", "ShmSize")), "134217728");
        assert_string_equal(json_text(get(a, "HostConfig", "Ulimits")),
                        "[{\"Name\":\"nofile\",\"Soft\":65536,\"Hard\":65536}]");
        assert_null(json_get(a, "Healthcheck"));
        assert_null(get(a, "HostConfig", "Mounts"));
        assert_string_equal(json_text(get(b, "HostConfig", "Mounts")),
                        "[{\"Type\":\"volume\",\"Source\":\"v\",\"Target\":\"/data\",\"VolumeOptions\":"
                        "{\"Labels\":{\"network.ark.instance\":\"client_a\"}}}]");

        assert_int_equal(engine_container_adapt(&client, 0, a), 0);
        assert_null(get(a, "HostConfig", "CgroupParent"));
        assert_string_equal(json_text(get(a, "HostConfig", "LogConfig")),
                        "{\"Type\":\"journald\",\"Config\":{\"labels\":\"ark.instance\",\"tag\":\"{{.Name}}"
                        "\"}}");
        client = (EngineClient){ .known = true, .cgroup_systemd = true };
        assert_int_equal(engine_container_adapt(&client, 0, b), 0);
        assert_non_null(get(b, "HostConfig", "CgroupParent"));
        assert_null(get(b, "HostConfig", "LogConfig"));
        client = (EngineClient){ .known = true, .log_relay = true, .log_journald = true };
        assert_int_equal(engine_container_adapt(&client, 1 << 20, b), 0);
        assert_string_equal(json_text(get(b, "HostConfig", "LogConfig")),
                        "{\"Type\":\"syslog\",\"Config\":{\"cache-max-size\":\"524288\",\"syslog-address\":"
                        "\"udp://127.0.0.1:5052\",\"syslog-format\":\"rfc5424micro\",\"tag\":\"{{index "
                        ".ContainerLabels \\\"ark.instance\\\"}}/{{.Name}}/{{.FullID}}\",\"cache-max-file\":"
                        "\"2\"}}");
        client = (EngineClient){ .known = true, .log_json_file = true };
        assert_int_equal(engine_container_adapt(&client, 1 << 20, b), 0);
        assert_string_equal(json_text(get(b, "HostConfig", "LogConfig")),
                        "{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"524288\",\"max-file\":\"2\"}}");
}

/* Two digits behind the point, whatever they are. */
static void test_pressure(void **state)
{
        static const char *const bad[] = { "", "some avg10=1.00 avg60=0.00", "full avg10=", "full avg10=1",
                "full avg10=1.2", "full avg10=101.00", "full avg10=-1.00" };
        uint64_t n = 0;

        assert_int_equal(engine_host_parse_pressure("some avg10=99.00 avg60=1.00 avg300=0.00 total=1\n"
                                                    "full avg10=12.34 avg60=0.00 avg300=0.00 total=1\n",
                                         &n),
                        0);
        assert_int_equal(n, 1234);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(engine_host_parse_pressure(bad[i], &n), -EINVAL);
}

static void test_host(void **state)
{
        EngineClient client = { .root_dir = "/" };
        HostState host;

        engine_host_read(&client, &host);
        assert_string_equal(host.engine_root, "/");
        assert_true(host.disk_free != USAGE_UNKNOWN && host.memory_available != USAGE_UNKNOWN);
        (void) strcpy(client.root_dir, "/nowhere/at/all");
        engine_host_read(&client, &host);
        assert_true(host.disk_free == USAGE_UNKNOWN || !streq(host.disk_path, client.root_dir));
        /* Volumes on a disk of their own, which is full: /proc has nothing free. */
        (void) strcpy(client.volumes_dir, "/proc");
        engine_host_read(&client, &host);
        assert_string_equal(host.disk_path, "/proc");
        assert_int_equal(host.disk_free, 0);
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

static void test_sizes(void **state)
{
        static char deployment[] = "d";
        const EngineClient c = { .deployment = deployment };
        const char text[] = "{\"Containers\":[{\"Names\":[\"/"
                            "a\"],\"SizeRw\":7,\"Labels\":{\"" ARK_LABEL_DEPLOYMENT
                            "\":\"d\"}},{\"Names\":[\"/b\"],\"Labels\":{\"" ARK_LABEL_DEPLOYMENT
                            "\":\"d\"}},{\"Names\":[\"/c\"],\"SizeRw\":9,\"Labels\":{\"" ARK_LABEL_DEPLOYMENT
                            "\":\"other\"}}],\"Volumes\":[{\"Name\":\"v\",\"UsageData\":{\"Size\":-1},"
                            "\"Labels\":{\"" ARK_LABEL_DEPLOYMENT
                            "\":\"d\"}},{\"Name\":\"stranger\",\"Labels\":null,"
                            "\"UsageData\":{\"Size\":5}},{\"Name\":\"" ANONYMOUS
                            "\",\"Labels\":null,\"UsageData\":{\"Size\":5}},{\"UsageData\":null}]}";
        static const ResourceSize expected[] = { { RESOURCE_CONTAINER, "a", 7 },
                { RESOURCE_CONTAINER, "b", 0 }, { RESOURCE_VOLUME, "v", USAGE_UNKNOWN },
                { RESOURCE_VOLUME, ANONYMOUS, 5 } };
        _cleanup_json_ struct json_object *answer = json_tokener_parse(text),
                                          *other = json_tokener_parse("[]");
        _cleanup_free_ ResourceSize *sizes = NULL;
        size_t n = 99;

        assert_int_equal(engine_sizes_read(&c, other, &sizes, &n), -EPROTO);
        assert_int_equal(n, 99);
        assert_int_equal(engine_sizes_read(&c, answer, &sizes, &n), 0);
        assert_int_equal(n, ELEMENTSOF(expected));
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(sizes[i].kind, expected[i].kind);
                assert_string_equal(sizes[i].name, expected[i].name);
                assert_true(sizes[i].bytes == expected[i].bytes);
        }
}

static void test_interfaces(void **state)
{
        char name[INTERFACE_NAME_MAX];

        assert_int_equal(engine_interface_find("127.0.0.0/28", name), 1);
        assert_string_equal(name, "lo");
        assert_int_equal(engine_interface_find("127.0.0.16/28", name), 0);
        assert_int_equal(engine_interface_find("198.51.100.0/28", name), 0);
        assert_int_equal(engine_interface_find("127.0.0.1", name), -EINVAL);
        assert_int_equal(engine_interface_find("127.0.0.1/33", name), -EINVAL);
        assert_int_equal(engine_interface_find("127.0.0.1/8", name), -EINVAL);
        assert_int_equal(engine_interface_find("::1/128", name), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pressure),
                cmocka_unit_test(test_host),
                cmocka_unit_test(test_listeners),
                cmocka_unit_test(test_many_listeners),
                cmocka_unit_test(test_choose_api),
                cmocka_unit_test(test_usage),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_interfaces),
                cmocka_unit_test(test_reference),
                cmocka_unit_test(test_pull_errors),
                cmocka_unit_test(test_messages),
                cmocka_unit_test(test_json_stream),
                cmocka_unit_test(test_json_stream_bad),
                cmocka_unit_test(test_pull_state),
                cmocka_unit_test(test_container_body),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
