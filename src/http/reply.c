/* SPDX-License-Identifier: MIT */
#include "http/reply.h"

#include <stdio.h>

#include "basic/json-util.h"
#include "basic/string-util.h"
#include "core/verbs/request.h"

#define RETRY_AFTER_UNAVAILABLE_S 5

void reply_add_header(struct MHD_Response **response, const char *name, const char *value)
{
        if (!*response || !value || MHD_add_response_header(*response, name, value) == MHD_YES)
                return;
        MHD_destroy_response(*response);
        *response = NULL;
}

void reply_add_common(struct MHD_Response **response, const char *type)
{
        reply_add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        reply_add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        reply_add_header(response, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
        reply_add_header(response, "X-Content-Type-Options", "nosniff");
        reply_add_header(response, "Referrer-Policy", "no-referrer");
}

struct MHD_Response *reply_new(const char *text, const char *type)
{
        struct MHD_Response *response = MHD_create_response_from_buffer(
                        text ? strlen(text) : 0, (void *) (text ? text : ""), MHD_RESPMEM_MUST_COPY);

        reply_add_common(&response, type);
        return response;
}

static char *document_text(struct json_object *document)
{
        const char *text = document ? json_text(document) : "{}";

        return text ? str_printf("%s\n", text) : NULL;
}

void reply_json(MhdExchange *exchange, unsigned status, struct json_object *body, const char *location)
{
        _cleanup_free_ char *text = document_text(body);
        struct MHD_Response *response = text ? reply_new(text, "application/json") : NULL;

        reply_add_header(&response, MHD_HTTP_HEADER_LOCATION, location);
        mhd_exchange_reply(exchange, status, response);
}

static struct json_object *problem_to_json(const Problem *problem)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_set_string(o, "type", "about:blank") < 0 ||
                        json_set_string(o, "title", MHD_get_reason_phrase_for(problem->status)) < 0 ||
                        json_set_u64(o, "status", problem->status) < 0 ||
                        json_set_string(o, "detail", problem->reason) < 0)
                return NULL;
        if (problem->field && json_set_string(o, "field", problem->field) < 0)
                return NULL;
        if (json_set_string(o, "reason", problem->reason) < 0)
                return NULL;
        return TAKE_PTR(o);
}

static unsigned problem_retry_after(const Problem *problem)
{
        if (problem->retry_after_s > 0)
                return problem->retry_after_s;
        return problem->status == MHD_HTTP_SERVICE_UNAVAILABLE ? RETRY_AFTER_UNAVAILABLE_S : 0;
}

void reply_problem(MhdExchange *exchange, const Problem *problem)
{
        _cleanup_json_ struct json_object *body = problem_to_json(problem);
        _cleanup_free_ char *text = body ? document_text(body) : NULL;
        struct MHD_Response *response = text ? reply_new(text, "application/problem+json") : NULL;
        unsigned retry_after = problem_retry_after(problem);
        char number[16];

        (void) snprintf(number, sizeof number, "%u", retry_after);
        reply_add_header(&response, MHD_HTTP_HEADER_RETRY_AFTER, retry_after ? number : NULL);
        reply_add_header(&response, MHD_HTTP_HEADER_ALLOW, problem->allow);
        if (problem->status == MHD_HTTP_UNAUTHORIZED)
                reply_add_header(&response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
        mhd_exchange_reply(exchange, problem->status, response);
}

static unsigned status_of_fault(Fault fault)
{
        static const unsigned statuses[_FAULT_MAX] = {
                [FAULT_NONE] = MHD_HTTP_OK,
                [FAULT_INVALID_ARGUMENT] = MHD_HTTP_BAD_REQUEST,
                [FAULT_UNAUTHENTICATED] = MHD_HTTP_UNAUTHORIZED,
                [FAULT_ACCESS_DENIED] = MHD_HTTP_FORBIDDEN,
                [FAULT_NO_SUCH_PRODUCT] = MHD_HTTP_NOT_FOUND,
                [FAULT_NO_SUCH_INSTANCE] = MHD_HTTP_NOT_FOUND,
                [FAULT_IN_USE] = MHD_HTTP_CONFLICT,
                [FAULT_CONFLICT] = MHD_HTTP_CONFLICT,
                [FAULT_QUOTA_EXCEEDED] = MHD_HTTP_TOO_MANY_REQUESTS,
                [FAULT_ENGINE_UNAVAILABLE] = MHD_HTTP_SERVICE_UNAVAILABLE,
                [FAULT_STORE_UNAVAILABLE] = MHD_HTTP_SERVICE_UNAVAILABLE,
                [FAULT_NOT_ISOLATED] = MHD_HTTP_SERVICE_UNAVAILABLE,
                [FAULT_QUEUE_FULL] = MHD_HTTP_SERVICE_UNAVAILABLE,
                [FAULT_HOST_FULL] = MHD_HTTP_SERVICE_UNAVAILABLE,
                [FAULT_FAILED] = MHD_HTTP_INTERNAL_SERVER_ERROR,
        };

        return fault < _FAULT_MAX && statuses[fault] ? statuses[fault] : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

void reply_fault(MhdExchange *exchange, const Request *request)
{
        reply_problem(exchange,
                        &(Problem){
                                        .status = status_of_fault(request->fault),
                                        .field = request->field,
                                        .reason = request->reason ? request->reason : "Something failed.",
                                        .retry_after_s = request->retry_after_s,
                        });
}
