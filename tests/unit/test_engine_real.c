/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "basic/time-util.h"
#include "core/model/listening.h"
#include "core/names.h"
#include "core/ports.h"
#include "engine_fixture.h"

/*
 * The engine client against a real Docker; see with-docker. Skipped where none is given. What it leaves behind when
 * it fails has names that begin with arktest.
 */

#define TIMEOUT (20 * USEC_PER_SEC)
#define IMAGE   "ark-test:1"

static const char *docker_socket, *registry;

static StringPairs labels_of(const char *deployment, const char *instance)
{
        StringPairs l = {};

        assert_int_equal(string_pairs_add(&l, ARK_LABEL_DEPLOYMENT, deployment), 0);
        assert_int_equal(string_pairs_add(&l, ARK_LABEL_INSTANCE, instance), 0);
        assert_int_equal(string_pairs_add(&l, ARK_LABEL_ROLE, ARK_ROLE_APP), 0);
        assert_int_equal(string_pairs_add(&l, ARK_LABEL_LOG, instance), 0);
        return l;
}

static int create_network(Fixture *f, Outcome *o, const char *deployment, const char *name,
                const char *bridge, const char *net, bool internal)
{
        StringPairs labels = labels_of(deployment, "arktest_1");
        _cleanup_free_ char *subnet = str_printf("%s.0/28", net), *gateway = str_printf("%s.1", net);
        NetworkSpec spec = {
                .name = name,
                .bridge = bridge,
                .subnet = subnet,
                .gateway = gateway,
                .internal = internal,
                .isolated = true,
                .labels = &labels,
        };
        int r;

        r = CALL(f, o, create_network, &spec, TIMEOUT, outcome_done);
        string_pairs_done(&labels);
        return r;
}

static int create_container(
                Fixture *f, Outcome *o, const char *name, const char *script, const char *network2)
{
        StringPairs labels = labels_of("arktest", "arktest_1"), env = {};
        _cleanup_free_ char *hash = str_printf("%s %s", script, strempty(network2));
        static char chown[] = "CHOWN";
        char *capabilities[] = { chown, NULL };
        static const char *const health[] = { "busybox", "true", NULL };
        ContainerSpec spec = {
                .name = name,
                .image = IMAGE,
                .env = &env,
                .labels = &labels,
                .user = "65534",
                .capabilities = capabilities,
                .limits = { .memory = 64 * 1024 * 1024, .nano_cpus = 500000000, .pids = 50 },
                .read_only = true,
                .volume = "arktest_data",
                .volume_path = "/data",
                .volume_labels = &labels,
                .health_command = health,
                .slice = "ark-arktest.slice",
                .networks = { { "arktest_net", "10.88.1.5" }, { network2, "10.88.2.7" } },
                .n_networks = network2 ? 2 : 1,
        };
        int r;

        assert_int_equal(string_pairs_add(&env, "SCRIPT", script), 0);
        assert_int_equal(string_pairs_add(&labels, ARK_LABEL_HASH, hash), 0);
        r = CALL(f, o, create_container, &spec, TIMEOUT, outcome_done);
        string_pairs_done(&labels);
        string_pairs_done(&env);
        return r;
}

static void clean(Fixture *f)
{
        static const char *const containers[] = { "arktest_1", "arktest_2" };
        static const char *const networks[] = { "arktest_net", "arktest_net2" };
        Outcome o = {};

        for (size_t i = 0; i < ELEMENTSOF(containers); i++)
                assert_int_equal(CALL(f, &o, remove_container, containers[i], TIMEOUT, outcome_done), 0);
        for (size_t i = 0; i < ELEMENTSOF(networks); i++)
                assert_int_equal(CALL(f, &o, remove_network, networks[i], TIMEOUT, outcome_done), 0);
        assert_int_equal(CALL(f, &o, remove_volume, "arktest_data", TIMEOUT, outcome_done), 0);
        assert_int_equal(CALL(f, &o, list_resources, TIMEOUT, outcome_resources), 0);
        assert_int_equal(o.n_resources, 0);
}

/* ---- Watching ---------------------------------------------------------------------------------------------- */

typedef struct Watch {
        bool connected, disconnected, died, started, destroyed;
        unsigned n_starts;
} Watch;

