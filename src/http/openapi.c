/* SPDX-License-Identifier: MIT */
#include "http/openapi.h"

#include <ctype.h>
#include <errno.h>
#include <microhttpd.h>

#include "auth/gate.h"
#include "basic/string-util.h"
#include "config.h"
#include "core/verbs/request.h"
#include "core/verbs/verb.h"

/* Makes a member that is an object. NULL when out of memory, or where o is NULL: the next setter then says so. */
static struct json_object *set_object(struct json_object *o, const char *name)
{
        struct json_object *child = json_object_new_object();

        return json_set(o, name, child) < 0 ? NULL : child;
}

static struct json_object *set_array(struct json_object *o, const char *name)
{
        struct json_object *child = json_object_new_array();

        return json_set(o, name, child) < 0 ? NULL : child;
}

/* ---- Arguments --------------------------------------------------------------------------------------------- */

static int set_schema(struct json_object *o, const char *name, const Argument *argument)
{
        static const char *const types[] = {
                [ARGUMENT_STRING] = "string",
                [ARGUMENT_U32] = "integer",
                [ARGUMENT_U64] = "integer",
                [ARGUMENT_BOOL] = "boolean",
                [ARGUMENT_OBJECT] = "object",
        };

        return json_set_string(set_object(o, name), "type", types[argument->type]);
}

static bool argument_is_authorization(const Argument *argument)
{
        return argument->source == ARGUMENT_HEADER && strcasecmp(argument->header, "Authorization") == 0;
}

/* In the path, the query or a header; what OpenAPI calls a parameter. */
static bool argument_is_parameter(const Argument *argument)
{
        return argument->source == ARGUMENT_PATH || argument->source == ARGUMENT_QUERY ||
               (argument->source == ARGUMENT_HEADER && !argument_is_authorization(argument));
}

static int append_parameter(struct json_object *parameters, const Argument *argument)
{
        static const char *const places[] = {
                [ARGUMENT_PATH] = "path",
                [ARGUMENT_QUERY] = "query",
                [ARGUMENT_HEADER] = "header",
        };
        struct json_object *parameter = json_object_new_object();
        int r;

        r = json_append(parameters, parameter);
        if (r < 0)
                return r;
        r = json_set_string(parameter, "name",
                        argument->source == ARGUMENT_HEADER ? argument->header : argument->name);
        if (r >= 0)
                r = json_set_string(parameter, "in", places[argument->source]);
        if (r >= 0)
                r = json_set_bool(parameter, "required", argument->required);
        return r < 0 ? r : set_schema(parameter, "schema", argument);
}

static int set_parameters(struct json_object *operation, const Action *action)
{
        struct json_object *parameters = set_array(operation, "parameters");
        int r = parameters ? 0 : -ENOMEM;

        for (const Argument *a = action->arguments; r >= 0 && a && a->name; a++)
                if (argument_is_parameter(a))
                        r = append_parameter(parameters, a);
        return r;
}

/* ---- Body -------------------------------------------------------------------------------------------------- */

static const Argument *next_body_argument(const Argument *a, ArgumentSource source)
{
        while (a && a->name && a->source != source)
                a++;
        return a && a->name ? a : NULL;
}

static int set_members(struct json_object *schema, const Action *action)
{
        struct json_object *required = set_array(schema, "required");
        struct json_object *properties = set_object(schema, "properties");
        int r;

        r = json_set_bool(schema, "additionalProperties", false);
        for (const Argument *a = next_body_argument(action->arguments, ARGUMENT_BODY); r >= 0 && a;
                        a = next_body_argument(a + 1, ARGUMENT_BODY)) {
                r = set_schema(properties, a->name, a);
                if (r >= 0 && a->required)
                        r = json_append(required, json_object_new_string(a->name));
        }
        return r;
}

static int set_body(struct json_object *operation, const Action *action)
{
        bool has_members = next_body_argument(action->arguments, ARGUMENT_BODY);
        struct json_object *body, *schema;
        int r;

        if (!has_members && !next_body_argument(action->arguments, ARGUMENT_WHOLE_BODY))
                return 0;
        body = set_object(operation, "requestBody");
        r = json_set_bool(body, "required", true);
        schema = set_object(set_object(set_object(body, "content"), "application/json"), "schema");
        if (r >= 0)
                r = json_set_string(schema, "type", "object");
        return r >= 0 && has_members ? set_members(schema, action) : r;
}

/* ---- Who may, and what comes back -------------------------------------------------------------------------- */

/* One way to be allowed; without a scheme nothing need be shown. */
static int append_way_in(struct json_object *security, const char *scheme)
{
        struct json_object *way = json_object_new_object();
        int r;

        r = json_append(security, way);
        return r < 0 || !scheme ? r : json_set(way, scheme, json_object_new_array());
}

