/* SPDX-License-Identifier: MIT */

/*
 * Requests over HTTP, from their line, headers and body to what their verb answers: routed, decoded and run by a
 * manager on the ports of core's unit tests, which comes to rest afterwards. Libmicrohttpd's part, to split what came,
 * is done here. The input is a list of requests with lines of "%%" between them; a third word in the first line, where
 * HTTP has its version, makes it a visitor's.
 */

#include <errno.h>
#include <stdio.h>

#include "auth/gate.h"
#include "basic/json-util.h"
#include "basic/string-util.h"
#include "basic/utf8.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/verbs/dispatch.h"
#include "core/verbs/request.h"
#include "core/verbs/verb.h"
#include "core_life.h"
#include "fuzz.h"
#include "http/decode.h"
#include "http/router.h"

#define SEPARATOR    "\n%%\n"
#define REQUESTS_MAX 8U
#define TURNS_MAX    20000U
#define ID           "client_abcdefghijkl"

typedef struct Incoming {
        MhdExchange exchange;
        char *headers; /* "Name: value" in lines */
        bool visitor;
} Incoming;

static struct {
        FakePorts *ports;
        Manager *manager;
        bool answered;
} world; /* made when a request is run */

enum MHD_Result __wrap_MHD_get_connection_values_n(struct MHD_Connection *connection,
                enum MHD_ValueKind kind, MHD_KeyValueIteratorN f, void *cls);
int __wrap_mhd_exchange_header(MhdExchange *exchange, const char *name, const char **ret);

/* ---- As libmicrohttpd would ------------------------------------------------------------------------------ */

static int hex(char c)
{
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = c ? strchr(digits, c) : NULL;

        return digit ? (int) (digit - digits) % 16 : -1;
}

/* In place; answers the length. */
static size_t unescape(char *s)
{
        char *begin = s, *to = s;

        for (; *s; s++)
                if (*s == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
                        *to++ = (char) (hex(s[1]) * 16 + hex(s[2]));
                        s += 2;
                } else
                        *to++ = (char) (*s == '+' ? ' ' : *s);
        *to = '\0';
        return (size_t) (to - begin);
}

enum MHD_Result __wrap_MHD_get_connection_values_n(struct MHD_Connection *connection,
                enum MHD_ValueKind kind, MHD_KeyValueIteratorN f, void *cls)
{
        const Incoming *in = (const Incoming *) connection;
        const char *query = strchr(in->exchange.target, '?');
        _cleanup_free_ char *copy = query ? strdup(query + 1) : NULL;
        char *rest = copy, *name;

        assert(kind == MHD_GET_ARGUMENT_KIND && (copy || !query));
        while (rest && (name = strsep(&rest, "&"))) {
                char *value = strchr(name, '=');
                size_t n_name, n_value = 0;

                if (value) {
                        *value++ = '\0';
                        n_value = unescape(value);
                }
                n_name = unescape(name);
                if (f(cls, kind, name, n_name, value, n_value) != MHD_YES)
                        break;
        }
        return MHD_YES;
}