static void on_connected(bool connected, void *userdata)
{
        Watch *w = userdata;

        *(connected ? &w->connected : &w->disconnected) = true;
}

static void on_event(const char *instance, const char *role, const char *event, void *userdata)
{
        Watch *w = userdata;

        assert_string_equal(instance, "arktest_1");
        assert_string_equal(role, ARK_ROLE_APP);
        if (streq(event, "start")) {
                w->started = true;
                w->n_starts++;
        }
        w->died |= streq(event, "die");
        w->destroyed |= streq(event, "destroy");
}

/* ---- Tests ------------------------------------------------------------------------------------------------- */

static void test_networks(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest"),
                stranger = fixture_open(docker_socket, "another");
        Outcome o = {};

        clean(&f);
        assert_int_equal(create_network(&f, &o, "arktest", "arktest_net", "arktest0", "10.88.1", true), 0);
        /* Again: adopted. Otherwise: made again. */
        assert_int_equal(create_network(&f, &o, "arktest", "arktest_net", "arktest0", "10.88.1", true), 0);
        assert_int_equal(create_network(&f, &o, "arktest", "arktest_net", "arktest0", "10.88.3", true), 0);
        assert_int_equal(CALL(&f, &o, list_resources, TIMEOUT, outcome_resources), 0);
        assert_int_equal(o.n_resources, 1);
        /* What overlaps is told apart. */
        assert_int_equal(create_network(&f, &o, "arktest", "arktest_net2", "arktest1", "10.88.3", false),
                        -EADDRINUSE);
        /* A stranger's is left alone. */
        assert_int_equal(
                        create_network(&stranger, &o, "another", "arktest_net", "arktest0", "10.88.3", true),
                        -EEXIST);
        assert_non_null(strstr(o.reason, "arktest_net"));
        assert_int_equal(CALL(&stranger, &o, remove_network, "arktest_net", TIMEOUT, outcome_done), -EXDEV);
        assert_int_equal(CALL(&stranger, &o, list_resources, TIMEOUT, outcome_resources), 0);
        assert_int_equal(o.n_resources, 0);
        clean(&f);
        fixture_close(&stranger);
        fixture_close(&f);
}

static int create_volume(Fixture *f, Outcome *o, const char *deployment)
{
        StringPairs labels = labels_of(deployment, "arktest_1");
        VolumeSpec spec = { .name = "arktest_data", .labels = &labels };
        int r;

        r = CALL(f, o, create_volume, &spec, TIMEOUT, outcome_done);
        string_pairs_done(&labels);
        return r;
}

static void test_volumes(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest"),
                stranger = fixture_open(docker_socket, "another");
        Outcome o = {};

        assert_int_equal(create_volume(&f, &o, "arktest"), 0);
        assert_int_equal(create_volume(&f, &o, "arktest"), 0);
        assert_int_equal(create_volume(&stranger, &o, "another"), -EEXIST);
        assert_int_equal(CALL(&stranger, &o, remove_volume, "arktest_data", TIMEOUT, outcome_done), -EXDEV);
        clean(&f);
        fixture_close(&stranger);
        fixture_close(&f);
}

static void prepare(Fixture *f, Outcome *o)
{
        clean(f);
        assert_int_equal(create_network(f, o, "arktest", "arktest_net", "arktest0", "10.88.1", true), 0);
        assert_int_equal(create_network(f, o, "arktest", "arktest_net2", "arktest1", "10.88.2", false), 0);
        assert_int_equal(create_volume(f, o, "arktest"), 0);
}

/* What the engine makes by itself for a container whose volume is not there any more is known for ours. */
static void test_late_volume(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest");
        Outcome o = {};

        prepare(&f, &o);
        assert_int_equal(CALL(&f, &o, remove_volume, "arktest_data", TIMEOUT, outcome_done), 0);
        assert_int_equal(create_container(&f, &o, "arktest_1", "busybox sleep 1000", NULL), 0);
        assert_int_equal(CALL(&f, &o, list_resources, TIMEOUT, outcome_resources), 0);
        assert_int_equal(o.n_resources, 4);
        clean(&f);
        fixture_close(&f);
}

/* It writes where its user may, and its own files are read-only. */
#define WRITE "busybox touch /data/new && busybox rm /data/new; echo wrote $?; busybox sleep 1000"

