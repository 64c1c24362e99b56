/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/verb.h"

typedef enum RouteKind {
        ROUTE_ACTION, /* a verb of core/verbs/verb.h */
        ROUTE_EVENTS, /* follows an instance; allowed to whoever may get it */
        ROUTE_METRICS, /* a verb, whose answer is made text */
        ROUTE_HEALTH,
        ROUTE_OPENAPI, /* all of these, described; for whoever may list products */
        ROUTE_INSTANCE, /* nginx asks where an instance is */
        ROUTE_HOST, /* nginx asks whether this service goes by a name */
} RouteKind;

typedef struct Route {
        RouteKind kind;
        const char *method, *path; /* a segment {name} stands for a parameter */
        const Action *action; /* what the gate is asked about; NULL: nothing is asked */
        const char *name; /* its operationId; NULL: no part of the contract */
} Route;

#define ROUTE_PARAMETERS_MAX 3

typedef struct RouteParameter {
        const char *name, *value; /* within the route's path, within the target */
        size_t n_name, n_value;
} RouteParameter;

typedef struct RouteMatch {
        const Route *route;
        RouteParameter parameters[ROUTE_PARAMETERS_MAX];
        size_t n_parameters;
} RouteMatch;

typedef struct Router Router;

/* All routes: the action table's and the few that are no verbs. */
int router_new(Router **ret);
Router *router_free(Router *router);
DEFINE_CLEANUP_FUNC(Router, router_free);

/* All of them, one after the other. */
const Route *router_routes(const Router *router, size_t *ret_n);

/*
 * Finds the route of a raw request target. Nothing is decoded: no path here has a character that needs escapes, so
 * one that has is not of ours, and nobody can disagree with us about what it means.
 * -ENOENT: there is no such path; -EOPNOTSUPP: there is, but not with this method.
 */
int router_match(const Router *router, const char *method, const char *target, RouteMatch *ret);

/* Room for what router_allow() writes. */
#define ROUTE_ALLOW_MAX 64
/* Writes the methods that the path has, for an Allow header. */
void router_allow(const Router *router, const char *target, char ret_allow[ROUTE_ALLOW_MAX]);
