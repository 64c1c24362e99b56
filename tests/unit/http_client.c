/* SPDX-License-Identifier: MIT */
#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "starve.h"

#define WAIT_USEC (20 * USEC_PER_SEC)

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        (void) fprintf(stderr, "%s: %s\n", what, strerror(errno));
        abort();
}

static struct sockaddr_un socket_path(Fixture *f, ListenerKind listener)
{
        struct sockaddr_un sun = { .sun_family = AF_UNIX };

        (void) snprintf(sun.sun_path, sizeof sun.sun_path, "%s/%s", f->directory,
                        listener_kind_to_string(listener));
        return sun;
}

static void listen_unix(Fixture *f, ListenerKind kind)
{
        struct sockaddr_un sun = socket_path(f, kind);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        must(bind(fd, (struct sockaddr *) &sun, sizeof sun) == 0 && listen(fd, 4096) == 0, "listen");
        must(http_server_add_listener(f->server, kind, fd) == 0, "add listener");
}

static void listen_local(Fixture *f)
{
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof in;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        must(bind(fd, (struct sockaddr *) &in, sizeof in) == 0 && listen(fd, 4096) == 0, "listen");
        must(getsockname(fd, (struct sockaddr *) &in, &n) == 0, "getsockname");
        f->local_port = ntohs(in.sin_port);
        must(http_server_add_listener(f->server, LISTENER_LOCAL, fd) == 0, "add listener");
}

int fixture_setup(void **state)
{
        char *hosts[] = { (char *) "ark.tail1234.ts.net", NULL };
        AuthSettings settings = {
                .admin_token = ADMIN_TOKEN,
                .proxy_key = PROXY_KEY,
                .instance_pool = "10.231.0.0/16",
                .base_url = "https://deploy.example.com/",
                .allowed_hosts = hosts,
        };
        Fixture *f = new0(Fixture, 1);

        must(f != NULL, "fixture");
        (void) snprintf(f->directory, sizeof f->directory, "/tmp/ark-http-XXXXXX");
        must(mkdtemp(f->directory) != NULL, "mkdtemp");
        must(sd_event_new(&f->event) >= 0, "event");
        fake_manager_init(&f->manager, f->event);
        must(http_server_new(f->event, &f->manager, &settings, &f->server) >= 0, "server");
        listen_unix(f, LISTENER_PUBLIC);
        listen_unix(f, LISTENER_ADMIN);
        listen_local(f);
        *state = f;
        return 0;
}

int fixture_teardown(void **state)
{
        static const ListenerKind unix_kinds[] = { LISTENER_PUBLIC, LISTENER_ADMIN };
        Fixture *f = *state;

        http_server_free(f->server);
        sd_event_unref(f->event);
        for (size_t i = 0; i < ELEMENTSOF(unix_kinds); i++) {
                struct sockaddr_un sun = socket_path(f, unix_kinds[i]);

                (void) unlink(sun.sun_path);
        }
        (void) rmdir(f->directory);
        free(f);
        return 0;
}

Client *client_new(Fixture *f, ListenerKind listener)
{
        struct sockaddr_un sun = socket_path(f, listener);
        struct sockaddr_in in = {
                .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                .sin_port = htons((uint16_t) f->local_port),
        };
        Client *c = new0(Client, 1);
        bool local = listener == LISTENER_LOCAL;
        int r;

        must(c != NULL, "client");
        c->fixture = f;
        c->fd = socket(local ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        r = local ? connect(c->fd, (struct sockaddr *) &in, sizeof in)
                  : connect(c->fd, (struct sockaddr *) &sun, sizeof sun);
        must(r == 0, "connect");
        must(fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0, "nonblock");
        return c;
}

Client *client_free(Client *c)
{
        if (!c)
                return NULL;
        close_fd(c->fd);
        free(c->text);
        free(c);
        return NULL;
}

static void client_read(Client *c)
{
        for (;;) {
                char buffer[16384];
                ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);

                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0) {
                        c->ended = true;
                        return;
                }
                c->text = realloc(c->text, c->n + (size_t) n + 1);
                must(c->text != NULL, "memory");
                memcpy(c->text + c->n, buffer, (size_t) n);
                c->n += (size_t) n;
                c->text[c->n] = 0;
        }
}

static void fixture_turn(Fixture *f)
{
        INSIDE;

        if (sd_event_get_state(f->event) == SD_EVENT_FINISHED)
                return;
        must(sd_event_run(f->event, USEC_PER_MSEC) >= 0, "event loop");
}

void fixture_run(Fixture *f, unsigned ms)
{
        uint64_t end = now_monotonic() + ms * USEC_PER_MSEC;

        while (now_monotonic() < end)
                fixture_turn(f);
}

void client_send(Client *c, const char *bytes, size_t n)
{
        uint64_t end = now_monotonic() + WAIT_USEC;

        while (n > 0 && !c->ended && now_monotonic() < end) {
                ssize_t k = send(c->fd, bytes, n, MSG_NOSIGNAL);

                if (k > 0) {
                        bytes += k;
                        n -= (size_t) k;
                } else if (errno != EAGAIN)
                        break;
                fixture_turn(c->fixture);
                client_read(c);
        }
}

bool client_wait(Client *c, const char *text)
{
        uint64_t end = now_monotonic() + WAIT_USEC;

        while (!c->ended && now_monotonic() < end) {
                if (text && c->text && strstr(c->text, text))
                        return true;
                fixture_turn(c->fixture);
                client_read(c);
        }
        return text && c->text && strstr(c->text, text);
}

int ask(Client *c, const char *method, const char *target, const char *headers, const char *body)
{
        _cleanup_free_ char *head = NULL, *length = NULL;

        length = body ? str_printf("Content-Length: %zu\r\n", strlen(body)) : strdup("");
        head = str_printf(
                        "%s %s HTTP/1.1\r\nConnection: close\r\n%s%s\r\n", method, target, headers, length);
        must(head && length, "memory");
        client_send(c, head, strlen(head));
        if (body)
                client_send(c, body, strlen(body));
        (void) client_wait(c, NULL);
        return c->text && startswith(c->text, "HTTP/1.1 ") ? atoi(c->text + 9) : -1;
}

int ask_once(Fixture *f, ListenerKind listener, const char *method, const char *target, const char *headers,
                const char *body, char **ret_answer)
{
        _cleanup_(client_freep) Client *c = client_new(f, listener);
        int status = ask(c, method, target, headers, body);

        if (ret_answer)
                *ret_answer = TAKE_PTR(c->text);
        return status;
}