static void assert_writes(Fixture *f, Outcome *o, bool does)
{
        assert_int_equal(CALL(f, o, start_container, "arktest_1", TIMEOUT, outcome_done), 0);
        do
                assert_int_equal(CALL(f, o, container_logs, "arktest_1", 10, TIMEOUT, outcome_text), 0);
        while (!strstr(o->text, "wrote"));
        assert_int_equal(strstr(o->text, "wrote 0") != NULL, does);
        assert_int_equal(CALL(f, o, remove_container, "arktest_1", TIMEOUT, outcome_done), 0);
}

/* What runs and is made again comes to its own end before. */
static void test_stopped_before(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest");
        Outcome o = {};

        prepare(&f, &o);
        assert_int_equal(create_container(&f, &o, "arktest_1",
                                         "trap 'busybox touch /data/farewell; exit 0' TERM; echo wrote 0; "
                                         "while true; do busybox sleep 0.1; done",
                                         NULL),
                        0);
        assert_int_equal(
                        CALL(&f, &o, give_volume, "arktest_1", "/data", 65534, false, TIMEOUT, outcome_done),
                        0);
        assert_int_equal(CALL(&f, &o, start_container, "arktest_1", TIMEOUT, outcome_done), 0);
        do
                assert_int_equal(CALL(&f, &o, container_logs, "arktest_1", 10, TIMEOUT, outcome_text), 0);
        while (!strstr(o.text, "wrote"));
        assert_int_equal(create_container(&f, &o, "arktest_1",
                                         "busybox test -e /data/farewell; echo wrote $?", NULL),
                        0);
        assert_writes(&f, &o, true);
        clean(&f);
        fixture_close(&f);
}

/* The engine cuts long lines into pieces; each is whole again, also from a place within the output on. */
static void test_long_lines(void **state)
{
        static const char script[] =
                        "busybox head -c 40000 /dev/zero | busybox tr '\\0' a; echo; echo short; "
                        "busybox head -c 16384 /dev/zero | busybox tr '\\0' b; echo; echo end; "
                        "busybox sleep 1000";
        Fixture f = fixture_open(docker_socket, "arktest");
        LogPlace from = { 0 };
        Outcome o = {};

        prepare(&f, &o);
        assert_int_equal(create_container(&f, &o, "arktest_1", script, NULL), 0);
        assert_int_equal(CALL(&f, &o, start_container, "arktest_1", TIMEOUT, outcome_done), 0);
        do
                assert_int_equal(CALL(&f, &o, container_logs, "arktest_1", 10, TIMEOUT, outcome_text), 0);
        while (!strstr(o.text, "end\n"));
        assert_int_equal(strspn(o.text, "a"), 40000);
        assert_memory_equal(o.text + 40000, "\nshort\nbbb", 10);
        assert_int_equal(strspn(o.text + 40007, "b"), 16384);
        assert_string_equal(o.text + 40007 + 16384, "\nend\n");

        assert_int_equal(CALL(&f, &o, container_log_since, "arktest_1", NULL, 10, TIMEOUT, outcome_text), 0);
        assert_int_equal(strspn(o.text + 31, "a"), 40000);
        memcpy(from.last, o.text + 31 + 40000 + 1, 30);
        assert_int_equal(CALL(&f, &o, container_log_since, "arktest_1", &from, 1, TIMEOUT, outcome_text), 0);
        assert_memory_equal(o.text + 30, " short\n", 7);
        assert_int_equal(strspn(o.text + 30 + 7 + 31, "b"), 16384);
        assert_null(strstr(o.text, "end\n"));
        assert_int_equal(CALL(&f, &o, remove_container, "arktest_1", TIMEOUT, outcome_done), 0);
        clean(&f);
        fixture_close(&f);
}

static void give(Fixture *f, Outcome *o, const char *script, uint32_t uid, bool filled)
{
        assert_int_equal(create_container(f, o, "arktest_1", script, NULL), 0);
        assert_int_equal(CALL(f, o, give_volume, "arktest_1", "/data", uid, filled, TIMEOUT, outcome_done),
                        0);
}