int __wrap_mhd_exchange_header(MhdExchange *exchange, const char *name, const char **ret)
{
        static char value[1024];
        const Incoming *in = container_of(exchange, Incoming, exchange);
        size_t n = strlen(name);
        unsigned n_found = 0;

        for (const char *p = in->headers; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
                if (strncasecmp(p, name, n) == 0 && p[n] == ':' && n_found++ == 0)
                        (void) snprintf(value, sizeof value, "%.*s",
                                        (int) strcspn(p + n + 1 + (p[n + 1] == ' '), "\n"),
                                        p + n + 1 + (p[n + 1] == ' '));
        *ret = value;
        return n_found == 0 ? -ENOENT : n_found > 1 ? -ENOTUNIQ : 0;
}

/* ---- The world ----------------------------------------------------------------------------------------------- */

static void make_world(void)
{
        static const char product[] =
                        "{\"id\":\"shop\",\"name\":\"Shop\",\"image\":\"example.org/shop:1\","
                        "\"database\":null,\"env\":{\"ADMIN\":\"${SECRET:admin}\"},\"credentials\":[{"
                        "\"label\":\"Login\",\"value\":\"${SECRET:admin}\"}]}";
        static const char instance[] =
                        "{\"id\":\"" ID "\",\"instance_id\":\"" ID
                        "\",\"product_id\":\"shop\",\"client_name\":"
                        "\"Acme\",\"status\":\"running\",\"phase\":\"ready\",\"progress\":1,\"message\":"
                        "\"Ready\","
                        "\"access_url\":\"http://host.example:3000/instances/" ID "/\",\"db_name\":null,"
                        "\"created_at\":\"2025-11-24T15:59:00.000000Z\",\"expires_at\":\"2025-12-24T15:59:"
                        "00.000000Z\","
                        "\"error\":null,\"timeline\":{\"queued\":0,\"ready\":9},\"subnet\":\"10.231.16.0/"
                        "28\","
                        "\"ingress_address\":\"10.231.0.4\",\"upstream\":\"10.231.0.4:80\",\"prefix\":"
                        "\"strip\","
                        "\"has_database\":false,\"kept\":false}";
        static const char secret[] = "{\"access_token\":\"QwErTyUiOpAsDfGhJkLzXcVbNm123456\",\"secrets\":{"
                                     "\"admin\":\"abcdefghijklmnopqrstuvwx\"}}";

        if (world.manager)
                return;
        world.ports = life_new();
        fake_ports_put(world.ports, STORE_PRODUCT, "shop", product, 0);
        fake_ports_put(world.ports, STORE_INSTANCE, ID, instance, 1);
        fake_ports_put(world.ports, STORE_SECRET, ID, secret, 2);
        world.manager = life_start(world.ports);
}

static void end_world(void)
{
        if (!world.manager)
                return;
        (void) life_run(world.ports, world.manager);
        life_stop(world.ports, world.manager);
        world.manager = NULL;
        life_free(world.ports);
}

/* ---- One request --------------------------------------------------------------------------------------------- */

static void check_text(const char *text)
{
        assert(text && utf8_is_valid(text, strlen(text)));
}

static void on_done(Request *request, void *userdata)
{
        assert(!world.answered);
        world.answered = true;
        if (request->field)
                check_text(request->field);
        if (request->fault != FAULT_NONE)
                check_text(request->reason);
        else if (request->result)
                check_text(json_text(request->result));
}

static void run_action(const Action *action, Caller *caller, struct json_object *arguments)
{
        Request *request;

        make_world();
        world.answered = false;
        request = request_new(world.manager, action, caller, arguments, on_done, NULL);
        assert(request);
        request_dispatch(request);
        for (unsigned n = 0; !world.answered; n++) {
                bool more = fake_ports_step(world.ports);

                assert((more || world.answered) && n < TURNS_MAX);
        }
        (void) request_free(request);
}

static void decode_and_run(Incoming *in, const RouteMatch *match)
{
        Caller caller = { .role = in->visitor ? ROLE_VISITOR : ROLE_OPERATOR, .unlimited = !in->visitor };
        _cleanup_(decode_error_done) DecodeError error = {};
        struct json_object *arguments = NULL;
        const Action *action = match->route->action;
        int r;

        if (!action || gate_check(action, &caller, in->visitor ? LISTENER_PUBLIC : LISTENER_LOCAL) !=
                                        VERDICT_ALLOW)
                return;
        r = decode_arguments(action, match, &in->exchange, in->visitor, &arguments, &error);
        if (r < 0) {
                assert(r == -EINVAL && !arguments);
                check_text(error.reason);
                if (error.field)
                        check_text(error.field);
                return;
        }
        caller.identity = strdup(in->visitor ? "addr:192.0.2.1" : "token");
        assert(caller.identity);
        run_action(action, &caller, arguments);
}

static void check_match(const Incoming *in, const RouteMatch *match)
{
        const char *end = in->exchange.target + strcspn(in->exchange.target, "?");

        for (size_t i = 0; i < match->n_parameters; i++) {
                const RouteParameter *p = &match->parameters[i];

                assert(p->n_value > 0 && p->value > in->exchange.target && p->value + p->n_value <= end);
                assert(!memchr(p->value, '/', p->n_value) && !memchr(p->value, '%', p->n_value));
        }
}

static void route(const Router *router, Incoming *in)
{
        char allow[ROUTE_ALLOW_MAX];
        RouteMatch match = {};
        int r;

        r = router_match(router, in->exchange.method, in->exchange.target, &match);
        router_allow(router, in->exchange.target, allow);
        assert((r == -ENOENT) == (allow[0] == '\0'));
        if (r < 0)
                return;
        check_match(in, &match);
        assert(strstr(allow, in->exchange.method));
        decode_and_run(in, &match);
}

/* ---- The input ------------------------------------------------------------------------------------------------- */

static void take(const Router *router, const char *data, size_t size)
{
        _cleanup_free_ char *text = strndup(data, size);
        char *rest = text, *line = strsep(&rest, "\n"), *method = strsep(&line, " "),
             *target = strsep(&line, " ");
        Incoming in = { .visitor = line != NULL };

        assert(text);
        if (!target)
                return;
        (void) snprintf(in.exchange.method, sizeof in.exchange.method, "%s", method);
        in.exchange.connection = (struct MHD_Connection *) &in;
        in.exchange.target = target;
        in.headers = rest;
        in.exchange.body = rest && rest[0] == '\n' ? rest : rest ? strstr(rest, "\n\n") : NULL;
        if (in.exchange.body) {
                in.exchange.body += in.exchange.body == rest ? 1 : 2;
                in.exchange.body[-1] = '\0';
                in.exchange.n_body = strlen(in.exchange.body);
        }
        route(router, &in);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
        const char *data = (const char *) input, *end = data + size, *stop;
        static Router *router;
        int r;

        fuzz_quiet();
        if (!router) {
                r = router_new(&router);
                assert(r >= 0);
        }
        for (unsigned n = 0; data && n < REQUESTS_MAX; n++) {
                stop = memmem(data, (size_t) (end - data), SEPARATOR, strlen(SEPARATOR));
                take(router, data, (size_t) ((stop ? stop : end) - data));
                data = stop ? stop + strlen(SEPARATOR) : NULL;
        }
        end_world();
        return 0;
}
