/* SPDX-License-Identifier: MIT */
#include "canned_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/json-util.h"
#include "basic/string-util.h"
#include "core/names.h"
#include "engine/tar.h"
#include "starve.h"

#define REQUEST_MAX 16384

typedef struct CannedConnection {
        CannedEngine *engine;
        sd_event_source *source;
        int fd;
        char request[REQUEST_MAX];
        size_t n;
        struct CannedConnection *next;
} CannedConnection;

/* ---- What it says ------------------------------------------------------------------------------------------ */

static void say(CannedConnection *c, const char *text, size_t n)
{
        (void) send(c->fd, text, n, MSG_NOSIGNAL); /* the client may have hung up */
}

static void reply(CannedConnection *c, const char *status, const char *body, size_t n)
{
        _cleanup_free_ char *head = str_printf(
                        "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                        status, n);

        assert_non_null(head);
        say(c, head, strlen(head));
        say(c, body, n);
}

static void reply_json(CannedConnection *c, const char *status, const char *json)
{
        reply(c, status, json, strlen(json));
}

static void reply_nothing(CannedConnection *c)
{
        say(c, "HTTP/1.1 204 No Content\r\n\r\n", 27);
}

static void reply_absent(CannedConnection *c)
{
        reply_json(c, "404 Not Found", "{\"message\":\"No such thing\"}");
}

static void reply_stream(CannedConnection *c)
{
        static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

        say(c, head, sizeof(head) - 1);
}

/* ---- What it has ------------------------------------------------------------------------------------------- */

void canned_thing_set(CannedThing *thing, const char *body)
{
        free(thing->body);
        thing->body = body ? strdup(body) : NULL;
        assert_true(!body || thing->body);
        thing->started = false;
}

static struct json_object *parse(const char *text)
{
        struct json_object *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &json, NULL), 0);
        return json;
}

static void set(struct json_object *o, const char *name, struct json_object *value)
{
        assert_int_equal(json_set(o, name, value), 0);
}

/* As inspected: what it was made from, and what an engine knows beyond that. */
static struct json_object *describe_network(const CannedEngine *e)
{
        struct json_object *o = parse(e->network.body);

        set(o, "Id", json_object_new_string("abc"));
        set(o, "Containers", parse(e->container.body ? "{\"def\":{\"Name\":\"client_a\"}}" : "{}"));
        return o;
}

static struct json_object *describe_container(const CannedEngine *e)
{
        struct json_object *o = parse("{\"Id\":\"def\",\"RestartCount\":2,\"HostConfig\":{\"Memory\":1000},"
                                      "\"NetworkSettings\":{}}"),
                           *body = parse(e->container.body);

        set(o, "Config", json_object_get(body));
        set(o, "State",
                        parse(e->container.started ? "{\"Running\":true,\"StartedAt\":"
                                                     "\"2026-11-24T15:40:01.5Z\"}"
                                                   : "{\"Running\":false,\"ExitCode\":3}"));
        set(json_get(o, "NetworkSettings"), "Networks",
                        parse(e->joined ? "{\"n1\":{\"IPAddress\":\"10.0.0.2\"},\"n2\":{\"IPAddress\":\"\"}}"
                                        : "{\"n1\":{\"IPAddress\":\"10.0.0.2\"}}"));
        json_object_put(body);
        return o;
}

static void make(CannedConnection *c, CannedThing *thing, const char *body)
{
        if (thing->body) {
                reply_json(c, "409 Conflict", "{\"message\":\"The name is in use\"}");
                return;
        }
        canned_thing_set(thing, body);
        thing->n_made++;
        reply_json(c, "201 Created", "{\"Id\":\"abc\"}");
}

static void take_away(CannedConnection *c, CannedThing *thing)
{
        if (!thing->body) {
                reply_absent(c);
                return;
        }
        canned_thing_set(thing, NULL);
        thing->n_removed++;
        reply_nothing(c);
}

static void show(CannedConnection *c, struct json_object *o)
{
        reply_json(c, "200 OK", json_text(o));
        json_object_put(o);
}

/* ---- What it is asked -------------------------------------------------------------------------------------- */

static void answer_list(CannedConnection *c, const CannedThing *thing, const char *name, bool of_volumes)
{
        struct json_object *list = json_object_new_array(), *all = json_object_new_object();

        if (thing->body) {
                struct json_object *o = parse(thing->body), *names = json_object_new_array();

                assert_int_equal(json_append(names, json_object_new_string("/client_a")), 0);
                set(o, "Names", names);
                set(o, "Name", json_object_new_string(name));
                set(o, "State", json_object_new_string(thing->started ? "running" : "exited"));
                assert_int_equal(json_append(list, o), 0);
        }
        set(all, "Volumes", json_object_get(list));
        show(c, json_object_get(of_volumes ? all : list));
        json_object_put(list);
        json_object_put(all);
}