static void test_giving(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest");
        Outcome o = {};

        prepare(&f, &o);
        assert_int_equal(create_container(&f, &o, "arktest_1", WRITE, NULL), 0);
        assert_writes(&f, &o, false);
        give(&f, &o, WRITE, 65534, false);
        assert_writes(&f, &o, true);
        /* One that is not empty is given only where that is asked for. */
        give(&f, &o, "busybox touch /data/old; " WRITE, 65534, false);
        assert_writes(&f, &o, true);
        give(&f, &o, WRITE, 20000, false);
        assert_writes(&f, &o, true);
        give(&f, &o, WRITE, 20000, true);
        assert_writes(&f, &o, false);
        give(&f, &o, "busybox dd if=/dev/zero of=/data/big bs=1024 count=3; " WRITE, 65534, true);
        assert_int_equal(CALL(&f, &o, give_volume, "arktest_1", "/none", 1, true, TIMEOUT, outcome_done),
                        -ENOENT);
        assert_int_equal(
                        CALL(&f, &o, give_volume, "arktest_1", "/proc/self", 1, true, TIMEOUT, outcome_done),
                        -ENOENT);
        assert_int_equal(CALL(&f, &o, measure_sizes, TIMEOUT, outcome_sizes), 0);
        assert_int_equal(o.n_resources, 2);
        assert_int_equal(o.current, 0);
        assert_writes(&f, &o, true);
        assert_int_equal(CALL(&f, &o, measure_sizes, TIMEOUT, outcome_sizes), 0);
        assert_int_equal(o.n_resources, 1);
        assert_int_equal(o.current, 3 * 1024);
        clean(&f);
        free(o.text);
        fixture_close(&f);
}

