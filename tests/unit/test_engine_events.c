/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "core/names.h"
#include "core/ports.h"
#include "engine_fixture.h"

/*
 * The event stream against an engine that behaves badly: one that lives in the test's own loop, on a unix socket.
 * Timers and the deadlines of requests are shortened, so that nobody waits for half a minute.
 */

#define TIMERS_FASTER    100
#define DEADLINES_FASTER 10
#define CONNECTIONS_MAX  8

typedef enum Manner {
        MANNER_GOOD,
        MANNER_REFUSE, /* /events answers 500 */
        MANNER_POISON, /* /events brings what is not JSON */
        MANNER_HANG, /* takes connections, and answers nothing */
} Manner;

static struct {
        char folder[32], path[64];
        int fd;
        sd_event_source *source;
        struct {
                sd_event_source *source;
                int fd;
                char request[8192];
                size_t n;
        } connections[CONNECTIONS_MAX];
        Manner manner;
        int stream; /* the connection that has the event stream open, or -1 */
        bool upgraded; /* to one that does not speak the old version */
        unsigned n_pings, n_events, n_inspected; /* requests */
        char *filters; /* of the last one for events */
} engine;

static uint64_t pauses[64]; /* for which timers were armed again; the last ones */
static size_t n_pauses;
static uint64_t ahead; /* by how much the clock is */

uint64_t __wrap_now_monotonic(void);
uint64_t __real_now_monotonic(void);
int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);
int __real_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);
int __wrap_curl_glue_start(CurlGlue *glue, const CurlRequest *request, Pending **ret_pending);
int __real_curl_glue_start(CurlGlue *glue, const CurlRequest *request, Pending **ret_pending);

uint64_t __wrap_now_monotonic(void)
{
        return __real_now_monotonic() + ahead;
}

int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec)
{
        pauses[n_pauses++ % ELEMENTSOF(pauses)] = usec;
        return __real_sd_event_source_set_time_relative(s, usec / TIMERS_FASTER);
}

int __wrap_curl_glue_start(CurlGlue *glue, const CurlRequest *request, Pending **ret_pending)
{
        CurlRequest hurried = *request;

        if (hurried.timeout_usec != UINT64_MAX)
                hurried.timeout_usec /= DEADLINES_FASTER;
        return __real_curl_glue_start(glue, &hurried, ret_pending);
}

/* ---- The engine -------------------------------------------------------------------------------------------- */

static void say(int fd, const char *text)
{
        (void) send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void say_json(int fd, const char *json)
{
        _cleanup_free_ char *text =
                        str_printf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                                   "%zu\r\n\r\n%s",
                                        strlen(json), json);

        say(fd, text);
}

static void say_events(int fd, const char *path)
{
        const char *filters = strstr(path, "&filters=");

        engine.n_events++;
        assert_non_null(filters);
        free(engine.filters);
        engine.filters = strndup(filters + 9, strcspn(filters + 9, " "));
        if (engine.manner == MANNER_REFUSE) {
                say(fd, "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}");
                return;
        }
        say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        if (engine.manner == MANNER_POISON)
                say(fd, "4\r\n{]}\n\r\n");
        engine.stream = fd;
}

