/* SPDX-License-Identifier: MIT */
#include "http/router.h"

#include <errno.h>
#include <stdio.h>

#include "core/verbs/table.h"
#include "core/verbs/verb.h"

#define PARAMETER_BYTES_MAX 128

struct Router {
        Route *routes;
        size_t n_routes;
};

int router_new(Router **ret)
{
        const Route others[] = {
                { ROUTE_EVENTS, "GET", "/api/instances/{id}/events", action_find("GetInstance"),
                                "WatchInstance" },
                { ROUTE_METRICS, "GET", "/metrics", action_find("GetMetrics"), "GetMetrics" },
                { ROUTE_HEALTH, "GET", "/healthz", NULL, "GetHealth" },
                { ROUTE_OPENAPI, "GET", "/api/openapi.json", action_find("ListProducts"), "GetOpenApi" },
                { ROUTE_INSTANCE, "GET", "/internal/route", NULL, NULL },
                { ROUTE_HOST, "GET", "/internal/host", NULL, NULL },
        };
        _cleanup_(router_freep) Router *router = new0(Router, 1);
        size_t n = 0;

        for (const Action *a = action_table; a->name; a++)
                n++;
        if (!router)
                return -ENOMEM;
        router->routes = new0(Route, n + ELEMENTSOF(others));
        if (!router->routes)
                return -ENOMEM;
        for (const Action *a = action_table; a->name; a++)
                if (a->http_method)
                        router->routes[router->n_routes++] =
                                        (Route){ ROUTE_ACTION, a->http_method, a->http_path, a, a->name };
        memcpy(router->routes + router->n_routes, others, sizeof others);
        router->n_routes += ELEMENTSOF(others);
        *ret = TAKE_PTR(router);
        return 0;
}

Router *router_free(Router *router)
{
        if (!router)
                return NULL;
        free(router->routes);
        free(router);
        return NULL;
}

const Route *router_routes(const Router *router, size_t *ret_n)
{
        *ret_n = router->n_routes;
        return router->routes;
}

/* Letters, digits, dots and what ids are made of; never two dots in a row. */
static bool parameter_is_sound(const char *s, size_t n)
{
        static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

        return n > 0 && n <= PARAMETER_BYTES_MAX && strspn(s, characters) >= n && !memmem(s, n, "..", 2);
}

static bool segment_match(const char *pattern, size_t n_pattern, const char *s, size_t n, RouteMatch *match)
{
        if (pattern[0] != '{' || n_pattern < 3)
                return n == n_pattern && memcmp(pattern, s, n) == 0;
        if (match->n_parameters == ROUTE_PARAMETERS_MAX || !parameter_is_sound(s, n))
                return false;
        match->parameters[match->n_parameters++] = (RouteParameter){
                .name = pattern + 1,
                .n_name = n_pattern - 2,
                .value = s,
                .n_value = n,
        };
        return true;
}

/* Both start with a slash; the target's path ends at a question mark. */
static bool route_match_path(const Route *route, const char *target, RouteMatch *ret)
{
        RouteMatch match = { .route = route };
        const char *p = route->path;

        while (*p == '/' && *target == '/') {
                size_t n_pattern = strcspn(++p, "/"), n = strcspn(++target, "/?");

                if (!segment_match(p, n_pattern, target, n, &match))
                        return false;
                p += n_pattern;
                target += n;
        }
        if (*p || (*target && *target != '?'))
                return false;
        *ret = match;
        return true;
}

static bool method_match(const char *has, const char *asked)
{
        return streq(has, asked) || (streq(has, "GET") && streq(asked, "HEAD"));
}

int router_match(const Router *router, const char *method, const char *target, RouteMatch *ret)
{
        RouteMatch match;
        bool found = false;

        for (size_t i = 0; i < router->n_routes; i++) {
                const Route *route = &router->routes[i];

                if (!route_match_path(route, target, &match))
                        continue;
                found = true;
                if (!method_match(route->method, method))
                        continue;
                *ret = match;
                return 0;
        }
        return found ? -EOPNOTSUPP : -ENOENT;
}

void router_allow(const Router *router, const char *target, char ret_allow[ROUTE_ALLOW_MAX])
{
        RouteMatch match;
        size_t n = 0;

        ret_allow[0] = 0;
        for (size_t i = 0; i < router->n_routes; i++) {
                const char *method = router->routes[i].method;
                int k;

                if (!route_match_path(&router->routes[i], target, &match))
                        continue;
                k = snprintf(ret_allow + n, ROUTE_ALLOW_MAX - n, "%s%s%s", n ? ", " : "", method,
                                streq(method, "GET") ? ", HEAD" : "");
                if (k < 0 || (size_t) k >= ROUTE_ALLOW_MAX - n)
                        return;
                n += (size_t) k;
        }
}