static void test_containers(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest"),
                stranger = fixture_open(docker_socket, "another");
        Watch w = {};
        Outcome o = {};

        f.port->vtable->watch(f.port, on_connected, on_event, &w);
        run_until(&f, &w.connected);
        assert_true(f.port->vtable->is_connected(f.port));
        prepare(&f, &o);

        assert_int_equal(
                        CALL(&f, &o, inspect_container, "arktest_1", NULL, TIMEOUT, outcome_state), -ENOENT);
        assert_int_equal(create_container(&f, &o, "arktest_1",
                                         "echo one; echo two >&2; printf 'thr\\377e\\n'; "
                                         "busybox sleep 1000",
                                         "arktest_net2"),
                        0);
        assert_int_equal(create_container(&f, &o, "arktest_1",
                                         "echo one; echo two >&2; printf 'thr\\377e\\n'; "
                                         "busybox sleep 1000",
                                         "arktest_net2"),
                        0);
        assert_int_equal(CALL(&f, &o, start_container, "arktest_1", TIMEOUT, outcome_done), 0);
        assert_int_equal(CALL(&f, &o, start_container, "arktest_1", TIMEOUT, outcome_done), 0);
        run_until(&f, &w.started);

        assert_int_equal(
                        CALL(&f, &o, inspect_container, "arktest_1", "arktest_net2", TIMEOUT, outcome_state),
                        0);
        assert_true(o.state.running);
        assert_true(o.state.started_usec <= now_realtime());
        assert_true(o.state.started_usec + USEC_PER_MINUTE > now_realtime());
        assert_string_equal(o.state.address, "10.88.2.7");
        assert_int_equal(o.state.health, CONTAINER_HEALTH_STARTING);
        assert_int_equal(CALL(&f, &o, inspect_container, "arktest_1", "arktest_net", TIMEOUT, outcome_state),
                        0);
        assert_string_equal(o.state.address, "10.88.1.5");
        assert_int_equal(CALL(&f, &o, inspect_container, "arktest_1", "other", TIMEOUT, outcome_state), 0);
        assert_null(o.state.address);

        do
                assert_int_equal(CALL(&f, &o, container_logs, "arktest_1", 10, TIMEOUT, outcome_text), 0);
        while (!strstr(o.text, "thr"));
        assert_non_null(strstr(o.text, "one\n"));
        assert_non_null(strstr(o.text, "two\n"));
        assert_non_null(strstr(o.text, "thr\xef\xbf\xbd"
                                       "e\n"));
        assert_int_equal(CALL(&f, &o, container_logs, "arktest_none", 10, TIMEOUT, outcome_text), -ENOENT);

        assert_int_equal(CALL(&f, &o, container_usage, "arktest_1", TIMEOUT, outcome_usage), 0);
        assert_true(o.usage.running && o.usage.started_usec < now_realtime());
        assert_true(o.usage.read_usec >= o.usage.started_usec && o.usage.read_usec != USAGE_UNKNOWN);
        assert_true(o.usage.memory > 0 && o.usage.memory < UINT64_C(1) << 30);
        assert_true(o.usage.cpu_nsec > 0 && o.usage.cpu_nsec < UINT64_C(10000000000));
        assert_true(o.usage.pids >= 1 && o.usage.pids < 10);
        assert_int_equal(CALL(&f, &o, container_usage, "arktest_none", TIMEOUT, outcome_usage), -ENOENT);

        assert_int_equal(CALL(&f, &o, list_resources, TIMEOUT, outcome_resources), 0);
        assert_int_equal(o.n_resources, 4);
        assert_int_equal(o.n_running, 1);

        /* A stranger neither takes the name over nor removes it. */
        assert_int_equal(create_container(&stranger, &o, "arktest_1", "", NULL), -EEXIST);
        assert_int_equal(CALL(&stranger, &o, remove_container, "arktest_1", TIMEOUT, outcome_done), -EXDEV);

        /* Ours with another specification is made again, and is not started. */
        assert_int_equal(create_container(&f, &o, "arktest_1", "exit 3", NULL), 0);
        run_until(&f, &w.destroyed);
        assert_int_equal(CALL(&f, &o, inspect_container, "arktest_1", "arktest_net", TIMEOUT, outcome_state),
                        0);
        assert_false(o.state.running);
        assert_int_equal(CALL(&f, &o, container_usage, "arktest_1", TIMEOUT, outcome_usage), 0);
        assert_false(o.usage.running);
        assert_true(o.usage.memory == USAGE_UNKNOWN && o.usage.pids == USAGE_UNKNOWN);

        /* A volume in use is waited for until the deadline; a network is emptied by force. */
        assert_int_equal(
                        CALL(&f, &o, remove_volume, "arktest_data", USEC_PER_SEC / 2, outcome_done), -EBUSY);
        assert_int_equal(CALL(&f, &o, start_container, "arktest_1", TIMEOUT, outcome_done), 0);
        do
                assert_int_equal(CALL(&f, &o, inspect_container, "arktest_1", NULL, TIMEOUT, outcome_state),
                                0);
        while (!o.state.restarting);
        assert_false(o.state.running);
        assert_int_equal(o.state.exit_code, 3);
        assert_true(w.died);
        assert_int_equal(CALL(&f, &o, remove_network, "arktest_net", TIMEOUT, outcome_done), 0);
        clean(&f);
        free(o.text);
        fixture_close(&stranger);
        fixture_close(&f);
}

/* ---- What an operator's hands do ---- */

#define NAME "client_aaaaaaaaaaaa"

static int create_whole(Fixture *f, Outcome *o, const char *hash, const VolumeMount *volume, bool keep)
{
        StringPairs labels = labels_of("arktest", NAME), env = {};
        ContainerSpec spec = {
                .name = NAME,
                .image = IMAGE,
                .env = &env,
                .labels = &labels,
                .stop_timeout_s = 3,
                .stop_signal = "SIGINT",
                .keep = keep,
                .volumes = volume,
                .n_volumes = volume ? 1 : 0,
                .networks = { { "arktest_net", "10.88.1.5" } },
                .n_networks = 1,
        };
        int r;

        assert_int_equal(
                        string_pairs_add(&env, "SCRIPT",
                                        "mkdir -p /tmp /run; echo x | tee /root_file /tmp/t >/run/r; "
                                        "busybox httpd -p 3000; busybox httpd -p 127.0.0.1:3001; exec sleep "
                                        "1000"),
                        0);
        assert_int_equal(string_pairs_add(&labels, ARK_LABEL_HASH, hash), 0);
        r = CALL(f, o, create_container, &spec, TIMEOUT, outcome_done);
        string_pairs_done(&labels);
        string_pairs_done(&env);
        return r;
}