static bool action_is_for_visitors(const Action *action)
{
        return !action || action->role == ROLE_VISITOR;
}

static bool action_takes_access_token(const Action *action)
{
        for (const Argument *a = action ? action->arguments : NULL; a && a->name; a++)
                if (argument_is_authorization(a))
                        return true;
        return false;
}

static int set_security(struct json_object *operation, const Action *action)
{
        struct json_object *security = set_array(operation, "security");
        int r = 0;

        if (action_is_for_visitors(action))
                r = append_way_in(security, action_takes_access_token(action) ? "accessToken" : NULL);
        return r < 0 || !action ? r : append_way_in(security, "adminToken");
}

static int set_listeners(struct json_object *operation, const Action *action)
{
        static const ListenerKind listeners[] = { LISTENER_PUBLIC, LISTENER_ADMIN, LISTENER_LOCAL };
        struct json_object *array = set_array(operation, "x-ark-listeners");
        int r = 0;

        for (size_t i = action_is_for_visitors(action) ? 0 : 1; r >= 0 && i < ELEMENTSOF(listeners); i++)
                r = json_append(array, json_object_new_string(listener_kind_to_string(listeners[i])));
        return r;
}

static int set_response(
                struct json_object *responses, const char *status, const char *description, const char *type)
{
        struct json_object *response = set_object(responses, status);

        if (!set_object(set_object(response, "content"), type))
                return -ENOMEM;
        return json_set_string(response, "description", description);
}

static int set_responses(struct json_object *operation, const Route *route)
{
        static const char *const types[] = {
                [ROUTE_ACTION] = "application/json",
                [ROUTE_EVENTS] = "text/event-stream",
                [ROUTE_METRICS] = "text/plain",
                [ROUTE_HEALTH] = "application/json",
                [ROUTE_OPENAPI] = "application/json",
        };
        int status = route->kind == ROUTE_ACTION ? route->action->http_status : MHD_HTTP_OK;
        _cleanup_free_ char *text = str_printf("%d", status);
        struct json_object *responses = set_object(operation, "responses");
        int r;

        if (!text)
                return -ENOMEM;
        r = set_response(responses, text, "Success", types[route->kind]);
        if (r < 0)
                return r;
        return set_response(responses, "default", "What is wrong (RFC 9457)", "application/problem+json");
}

/* ---- The document ------------------------------------------------------------------------------------------ */

static struct json_object *add_operation(struct json_object *paths, const Route *route)
{
        _cleanup_free_ char *method = strdup(route->method);
        struct json_object *path = json_get(paths, route->path);

        if (!method)
                return NULL;
        for (char *p = method; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        return set_object(path ? path : set_object(paths, route->path), method);
}

static int describe_route(struct json_object *paths, const Route *route)
{
        struct json_object *operation = add_operation(paths, route);
        int r;

        r = json_set_string(operation, "operationId", route->name);
        if (r >= 0)
                r = set_listeners(operation, route->action);
        if (r >= 0)
                r = set_security(operation, route->action);
        if (r >= 0 && route->action)
                r = set_parameters(operation, route->action);
        if (r >= 0 && route->action)
                r = set_body(operation, route->action);
        return r < 0 ? r : set_responses(operation, route);
}

static int set_scheme(struct json_object *schemes, const char *name, const char *description)
{
        struct json_object *scheme = set_object(schemes, name);
        int r;

        r = json_set_string(scheme, "type", "http");
        if (r >= 0)
                r = json_set_string(scheme, "scheme", "bearer");
        return r < 0 ? r : json_set_string(scheme, "description", description);
}

static int set_schemes(struct json_object *document)
{
        struct json_object *schemes = set_object(set_object(document, "components"), "securitySchemes");
        int r;

        r = set_scheme(schemes, "adminToken",
                        "The token in /etc/arkd/admin-token. The admin and the local listener require it "
                        "for "
                        "every call.");
        return r < 0 ? r : set_scheme(schemes, "accessToken", "Given to whoever created the instance.");
}

static int set_head(struct json_object *document)
{
        struct json_object *info;
        int r;

        r = json_set_string(document, "openapi", "3.1.0");
        if (r < 0)
                return r;
        info = set_object(document, "info");
        r = json_set_string(info, "title", "ARK Deploy");
        if (r >= 0)
                r = json_set_string(info, "version", ARK_VERSION);
        return r < 0 ? r : set_schemes(document);
}

struct json_object *openapi_document(const Router *router)
{
        _cleanup_json_ struct json_object *document = json_object_new_object();
        struct json_object *paths;
        const Route *routes;
        size_t n;
        int r;

        r = set_head(document);
        paths = set_object(document, "paths");
        routes = router_routes(router, &n);
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (routes[i].name)
                        r = describe_route(paths, &routes[i]);
        return r < 0 ? NULL : TAKE_PTR(document);
}
