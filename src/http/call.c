/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "core/job/deadline.h"
#include "core/registry/context.h"
#include "core/registry/counters.h"
#include "core/verbs/dispatch.h"
#include "core/verbs/request.h"
#include "core/verbs/verb.h"
#include "http/decode.h"
#include "http/metrics.h"
#include "http/openapi.h"
#include "http/server-internal.h"

#define DEADLINE_USEC (30 * USEC_PER_SEC)
/* Of what answers at a job's end: the step that a deletion is in when its time is over comes to its end, too. */
#define DEADLINE_JOB_USEC (REMOVAL_DEADLINE_USEC + 2 * USEC_PER_MINUTE)

static void call_free(Call *call)
{
        if (call->stream)
                stream_free(call->stream);
        request_free(call->request);
        sd_event_source_disable_unref(call->deadline);
        caller_done(&call->caller);
        LIST_REMOVE(call, list);
        free(call);
}

static void call_refuse(Call *call, unsigned status, const char *field, const char *reason)
{
        reply_problem(call->exchange, &(Problem){ .status = status, .field = field, .reason = reason });
}

/* ---- Who, where, what: each answers the call and returns false where it refuses ----------------------------- */

static AuthHeader call_header(Call *call, const char *name)
{
        AuthHeader header = { 0 };

        header.repeated = mhd_exchange_header(call->exchange, name, &header.value) == -ENOTUNIQ;
        return header;
}

static AuthPeer call_peer(Call *call)
{
        return (AuthPeer){
                .listener = call->listener->kind,
                .proxy_key = call_header(call, "X-Ark-Proxy-Key"),
                .address = call_header(call, "X-Ark-Peer-Address"),
                .port = call_header(call, "X-Ark-Peer-Port"),
                .client = call_header(call, "X-Ark-Client-Address"),
                .authorization = call_header(call, MHD_HTTP_HEADER_AUTHORIZATION),
        };
}

static bool call_check_host(Call *call)
{
        AuthHeader host = call_header(call, MHD_HTTP_HEADER_HOST);

        if (host.value && auth_host_is_allowed(call->listener->server->auth, host.value))
                return true;
        call_refuse(call, MHD_HTTP_MISDIRECTED_REQUEST, "Host",
                        "This service does not go by the name in Host. Use its address, or have the name "
                        "added to its configuration.");
        return false;
}

static bool call_check_route(Call *call, int match)
{
        char allow[ROUTE_ALLOW_MAX];

        if (match >= 0)
                return true;
        if (match == -ENOENT) {
                call_refuse(call, MHD_HTTP_NOT_FOUND, NULL, "There is nothing at this path.");
                return false;
        }
        router_allow(call->listener->server->router, call->exchange->target, allow);
        reply_problem(call->exchange,
                        &(Problem){
                                        .status = MHD_HTTP_METHOD_NOT_ALLOWED,
                                        .reason = "This path does not have that method; Allow tells which "
                                                  "it has.",
                                        .allow = allow,
                        });
        return false;
}

static bool call_check_gate(Call *call)
{
        const Action *action = call->match.route->action;

        if (gate_check(action, &call->caller, call->listener->kind) == VERDICT_ALLOW)
                return true;
        log_full(LOG_DEBUG, 0,
                        LOG_ABOUT(.caller = call->caller.identity, .origin = call->caller.origin,
                                        .action = action ? action->name : NULL,
                                        .message_id = MESSAGE_ACCESS_DENIED),
                        "%s was denied over the %s listener", action ? action->name : "A call",
                        listener_kind_to_string(call->listener->kind));
        call_refuse(call, MHD_HTTP_FORBIDDEN, NULL,
                        "This is for operators. Use the admin or the local listener, with the admin token.");
        return false;
}

static bool content_type_is_json(const char *value)
{
        size_t n = strcspn(value, "; \t");

        return n == strlen("application/json") && strncasecmp(value, "application/json", n) == 0;
}

