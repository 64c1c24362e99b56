/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/registry/context.h"
#include "fake_core.h"
#include "http/server.h"

/* A real HttpServer over a fake core, on sockets of its own, and a client for it in the same thread: whoever waits
 * runs the loop, unless that has ended. */
typedef struct Fixture {
        sd_event *event;
        Manager manager;
        HttpServer *server;
        char directory[32];
        int local_port;
} Fixture;

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* What the settings of the fixture are. */
#define ADMIN_TOKEN "the-admin-token"
#define PROXY_KEY   "the-proxy-key"
#define AS_ADMIN    "Authorization: Bearer " ADMIN_TOKEN "\r\n"
#define BY_PROXY(address)                                                                                   \
        "X-Ark-Proxy-Key: " PROXY_KEY "\r\nX-Ark-Peer-Address: " address "\r\nX-Ark-Peer-Port: 40000\r\n"
#define FROM_LAN "Host: localhost:3000\r\n" BY_PROXY("192.168.7.9")
#define JSON     "Content-Type: application/json\r\n"

typedef struct Client {
        Fixture *fixture;
        int fd;
        char *text; /* all that has come */
        size_t n;
        bool ended; /* by the server */
} Client;

Client *client_new(Fixture *fixture, ListenerKind listener);
Client *client_free(Client *client);
DEFINE_CLEANUP_FUNC(Client, client_free);

void client_send(Client *client, const char *bytes, size_t n);
/* Runs the loop and reads, until text has come or the server ends the connection; true where it has come. */
bool client_wait(Client *client, const char *text);
/* Runs the loop for that many milliseconds. */
void fixture_run(Fixture *fixture, unsigned ms);

/* One call on a connection of its own: status, and the whole answer as the client's text. headers end each in CR LF;
 * body may be NULL. */
int ask(Client *client, const char *method, const char *target, const char *headers, const char *body);
int ask_once(Fixture *fixture, ListenerKind listener, const char *method, const char *target,
                const char *headers, const char *body, char **ret_answer);