static void ask_docker(const char *method, const char *path, const char *body)
{
        _cleanup_free_ char *command = str_printf(
                        "curl -sf -o /dev/null --unix-socket '%s' -X %s -H 'Content-Type: application/json' "
                        "-d '%s' 'http://e/v1.41%s'",
                        strempty(docker_socket), method, body, path);

        assert_int_equal(system(command), 0);
}

/* Renamed, and off a network that was removed and made again: it is found, joined and has its name. */
static void test_by_hand(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest");
        const VolumeMount volume = { "arktest_data", "/extra" };
        Outcome o = {};

        clean(&f);
        assert_int_equal(create_network(&f, &o, "arktest", "arktest_net", "arktest0", "10.88.1", true), 0);
        assert_int_equal(create_whole(&f, &o, "v2:1", NULL, false), 0);
        assert_int_equal(CALL(&f, &o, start_container, NAME, TIMEOUT, outcome_done), 0);
        ask_docker("POST", "/containers/" NAME "/rename?name=byhand", "");
        assert_int_equal(CALL(&f, &o, inspect_container, NAME, "arktest_net", TIMEOUT, outcome_state), 0);
        assert_true(o.state.running && o.state.joined);
        assert_int_equal(CALL(&f, &o, list_of_instance, NAME, TIMEOUT, outcome_resources), 0);
        assert_int_equal(o.n_resources, 1);
        /* What is in /tmp may be gone once it has ended, and counts only if it is not. */
        assert_int_equal(CALL(&f, &o, container_changes, NAME, TIMEOUT, outcome_text), 0);
        assert_string_equal(o.text, "/root_file");
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(CALL(&f, &o, stop_container, NAME, 1, TIMEOUT, outcome_done), 0);
        ask_docker("DELETE", "/networks/arktest_net", "");
        assert_int_equal(create_network(&f, &o, "arktest", "arktest_net", "arktest0", "10.88.1", true), 0);
        assert_true(CALL(&f, &o, restart_container, NAME, 3, TIMEOUT, outcome_done) < 0);
        assert_int_equal(CALL(&f, &o, container_changes, NAME, TIMEOUT, outcome_text), 0);
        assert_string_equal(o.text, "/root_file, /tmp/t");
        assert_int_equal(create_whole(&f, &o, "v2:2", NULL, true), 0);
        assert_int_equal(CALL(&f, &o, restart_container, NAME, 3, TIMEOUT, outcome_done), 0);
        assert_int_equal(CALL(&f, &o, inspect_container, NAME, "arktest_net", TIMEOUT, outcome_state), 0);
        assert_true(o.state.running && o.state.joined);
        /* Made again with a further volume, which outlives it. */
        assert_int_equal(create_whole(&f, &o, "v2:2", &volume, false), 0);
        assert_int_equal(CALL(&f, &o, inspect_container, NAME, "arktest_net", TIMEOUT, outcome_state), 0);
        assert_false(o.state.running);
        assert_int_equal(o.state.n_volumes, 1);
        assert_int_equal(CALL(&f, &o, remove_container, NAME, TIMEOUT, outcome_done), 0);
        assert_int_equal(CALL(&f, &o, find_volume, "arktest_data", TIMEOUT, outcome_done), 0);
        ask_docker("DELETE", "/volumes/arktest_data", "");
        assert_int_equal(CALL(&f, &o, find_volume, "arktest_data", TIMEOUT, outcome_done), -ENOENT);
        clean(&f);
        fixture_close(&f);
}

static void on_listeners(int error, const char *reason, const Listener *listeners, size_t n, void *userdata)
{
        _cleanup_free_ char *text = error < 0 ? NULL : listening_describe(listeners, n);

        outcome_text(error, reason, text, userdata);
}

static bool is_either(const char *text, const char *const either[2])
{
        return text && (streq(text, either[0]) || streq(text, either[1]));
}