/* What a form, a script or a name of somebody else's could make a browser send is not taken. */
static bool call_check_change(Call *call)
{
        AuthHeader type = call_header(call, MHD_HTTP_HEADER_CONTENT_TYPE);
        AuthHeader origin = call_header(call, MHD_HTTP_HEADER_ORIGIN);
        AuthHeader host = call_header(call, MHD_HTTP_HEADER_HOST);
        AuthHeader length = call_header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
        AuthHeader encoding = call_header(call, MHD_HTTP_HEADER_TRANSFER_ENCODING);
        const char *method = call->match.route->method;
        bool has_body = encoding.value || (length.value && !streq(length.value, "0"));

        if ((has_body || streq(method, "POST") || streq(method, "PUT")) &&
                        !(type.value && content_type_is_json(type.value))) {
                call_refuse(call, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "Content-Type",
                                "Send JSON, with “Content-Type: application/json”.");
                return false;
        }
        if (streq(method, "GET"))
                return true;
        if (origin.repeated ||
                        (origin.value && !auth_origin_is_own(call->listener->server->auth,
                                                         call->listener->kind, origin.value, host.value))) {
                call_refuse(call, MHD_HTTP_FORBIDDEN, "Origin",
                                "A page from elsewhere may not change anything here.");
                return false;
        }
        return true;
}

/* nginx's own questions; for anybody else there is no such path. What they say of the name is the answer. */
static bool call_check_internal(Call *call, const AuthPeer *peer)
{
        if (call->listener->kind == LISTENER_PUBLIC && auth_is_proxy(call->listener->server->auth, peer))
                return true;
        (void) call_check_route(call, -ENOENT);
        return false;
}

static void call_check(Call *call)
{
        HttpServer *server = call->listener->server;
        const char *reason = NULL;
        AuthPeer peer = call_peer(call);
        int match, who;

        match = router_match(server->router, call->exchange->method, call->exchange->target, &call->match);
        if (match == 0 && call->match.route->kind == ROUTE_HEALTH) {
                (void) call_check_host(call);
                return;
        }
        if (match == 0 && (call->match.route->kind == ROUTE_INSTANCE ||
                                          call->match.route->kind == ROUTE_HOST)) {
                (void) call_check_internal(call, &peer);
                return;
        }
        if (!call_check_attempts(call, &peer))
                return;
        who = auth_identify(server->auth, &peer, &call->caller, &reason);
        if (who == -EACCES)
                return call_refuse(call, MHD_HTTP_FORBIDDEN, NULL, reason);
        if (who < 0 && who != -ENOKEY)
                return mhd_exchange_reply(call->exchange, 0, NULL);
        if (!call_check_host(call) || !call_check_route(call, match))
                return;
        if (who == -ENOKEY) {
                call_note_wrong_token(call, &peer);
                return call_refuse(call, MHD_HTTP_UNAUTHORIZED, NULL, reason);
        }
        if (call_check_gate(call))
                (void) call_check_change(call);
}

/* ---- Running it -------------------------------------------------------------------------------------------- */

void call_abandon(Call *call, const char *reason)
{
        if (mhd_exchange_is_answered(call->exchange))
                return;
        call->request = request_free(call->request);
        call->deadline = sd_event_source_disable_unref(call->deadline);
        call_refuse(call, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, reason);
}

static int call_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        call_abandon(userdata,
                        "This took too long to answer. What was begun goes on; ask again in a while.");
        return 0;
}

/* Where a thing that was made can be found: below the collection it was posted to. NULL where nothing was made. */
static int call_location(Call *call, struct json_object *result, char **ret)
{
        const Route *route = call->match.route;
        const char *id;

        if (!streq(route->method, "POST") || strchr(route->path, '{') || !result ||
                        json_get_string(result, "id", &id) < 0) {
                *ret = NULL;
                return 0;
        }
        *ret = str_printf("%s/%s", route->path, id);
        return *ret ? 0 : -ENOMEM;
}

static void call_reply_metrics(Call *call, struct json_object *metrics)
{
        _cleanup_free_ char *text = metrics_to_text(metrics);

        mhd_exchange_reply(call->exchange, MHD_HTTP_OK, text ? reply_new(text, METRICS_TYPE) : NULL);
}

static void call_reply_openapi(Call *call)
{
        _cleanup_json_ struct json_object *document = openapi_document(call->listener->server->router);

        if (!document)
                return mhd_exchange_reply(call->exchange, 0, NULL);
        reply_json(call->exchange, MHD_HTTP_OK, document, NULL);
}