static void answer_pull(CannedConnection *c)
{
        static const char documents[] =
                        "{\"status\":\"Pulling from x\",\"id\":\"1\"}\r\n"
                        "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":5,\"total\":9},"
                        "\"id\":\"aaa\"}\r\n"
                        "{\"status\":\"Pull complete\",\"progressDetail\":{},\"id\":\"aaa\"}\r\n";

        c->engine->image = true;
        reply(c, "200 OK", documents, sizeof(documents) - 1);
}

static void answer_logs(CannedConnection *c)
{
        static const char frames[] = "\1\0\0\0\0\0\0\6T one\n"
                                     "\2\0\0\0\0\0\0\5U two";

        reply(c, "200 OK", frames, sizeof(frames) - 1);
}

static void answer_stats(CannedConnection *c)
{
        reply_json(c, "200 OK",
                        "{\"read\":\"2026-11-24T15:40:02.5Z\",\"pids_stats\":{\"current\":12},"
                        "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":7}},\"memory_stats\":{\"usage\":4000}"
                        "}");
}

/* Of a folder with more in it than is read, after attributes that are not. */
static void answer_archive(CannedConnection *c)
{
        char archive[2 * 512 + ENGINE_TAR_SIZE + 4096] = "";
        const TarFolder folder = { .mode = 0755, .filled = true };

        (void) engine_tar_write_folder("attributes", &folder, archive);
        archive[156] = 'x';
        (void) strcpy(archive + 124, "00000000100");
        assert_int_equal(engine_tar_write_folder("data", &folder, archive + 1024), 0);
        archive[1024 + 512] = 'f';
        reply(c, "200 OK", archive, sizeof archive);
}

static void answer_container(CannedConnection *c, const char *method, const char *what)
{
        CannedEngine *e = c->engine;

        if (!e->container.body)
                reply_absent(c);
        else if (streq(method, "DELETE")) {
                e->joined = false;
                take_away(c, &e->container);
        } else if (startswith(what, "json"))
                show(c, describe_container(e));
        else if (startswith(what, "logs"))
                answer_logs(c);
        else if (startswith(what, "stats"))
                answer_stats(c);
        else if (startswith(what, "exec"))
                reply_json(c, "201 Created", "{\"Id\":\"abc\"}");
        else if (startswith(what, "archive?path=%2Fdata&"))
                reply_json(c, "200 OK", "");
        else if (startswith(what, "archive?path=%2Fdata"))
                answer_archive(c);
        else if (startswith(what, "start") || startswith(what, "restart")) {
                e->container.started = true;
                reply_nothing(c);
        } else if (startswith(what, "stop")) {
                e->container.started = false;
                reply_nothing(c);
        } else
                fail_msg("asked for %s of a container", what);
}

static void answer_network(CannedConnection *c, const char *method, const char *what)
{
        CannedEngine *e = c->engine;

        if (!e->network.body && !startswith(what, "connect"))
                reply_absent(c);
        else if (streq(method, "DELETE"))
                take_away(c, &e->network);
        else if (startswith(what, "connect")) {
                e->joined = true;
                reply_json(c, "200 OK", "");
        } else if (startswith(what, "disconnect"))
                reply_json(c, "200 OK", "");
        else
                show(c, describe_network(e));
}

static void answer_volume(CannedConnection *c, const char *method)
{
        CannedThing *volume = &c->engine->volume;

        if (!volume->body)
                reply_absent(c);
        else if (streq(method, "DELETE"))
                take_away(c, volume);
        else
                reply_json(c, "200 OK", volume->body);
}

/* What follows the name in "/containers/NAME/what": "" where there is nothing. */
static const char *behind_name(const char *name)
{
        const char *slash = strchr(name, '/');

        return slash ? slash + 1 : "";
}