/* What listens takes a moment to do so. */
static void test_listeners(void **state)
{
        static const char *const either[] = {
                "port 3000, 127.0.0.1:3001 only: to be reached it has to listen on 0.0.0.0",
                "127.0.0.1:3001 only, port 3000: to be reached it has to listen on 0.0.0.0",
        };
        Fixture f = fixture_open(docker_socket, "arktest");
        Outcome o = {};

        clean(&f);
        assert_true(CALL(&f, &o, container_listeners, NAME, TIMEOUT, on_listeners) == -ENOENT);
        assert_int_equal(create_network(&f, &o, "arktest", "arktest_net", "arktest0", "10.88.1", true), 0);
        assert_int_equal(create_whole(&f, &o, "v2:1", NULL, false), 0);
        assert_true(CALL(&f, &o, container_listeners, NAME, TIMEOUT, on_listeners) < 0);
        assert_int_equal(CALL(&f, &o, start_container, NAME, TIMEOUT, outcome_done), 0);
        for (unsigned i = 0; i < 100 && !is_either(o.text, either); i++) {
                o.text = mfree(o.text);
                assert_int_equal(CALL(&f, &o, container_listeners, NAME, TIMEOUT, on_listeners), 0);
        }
        if (!is_either(o.text, either))
                fail_msg("%s", o.text);
        o.text = mfree(o.text);
        assert_int_equal(CALL(&f, &o, remove_container, NAME, TIMEOUT, outcome_done), 0);
        clean(&f);
        fixture_close(&f);
}

static void test_pulls(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest");
        _cleanup_free_ char *small = str_printf("%s/ark/small:1", registry);
        _cleanup_free_ char *missing = str_printf("%s/ark/missing:1", registry);
        _cleanup_free_ char *no_tag = str_printf("%s/ark/small:2", registry);
        Outcome o = {};

        assert_int_equal(CALL(&f, &o, ensure_image, IMAGE, TIMEOUT, NULL, outcome_done), 0);
        assert_int_equal(CALL(&f, &o, ensure_image, small, TIMEOUT, outcome_progress, outcome_done), 0);
        if (getenv("ARK_TEST_DIGEST"))
                assert_int_equal(CALL(&f, &o, ensure_image, getenv("ARK_TEST_DIGEST"), TIMEOUT, NULL,
                                                 outcome_done),
                                0);
        assert_int_equal(CALL(&f, &o, ensure_image, missing, TIMEOUT, NULL, outcome_done), -ENOENT);
        assert_non_null(strstr(o.reason, missing));
        assert_int_equal(CALL(&f, &o, ensure_image, no_tag, TIMEOUT, NULL, outcome_done), -ENOENT);
        assert_int_equal(CALL(&f, &o, ensure_image, "127.0.0.1:1/x:1", TIMEOUT, NULL, outcome_done),
                        -EHOSTUNREACH);
        assert_int_equal(CALL(&f, &o, ensure_image, "../../x", TIMEOUT, NULL, outcome_done), -EINVAL);
        fixture_close(&f);
}

static void on_image(int error, const char *reason, const ImageInfo *info, void *userdata)
{
        outcome_done(error, reason, userdata);
}

static bool has_image(Fixture *f, const char *image)
{
        Outcome o = {};

        return CALL(f, &o, inspect_image, image, TIMEOUT, on_image) == 0;
}

/* Two wait for one pull; one gives up, then the other; it goes on all the same, and a third one finds the image there. */
static void test_shared_pull(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest");
        _cleanup_free_ char *large = str_printf("%s/ark/large:1", registry);
        Outcome a = {}, b = {}, c = {};
        Pending *first, *second;

        assert_int_equal(f.port->vtable->ensure_image(
                                         f.port, large, TIMEOUT, outcome_progress, outcome_done, &a, &first),
                        0);
        assert_int_equal(f.port->vtable->ensure_image(f.port, large, TIMEOUT, outcome_progress, outcome_done,
                                         &b, &second),
                        0);
        while (a.n_progress == 0 || b.n_progress == 0) {
                assert_false(a.ended || b.ended);
                assert_true(sd_event_run(f.event, UINT64_MAX) >= 0);
        }
        assert_true(a.total > 40U * 1024 * 1024);
        pending_cancel(first);
        pending_cancel(second);
        assert_false(has_image(&f, large));
        for (uint64_t begun = now_monotonic(); !has_image(&f, large);) {
                assert_true(now_monotonic() < begun + USEC_PER_MINUTE);
                assert_true(sd_event_run(f.event, 100 * USEC_PER_MSEC) >= 0);
        }
        assert_int_equal(CALL(&f, &c, ensure_image, large, TIMEOUT, outcome_progress, outcome_done), 0);
        assert_int_equal(c.n_progress, 0);
        assert_false(a.ended || b.ended);
        fixture_close(&f);
}