static void say_answer(int fd, const char *request)
{
        const char *path = startswith(request, "GET "), *versioned;

        assert_non_null(path);
        versioned = startswith(path, engine.upgraded ? "/v1.44" : "/v1.41");
        if (startswith(path, "/version "))
                say_json(fd, engine.upgraded ? "{\"ApiVersion\":\"1.44\",\"MinAPIVersion\":\"1.44\"}"
                                             : "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
        else if (!versioned)
                fail_msg("asked for %s", request);
        else if (startswith(versioned, "/info "))
                say_json(fd, "{\"CgroupDriver\":\"cgroupfs\",\"Plugins\":{\"Log\":[]}}");
        else if (startswith(versioned, "/_ping ")) {
                engine.n_pings++;
                say_json(fd, "OK");
        } else if (startswith(versioned, "/events?"))
                say_events(fd, path);
        else if (startswith(versioned, "/containers/"))
                engine.n_inspected++; /* and no answer */
        else
                fail_msg("asked for %s", request);
}

static void hang_up(size_t i)
{
        if (!engine.connections[i].source)
                return;
        if (engine.connections[i].fd == engine.stream)
                engine.stream = -1;
        engine.connections[i].source = sd_event_source_disable_unref(engine.connections[i].source);
        engine.connections[i].fd = close_fd(engine.connections[i].fd);
        engine.connections[i].n = 0;
}

static int on_request(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        size_t i = (size_t) userdata, n = engine.connections[i].n;
        char *request = engine.connections[i].request;
        ssize_t got = recv(fd, request + n, sizeof(engine.connections[i].request) - 1 - n, MSG_DONTWAIT);

        if (got <= 0) {
                hang_up(i);
                return 0;
        }
        n += (size_t) got;
        request[n] = '\0';
        engine.connections[i].n = strstr(request, "\r\n\r\n") ? 0 : n;
        if (engine.connections[i].n == 0 && engine.manner != MANNER_HANG)
                say_answer(fd, request);
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        size_t i = 0;
        int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        assert_true(c >= 0);
        while (i < CONNECTIONS_MAX && engine.connections[i].source)
                i++;
        assert_true(i < CONNECTIONS_MAX);
        engine.connections[i].fd = c;
        assert_true(sd_event_add_io(sd_event_source_get_event(source), &engine.connections[i].source, c,
                                    EPOLLIN, on_request, (void *) i) >= 0);
        return 0;
}

/* The client asks by itself once its loop runs, so it may be there before the engine is. */
static void engine_open(sd_event *event)
{
        struct sockaddr_un sa = { .sun_family = AF_UNIX };

        assert_true(strlen(engine.path) < sizeof(sa.sun_path));
        memcpy(sa.sun_path, engine.path, strlen(engine.path));
        engine.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(engine.fd >= 0);
        assert_int_equal(bind(engine.fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        assert_int_equal(listen(engine.fd, 16), 0);
        assert_true(sd_event_add_io(event, &engine.source, engine.fd, EPOLLIN, on_connection, NULL) >= 0);
}

/* ---- Its client ---------------------------------------------------------------------------------------------- */

typedef struct Watch {
        unsigned n_connected, n_lost, n_told;
        bool connected, lost; /* for run_until() */
        char last[64]; /* event that was told of */
} Watch;

static void on_connected(bool connected, void *userdata)
{
        Watch *w = userdata;

        if (connected) {
                w->n_connected++;
                w->connected = true;
        } else {
                w->n_lost++;
                w->lost = true;
        }
}

static void on_event(const char *instance, const char *role, const char *event, void *userdata)
{
        Watch *w = userdata;

        assert_string_equal(instance, "client_a");
        assert_null(startswith(event, "exec_"));
        (void) snprintf(w->last, sizeof(w->last), "%s", event);
        w->n_told++;
}

static Fixture start(Manner manner, Watch *w)
{
        Fixture f;

        (void) strcpy(engine.folder, "/tmp/ark-engine-XXXXXX");
        assert_non_null(mkdtemp(engine.folder));
        (void) snprintf(engine.path, sizeof(engine.path), "%s/docker.sock", engine.folder);
        engine.manner = manner;
        engine.stream = -1;
        f = fixture_open(engine.path, "arktest");
        engine_open(f.event);
        f.port->vtable->watch(f.port, on_connected, on_event, w);
        return f;
}

static void stop(Fixture *f)
{
        fixture_close(f);
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                hang_up(i);
        (void) sd_event_source_disable_unref(engine.source);
        (void) close(engine.fd);
        (void) unlink(engine.path);
        (void) rmdir(engine.folder);
        free(engine.filters);
        memset(&engine, 0, sizeof(engine));
        n_pauses = 0;
        ahead = 0;
}

static void run_turns(Fixture *f, const unsigned *count, unsigned wanted)
{
        uint64_t deadline = now_monotonic() + 20 * USEC_PER_SEC;

        while (*count < wanted) {
                assert_true(now_monotonic() < deadline);
                assert_true(sd_event_run(f->event, 100 * USEC_PER_MSEC) >= 0);
        }
}

/* How often a timer was armed for so long. */
static size_t count_pauses(uint64_t usec)
{
        size_t n = 0;

        assert_true(n_pauses <= ELEMENTSOF(pauses));
        for (size_t i = 0; i < n_pauses; i++)
                n += pauses[i] == usec;
        return n;
}

/* ---- Tests ------------------------------------------------------------------------------------------------- */

/* Whatever an engine does as soon as the stream is asked for, it is asked ever more rarely. */
static void test_broken_off(void **state)
{
        static const Manner manners[] = { MANNER_REFUSE, MANNER_POISON };

        for (size_t i = 0; i < ELEMENTSOF(manners); i++) {
                Watch w = {};
                Fixture f = start(manners[i], &w);

                run_turns(&f, &w.n_lost, 9);
                for (uint64_t pause = 100 * USEC_PER_MSEC; pause < 5 * USEC_PER_SEC; pause *= 2)
                        assert_int_equal(count_pauses(pause), 1);
                assert_int_equal(count_pauses(5 * USEC_PER_SEC), 3);
                assert_int_equal(engine.n_events, 9);
                stop(&f);
        }
}

/* One that was there for a while is asked at once. */
static void test_lost_after_a_while(void **state)
{
        Watch w = {};
        Fixture f = start(MANNER_REFUSE, &w);

        run_turns(&f, &w.n_lost, 5);
        assert_int_equal(count_pauses(100 * USEC_PER_MSEC), 1);
        engine.manner = MANNER_GOOD;
        while (engine.stream < 0)
                assert_true(sd_event_run(f.event, UINT64_MAX) >= 0);
        ahead = 6 * USEC_PER_SEC;
        (void) shutdown(engine.stream, SHUT_RDWR);
        run_turns(&f, &w.n_lost, 6);
        assert_int_equal(count_pauses(100 * USEC_PER_MSEC), 2);
        run_turns(&f, &w.n_connected, 7);
        assert_int_equal(count_pauses(3200 * USEC_PER_MSEC), 0);
        stop(&f);
}

/* An engine that hangs leaves its stream open, and is lost all the same; it comes back when it answers again. */
static void test_hung(void **state)
{
        Watch w = {};
        Fixture f = start(MANNER_GOOD, &w);
        uint64_t begun;

        run_until(&f, &w.connected);
        run_turns(&f, &engine.n_pings, 4); /* one is of the connecting */
        assert_int_equal(w.n_lost, 0);
        assert_true(count_pauses(30 * USEC_PER_SEC) >= 3);

        engine.manner = MANNER_HANG;
        begun = now_monotonic();
        run_until(&f, &w.lost);
        assert_true(now_monotonic() - begun < 10 * USEC_PER_SEC);
        assert_false(f.port->vtable->is_connected(f.port));

        engine.manner = MANNER_GOOD;
        w.connected = false;
        run_until(&f, &w.connected);
        assert_true(f.port->vtable->is_connected(f.port));
        assert_int_equal(w.n_lost, 1);
        stop(&f);
}

static void on_inspected(int error, const char *reason, const ContainerState *state, void *userdata)
{
        int *result = userdata;

        *result = error;
}

/* Replaced in the middle of it all by one that does not speak the old version any more. */
static void test_upgraded(void **state)
{
        Watch w = {};
        Fixture f = start(MANNER_GOOD, &w);
        Pending *pending;
        int result = 0;

        while (engine.stream < 0)
                assert_true(sd_event_run(f.event, UINT64_MAX) >= 0);
        for (unsigned i = 1; i <= 2; i++) {
                assert_int_equal(f.port->vtable->inspect_container(f.port, "client_a", "n", UINT64_MAX,
                                                 on_inspected, &result, &pending),
                                0);
                run_turns(&f, &engine.n_inspected, i);
                engine.upgraded = true;
                for (size_t k = 0; k < CONNECTIONS_MAX; k++)
                        hang_up(k);
                run_turns(&f, &w.n_connected, i + 1);
                assert_int_equal(result, -ENOTCONN);
                result = 0;
        }
        stop(&f);
}

/* Freed while it waits for the answer to a ping. */
static void test_freed_while_hung(void **state)
{
        Watch w = {};
        Fixture f = start(MANNER_GOOD, &w);
        bool asked = false;

        run_until(&f, &w.connected);
        while (engine.stream < 0)
                assert_true(sd_event_run(f.event, UINT64_MAX) >= 0);
        engine.manner = MANNER_HANG;
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                engine.connections[i].request[0] = '\0';
        while (!asked) {
                assert_true(sd_event_run(f.event, UINT64_MAX) >= 0);
                for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                        asked |= startswith(engine.connections[i].request, "GET /v1.41/_ping ") != NULL;
        }
        assert_int_equal(w.n_lost, 0);
        stop(&f);
}

static void tell(const char *action, unsigned nsec)
{
        _cleanup_free_ char *event = str_printf("{\"Action\":\"%s\",\"Actor\":{\"ID\":\"c\",\"Attributes\":{"
                                                "\"%s\":\"arktest\",\"%s\":\"client_a\",\"%s\":\"app\"}},"
                                                "\"timeNano\":%u}\n",
                        action, ARK_LABEL_DEPLOYMENT, ARK_LABEL_INSTANCE, ARK_LABEL_ROLE, nsec);
        _cleanup_free_ char *chunk = str_printf("%zx\r\n%s\r\n", strlen(event), event);

        say(engine.stream, chunk);
}

/* However often health checks ran meanwhile, what is told of twice is known to have been. */
static void test_told_once(void **state)
{
        Watch w = {};
        Fixture f = start(MANNER_GOOD, &w);
        int n;
        char *filters;

        while (engine.stream < 0)
                assert_true(sd_event_run(f.event, UINT64_MAX) >= 0);
        filters = curl_easy_unescape(NULL, engine.filters, 0, &n);
        assert_string_equal(filters, "{\"label\":[\"" ARK_LABEL_DEPLOYMENT "=arktest\"],"
                                     "\"type\":[\"container\"],\"event\":[\"create\",\"start\",\"die\","
                                     "\"oom\",\"destroy\",\"rename\",\"health_status\"]}");
        curl_free(filters);
        tell("start", 1);
        run_turns(&f, &w.n_told, 1);
        for (unsigned i = 2; i < 1000; i++) {
                tell(i % 2 == 0 ? "exec_create: busybox true" : "exec_die", i);
                if (i % 50 == 0)
                        assert_true(sd_event_run(f.event, UINT64_MAX) >= 0);
        }
        tell("start", 1);
        tell("die", 1000);
        run_turns(&f, &w.n_told, 2);
        tell("start", 1001);
        run_turns(&f, &w.n_told, 3);
        assert_int_equal(w.n_told, 3);
        stop(&f);
}

/* What is no text is not handed on: all that hear of events may show them. */
static void test_no_text(void **state)
{
        Watch w = {};
        Fixture f = start(MANNER_GOOD, &w);

        while (engine.stream < 0)
                assert_true(sd_event_run(f.event, UINT64_MAX) >= 0);
        tell("st\xc3", 1);
        tell("start", 2);
        run_turns(&f, &w.n_told, 1);
        assert_int_equal(w.n_told, 1);
        assert_string_equal(w.last, "start");
        stop(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_broken_off),
                cmocka_unit_test(test_lost_after_a_while),
                cmocka_unit_test(test_hung),
                cmocka_unit_test(test_upgraded),
                cmocka_unit_test(test_freed_while_hung),
                cmocka_unit_test(test_told_once),
                cmocka_unit_test(test_no_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