static void call_on_done(Request *request, void *userdata)
{
        Call *call = userdata;
        const Route *route = call->match.route;
        _cleanup_free_ char *location = NULL;
        const char *id;

        call->deadline = sd_event_source_disable_unref(call->deadline);
        if (request->fault == FAULT_UNAUTHENTICATED) {
                AuthPeer peer = call_peer(call);

                call_note_wrong_token(call, &peer);
        }
        if (request->fault != FAULT_NONE)
                return reply_fault(call->exchange, request);
        if (route->kind == ROUTE_EVENTS) {
                if (json_get_string(request->arguments, "id", &id) == 0)
                        events_start(call, id, &request->caller);
                return;
        }
        if (route->kind == ROUTE_METRICS)
                return call_reply_metrics(call, request->result);
        if (call_location(call, request->result, &location) < 0)
                return mhd_exchange_reply(call->exchange, 0, NULL);
        reply_json(call->exchange,
                        request->created ? MHD_HTTP_CREATED : (unsigned) route->action->http_status,
                        request->result, location);
}

/* Of a request that comes once the loop has ended: it could be begun, and its answer would never come. */
static bool call_is_too_late(Call *call)
{
        return sd_event_get_state(call->listener->server->event) == SD_EVENT_FINISHED;
}

static int call_arm_deadline(Call *call)
{
        uint64_t usec = call->match.route->action->waits_for_job ? DEADLINE_JOB_USEC : DEADLINE_USEC;

        return sd_event_add_time_relative(call->listener->server->event, &call->deadline, CLOCK_MONOTONIC,
                        usec, 100 * USEC_PER_MSEC, call_on_deadline, call);
}

static void call_run_action(Call *call)
{
        const Action *action = call->match.route->action;
        bool is_operator = call->caller.role == ROLE_OPERATOR;
        struct json_object *arguments = NULL;
        DecodeError error = { 0 };
        int r;

        if (call_is_too_late(call))
                return call_abandon(
                                call, "The service is stopping. Nothing was begun; ask again in a moment.");
        r = decode_arguments(action, &call->match, call->exchange, !is_operator, &arguments, &error);
        if (r == -EINVAL) {
                call_refuse(call, MHD_HTTP_BAD_REQUEST, error.field, error.reason);
                return decode_error_done(&error);
        }
        if (r >= 0)
                call->request = request_new(call->listener->server->manager, action, &call->caller,
                                arguments, call_on_done, call);
        if (!call->request || call_arm_deadline(call) < 0) {
                log_oom();
                return mhd_exchange_reply(call->exchange, 0, NULL);
        }
        request_dispatch(call->request);
}

void call_on_head(MhdExchange *exchange, void *userdata)
{
        HttpListener *listener = userdata;
        Call *call = new0(Call, 1);

        if (!call) {
                log_oom();
                return mhd_exchange_reply(exchange, 0, NULL);
        }
        call->listener = listener;
        call->exchange = exchange;
        exchange->userdata = call;
        LIST_INSERT_HEAD(&listener->server->calls, call, list);
        call_check(call);
}

void call_on_request(MhdExchange *exchange, void *userdata)
{
        Call *call = exchange->userdata;

        switch (call->match.route->kind) {
        case ROUTE_ACTION:
        case ROUTE_EVENTS:
        case ROUTE_METRICS:
                return call_run_action(call);
        case ROUTE_HEALTH:
                return status_reply_health(call);
        case ROUTE_OPENAPI:
                return call_reply_openapi(call);
        case ROUTE_INSTANCE:
                return status_reply_instance(call);
        case ROUTE_HOST:
                return status_reply_host(call);
        }
}

void call_on_too_large(MhdExchange *exchange, void *userdata)
{
        call_refuse(exchange->userdata, MHD_HTTP_CONTENT_TOO_LARGE, NULL, "The body is larger than 64 KiB.");
}

static HttpHandler call_handler(const Call *call)
{
        static const HttpHandler handlers[] = {
                [ROUTE_ACTION] = HTTP_API,
                [ROUTE_EVENTS] = HTTP_EVENTS,
                [ROUTE_METRICS] = HTTP_METRICS,
                [ROUTE_HEALTH] = HTTP_HEALTH,
                [ROUTE_OPENAPI] = HTTP_API,
                [ROUTE_INSTANCE] = HTTP_ROUTE,
                [ROUTE_HOST] = HTTP_ROUTE,
        };

        return call->match.route ? handlers[call->match.route->kind] : HTTP_OTHER;
}

void call_on_end(MhdExchange *exchange, void *userdata)
{
        Call *call = exchange->userdata;

        exchange->userdata = NULL;
        if (!call)
                return;
        count_http(manager_counters(call->listener->server->manager), call_handler(call),
                        exchange->response ? exchange->status : 0);
        call_free(call);
}