static void answer_versioned(CannedConnection *c, const char *method, const char *path, const char *body)
{
        CannedEngine *e = c->engine;
        const char *rest;

        if (startswith(path, "/info"))
                reply_json(c, "200 OK",
                                "{\"CgroupDriver\":\"systemd\",\"LoggingDriver\":\"json-file\",\"Plugins\":{"
                                "\"Log\":"
                                "[\"journald\"]}}");
        else if (startswith(path, "/system/df?"))
                reply_json(c, "200 OK",
                                "{\"Containers\":[{\"Names\":[\"/client_a\"],\"SizeRw\":5,\"Labels\":{"
                                "\"" ARK_LABEL_DEPLOYMENT "\":\"d\"}}],\"Volumes\":null}");
        else if (startswith(path, "/_ping"))
                reply_json(c, "200 OK", "OK");
        else if (startswith(path, "/events?"))
                reply_stream(c);
        else if (startswith(path, "/exec/abc/start"))
                reply_json(c, "200 OK",
                                "  sl  local_address rem_address   st\r\n   0: 00000000:0BB8 00000000:0000 "
                                "0A");
        else if (startswith(path, "/images/create?"))
                answer_pull(c);
        else if (startswith(path, "/images/") && e->image)
                reply_json(c, "200 OK", "{\"Id\":\"sha256:1\"}");
        else if (startswith(path, "/images/"))
                reply_absent(c);
        else if (startswith(path, "/containers/json?"))
                answer_list(c, &e->container, "client_a", false);
        else if (startswith(path, "/networks?"))
                answer_list(c, &e->network, "client_a-net", false);
        else if (startswith(path, "/volumes?"))
                answer_list(c, &e->volume, "client_a-data", true);
        else if (startswith(path, "/containers/create?"))
                make(c, &e->container, body);
        else if (startswith(path, "/networks/create"))
                make(c, &e->network, body);
        else if (startswith(path, "/volumes/create")) {
                if (!e->volume.body) {
                        canned_thing_set(&e->volume, body);
                        e->volume.n_made++;
                }
                reply_json(c, "201 Created", e->volume.body);
        } else if ((rest = startswith(path, "/containers/")))
                answer_container(c, method, behind_name(rest));
        else if ((rest = startswith(path, "/networks/")))
                answer_network(c, method, behind_name(rest));
        else if (startswith(path, "/volumes/"))
                answer_volume(c, method);
        else
                fail_msg("asked for %s", path);
}

static void answer(CannedConnection *c, char *head, const char *body)
{
        char *method = strtok(head, " "), *path = strtok(NULL, " ");
        const char *versioned = startswith(path, "/v1.41");

        c->engine->n_requests++;
        if (streq(path, "/version"))
                reply_json(c, "200 OK", "{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
        else if (versioned)
                answer_versioned(c, method, versioned, body);
        else
                fail_msg("asked for %s", path);
}

/* ---- Its socket -------------------------------------------------------------------------------------------- */

static void hang_up(CannedConnection *c)
{
        CannedConnection **p = &c->engine->connections;

        while (*p != c)
                p = &(*p)->next;
        *p = c->next;
        (void) sd_event_source_disable_unref(c->source);
        (void) close(c->fd);
        free(c);
}

static int on_request(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        CannedConnection *c = userdata;
        const char *length;
        ssize_t got;
        size_t want;
        char *end;
        OUTSIDE;

        got = recv(fd, c->request + c->n, sizeof(c->request) - 1 - c->n, MSG_DONTWAIT);
        if (got <= 0) {
                hang_up(c);
                return 0;
        }
        c->n += (size_t) got;
        c->request[c->n] = '\0';
        end = strstr(c->request, "\r\n\r\n");
        if (!end)
                return 0;
        length = strcasestr(c->request, "\r\nContent-Length: ");
        want = length && length < end ? strtoul(length + 18, NULL, 10) : 0;
        if (c->n < (size_t) (end + 4 - c->request) + want)
                return 0;
        c->n = 0;
        *end = '\0';
        answer(c, c->request, end + 4);
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        CannedEngine *e = userdata;
        CannedConnection *c;
        OUTSIDE;

        c = new0(CannedConnection, 1);
        assert_non_null(c);
        c->engine = e;
        c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        assert_true(c->fd >= 0);
        c->next = e->connections;
        e->connections = c;
        assert_true(sd_event_add_io(e->event, &c->source, c->fd, EPOLLIN, on_request, c) >= 0);
        return 0;
}

void canned_engine_open(CannedEngine *e, sd_event *event)
{
        struct sockaddr_un sa = { .sun_family = AF_UNIX };

        *e = (CannedEngine){ .folder = "/tmp/ark-engine-XXXXXX", .event = event };
        assert_non_null(mkdtemp(e->folder));
        (void) snprintf(e->path, sizeof(e->path), "%s/socket", e->folder);
        (void) snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", e->path);
        e->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(e->fd >= 0);
        assert_int_equal(bind(e->fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        assert_int_equal(listen(e->fd, 64), 0);
        assert_true(sd_event_add_io(event, &e->source, e->fd, EPOLLIN, on_connection, e) >= 0);
}

void canned_engine_close(CannedEngine *e)
{
        while (e->connections)
                hang_up(e->connections);
        (void) sd_event_source_disable_unref(e->source);
        (void) close(e->fd);
        canned_thing_set(&e->container, NULL);
        canned_thing_set(&e->network, NULL);
        canned_thing_set(&e->volume, NULL);
        (void) unlink(e->path);
        (void) rmdir(e->folder);
}
