/* SPDX-License-Identifier: MIT */

/*
 * What a container listens on. The kernel tells, in a file that only those within the container have: neither the engine's
 * archives, which show its disk, nor arkd, which sees nobody else's processes, get at it. So the container's own cat is
 * asked; an image without one keeps it to itself.
 */

#include "engine/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "engine/renamed.h"

#define STATE_LISTENS 0x0A
/* A few hundred connections; whatever is more is not read. */
#define TEXT_MAX ((size_t) 64 * 1024)
/* Docker's, on a port of its choice. */
#define NAME_SERVER "127.0.0.11"

typedef struct ListenersTask {
        EngineTask task;
        char *text;
        size_t n;
        ListenersDone on_listeners;
} ListenersTask;

/* ---- The kernel's table ---- */

/* Words of 32 bits, each as this machine reads it. */
static bool read_words(const char *hex, size_t n_words, uint32_t *ret)
{
        for (size_t i = 0; i < n_words; i++)
                if (sscanf(hex + 8 * i, "%8" SCNx32, ret + i) != 1)
                        return false;
        return true;
}

/* An address in words; "" where it stands for all. */
static bool read_address(const char *hex, char ret[INET6_ADDRSTRLEN])
{
        static const uint32_t any[4] = { 0 };
        const size_t n = strlen(hex) / 8;
        uint32_t words[4];

        if ((n != 1 && n != 4) || strlen(hex) % 8 != 0 || !read_words(hex, n, words))
                return false;
        *ret = '\0';
        if (memcmp(words, any, n * sizeof *words) == 0)
                return true;
        /* Of IPv4, written as IPv6. */
        if (n == 4 && words[0] == 0 && words[1] == 0 && words[2] == htonl(0xFFFF))
                return words[3] == 0 || inet_ntop(AF_INET, words + 3, ret, INET6_ADDRSTRLEN);
        return inet_ntop(n == 1 ? AF_INET : AF_INET6, words, ret, INET6_ADDRSTRLEN);
}

/* "   0: 0100007F:0BB8 00000000:0000 0A …" */
static bool read_line(const char *line, Listener *ret)
{
        char address[33];
        unsigned port, state;

        if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%4x %*32[0-9A-Fa-f]:%*4x %2x", address, &port, &state) != 3)
                return false;
        ret->port = (uint16_t) port;
        return state == STATE_LISTENS && read_address(address, ret->address) &&
               !streq(ret->address, NAME_SERVER);
}

/* On all addresses is more than on one. */
static size_t add_listener(Listener *all, size_t n, const Listener *one)
{
        for (size_t i = 0; i < n; i++)
                if (all[i].port == one->port) {
                        if (!*one->address)
                                *all[i].address = '\0';
                        return n;
                }
        if (n == LISTENERS_MAX)
                return n;
        all[n] = *one;
        return n + 1;
}

size_t engine_listeners_parse(const char *text, Listener ret[LISTENERS_MAX])
{
        size_t n = 0;

        for (const char *line = text; line; line = strchr(line, '\n')) {
                Listener one;

                line += *line == '\n';
                if (read_line(line, &one))
                        n = add_listener(ret, n, &one);
        }
        return n;
}

/* ---- Asking ---- */

static void listeners_release(EngineTask *t)
{
        free(container_of(t, ListenersTask, task)->text);
}

static void listeners_end(EngineTask *t, int error, const char *reason)
{
        container_of(t, ListenersTask, task)->on_listeners(error, reason, NULL, 0, t->userdata);
}

static int on_data(const char *data, size_t n, void *userdata)
{
        ListenersTask *l = container_of((EngineTask *) userdata, ListenersTask, task);
        char *grown = n > TEXT_MAX - l->n ? NULL : realloc(l->text, l->n + n + 1);

        if (!grown)
                return n > TEXT_MAX - l->n ? -EMSGSIZE : -ENOMEM;
        memcpy(grown + l->n, data, n);
        l->text = grown;
        l->n += n;
        l->text[l->n] = '\0';
        return 0;
}

/* The table has a head, without which it is something else: why there is no cat, for instance. */
static void on_text(EngineTask *t, const EngineReply *reply)
{
        ListenersTask *l = container_of(t, ListenersTask, task);
        Listener listeners[LISTENERS_MAX];

        if (reply->error < 0 || !l->text || !strstr(l->text, "local_address")) {
                engine_task_fail(t, reply->error < 0 ? reply->error : -EOPNOTSUPP,
                                "does not tell what it listens on", reply->message);
                return;
        }
        l->on_listeners(0, NULL, listeners, engine_listeners_parse(l->text, listeners), t->userdata);
        (void) engine_task_free(t);
}

static int run_cat(EngineTask *t, const char *id)
{
        _cleanup_json_ struct json_object *body = json_tokener_parse("{\"Detach\": false, \"Tty\": true}");

        if (!body)
                return -ENOMEM;
        t->on_data = on_data;
        return engine_task_request(t, "POST", body, on_text, "/exec/%s/start", id);
}

static bool is_exec_id(const char *id)
{
        return *id && strspn(id, "0123456789abcdef") == strlen(id);
}

static void on_prepared(EngineTask *t, const EngineReply *reply)
{
        const char *id = "";

        if (reply->error < 0 || json_get_string(reply->json, "Id", &id) < 0 || !is_exec_id(id))
                engine_task_fail(t, reply->error < 0 ? reply->error : -EPROTO,
                                "cannot be asked what it listens on", reply->message);
        else
                engine_task_check(t, run_cat(t, id));
}

/* On a terminal its output comes as it is, not in frames. */
static int listeners_begin(EngineTask *t)
{
        _cleanup_json_ struct json_object *body =
                        json_tokener_parse("{\"AttachStdout\": true, \"Tty\": true, \"Cmd\": "
                                           "[\"cat\", \"/proc/net/tcp\", \"/proc/net/tcp6\"]}");

        return body ? engine_task_request(t, "POST", body, on_prepared, "/containers/%s/exec", t->name)
                    : -ENOMEM;
}

static const EngineTaskClass listeners_class = {
        .size = ENGINE_TASK_SIZE(ListenersTask),
        .about = "container",
        .search = engine_task_search,
        .begin = listeners_begin,
        .end = listeners_end,
        .release = listeners_release,
};

int engine_container_listeners(EngineClient *c, const char *name, uint64_t timeout_usec, ListenersDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&listeners_class, c, name, timeout_usec, NULL, userdata, &t);
        if (r < 0)
                return r;
        container_of(t, ListenersTask, task)->on_listeners = done;
        return engine_task_start(t, 0, ret_pending);
}