static void restart_engine(void)
{
        char *argv[] = { getenv("ARK_TEST_DOCKER_RESTART"), NULL };
        int status;
        pid_t pid;

        assert_int_equal(posix_spawn(&pid, argv[0], NULL, NULL, argv, environ), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void test_restart(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest");
        Watch w = {};
        Outcome o = {};
        unsigned starts;

        if (!getenv("ARK_TEST_DOCKER_RESTART"))
                skip();
        f.port->vtable->watch(f.port, on_connected, on_event, &w);
        run_until(&f, &w.connected);
        prepare(&f, &o);
        assert_int_equal(
                        create_container(&f, &o, "arktest_1", "exec busybox sleep 1000", "arktest_net2"), 0);
        assert_int_equal(CALL(&f, &o, start_container, "arktest_1", TIMEOUT, outcome_done), 0);
        run_until(&f, &w.started);
        starts = w.n_starts;

        w.connected = false;
        restart_engine();
        run_until(&f, &w.disconnected);
        assert_false(f.port->vtable->is_connected(f.port));
        assert_int_equal(CALL(&f, &o, list_resources, TIMEOUT, outcome_resources), -ENOTCONN);
        run_until(&f, &w.connected);
        assert_int_equal(CALL(&f, &o, list_resources, TIMEOUT, outcome_resources), 0);
        assert_int_equal(o.n_resources, 4);
        do
                assert_int_equal(CALL(&f, &o, inspect_container, "arktest_1", NULL, TIMEOUT, outcome_state),
                                0);
        while (!o.state.running);
        /* What was told of before the restart is not told of again: at most the new start is. */
        clean(&f);
        assert_true(w.n_starts <= starts + 1);
        fixture_close(&f);
}

/* Whatever is under way can be cancelled, at any point of it. */
static void test_cancel(void **state)
{
        Fixture f = fixture_open(docker_socket, "arktest");
        Outcome first = {};

        prepare(&f, &first);
        for (unsigned steps = 0; steps < 12; steps++) {
                Outcome o[3] = {};
                Pending *p[3];

                assert_int_equal(f.port->vtable->remove_network(
                                                 f.port, "arktest_net", TIMEOUT, outcome_done, &o[0], &p[0]),
                                0);
                assert_int_equal(f.port->vtable->list_resources(
                                                 f.port, TIMEOUT, outcome_resources, &o[1], &p[1]),
                                0);
                assert_int_equal(f.port->vtable->container_logs(f.port, "arktest_none", 1, TIMEOUT,
                                                 outcome_text, &o[2], &p[2]),
                                0);
                for (unsigned i = 0; i < steps; i++)
                        assert_true(sd_event_run(f.event, 0) >= 0);
                for (size_t i = 0; i < ELEMENTSOF(p); i++)
                        if (!o[i].ended)
                                pending_cancel(p[i]);
        }
        clean(&f);
        fixture_close(&f);
}

static void test_absent(void **state)
{
        Fixture f = fixture_open("/nonexistent/docker.sock", "arktest");
        Outcome o = {};

        assert_int_equal(CALL(&f, &o, list_resources, TIMEOUT, outcome_resources), -ENOTCONN);
        assert_non_null(strstr(o.reason, "/nonexistent/docker.sock"));
        assert_non_null(strstr(o.reason, "No such file"));
        assert_false(f.port->vtable->is_connected(f.port));
        fixture_close(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_absent),
                cmocka_unit_test(test_networks),
                cmocka_unit_test(test_volumes),
                cmocka_unit_test(test_late_volume),
                cmocka_unit_test(test_stopped_before),
                cmocka_unit_test(test_long_lines),
                cmocka_unit_test(test_giving),
                cmocka_unit_test(test_containers),
                cmocka_unit_test(test_by_hand),
                cmocka_unit_test(test_listeners),
                cmocka_unit_test(test_pulls),
                cmocka_unit_test(test_shared_pull),
                cmocka_unit_test(test_cancel),
                cmocka_unit_test(test_restart),
        };

        docker_socket = getenv("ARK_TEST_DOCKER");
        registry = getenv("ARK_TEST_REGISTRY");
        if (!docker_socket || !registry)
                return 77;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
