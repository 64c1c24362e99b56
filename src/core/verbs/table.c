/* SPDX-License-Identifier: MIT */
#include "core/verbs/table.h"

#include "core/verbs/adopt.h"
#include "core/verbs/cleanup.h"
#include "core/verbs/create.h"
#include "core/verbs/credentials.h"
#include "core/verbs/delete.h"
#include "core/verbs/expiry.h"
#include "core/verbs/logs.h"
#include "core/verbs/metrics.h"
#include "core/verbs/product.h"
#include "core/verbs/request.h"
#include "core/verbs/restart.h"
#include "core/verbs/show.h"
#include "core/verbs/usage.h"
#include "core/verbs/verb.h"

#define POLKIT "network.ark.deploy1."

/* Reused by every verb that takes a single id from its path. */
static const Argument id_argument[] = {
        { "id", ARGUMENT_STRING, ARGUMENT_PATH, .required = true },
        { NULL },
};

static const Argument product_arguments[] = {
        { "product", ARGUMENT_OBJECT, ARGUMENT_WHOLE_BODY, .required = true },
        { NULL },
};

static const Argument put_product_arguments[] = {
        { "id", ARGUMENT_STRING, ARGUMENT_PATH, .required = true },
        { "product", ARGUMENT_OBJECT, ARGUMENT_WHOLE_BODY, .required = true },
        { NULL },
};

static const Argument create_instance_arguments[] = {
        { "product_id", ARGUMENT_STRING, ARGUMENT_BODY, .required = true },
        { "client_name", ARGUMENT_STRING, ARGUMENT_BODY, .required = true, .max_bytes = 1024 },
        { "idempotency_key", ARGUMENT_STRING, ARGUMENT_HEADER, .max_bytes = 128,
                        .header = "Idempotency-Key" },
        { NULL },
};

static const Argument list_instances_arguments[] = {
        { "status", ARGUMENT_STRING, ARGUMENT_QUERY },
        { "product_id", ARGUMENT_STRING, ARGUMENT_QUERY },
        { "cursor", ARGUMENT_STRING, ARGUMENT_QUERY },
        { "limit", ARGUMENT_U64, ARGUMENT_QUERY },
        { NULL },
};

static const Argument access_arguments[] = {
        { "id", ARGUMENT_STRING, ARGUMENT_PATH, .required = true },
        { "access_token", ARGUMENT_STRING, ARGUMENT_HEADER, .header = "Authorization" },
        { NULL },
};

static const Argument logs_arguments[] = {
        { "id", ARGUMENT_STRING, ARGUMENT_PATH, .required = true },
        { "cursor", ARGUMENT_STRING, ARGUMENT_QUERY },
        { "lines", ARGUMENT_U32, ARGUMENT_QUERY },
        { NULL },
};

static const Argument expiry_arguments[] = {
        { "id", ARGUMENT_STRING, ARGUMENT_PATH, .required = true },
        { "expires_usec", ARGUMENT_U64, ARGUMENT_BODY, .required = true },
        { NULL },
};

static const Argument restart_arguments[] = {
        { "id", ARGUMENT_STRING, ARGUMENT_PATH, .required = true },
        { "discard_files", ARGUMENT_BOOL, ARGUMENT_BODY },
        { NULL },
};

static const Argument cleanup_arguments[] = {
        { "max_age_usec", ARGUMENT_U64, ARGUMENT_BODY, .required = true },
        { "dry_run", ARGUMENT_BOOL, ARGUMENT_BODY, .required = true },
        { NULL },
};

const Action action_table[] = {
        /* name, polkit action, least role, HTTP method, path, status, arguments */
        { "ListProducts", NULL, ROLE_VISITOR, "GET", "/api/products", 200, NULL, .run = run_list_products },
        { "GetProduct", NULL, ROLE_VISITOR, "GET", "/api/products/{id}", 200, id_argument,
                        .run = run_get_product },
        /* With what may be secret, for whoever may write it back. */
        { "GetWholeProduct", POLKIT "manage-products", ROLE_OPERATOR, NULL, NULL, 0, id_argument,
                        .run = run_get_product, .audited = true },
        { "CreateProduct", POLKIT "manage-products", ROLE_OPERATOR, "POST", "/api/products", 201,
                        product_arguments, .run = run_create_product, .audited = true },
        { "PutProduct", POLKIT "manage-products", ROLE_OPERATOR, "PUT", "/api/products/{id}", 200,
                        put_product_arguments, .run = run_put_product, .audited = true },
        { "SetProduct", POLKIT "manage-products", ROLE_OPERATOR, NULL, NULL, 0, product_arguments,
                        .run = run_set_product, .audited = true },
        { "DeleteProduct", POLKIT "manage-products", ROLE_OPERATOR, "DELETE", "/api/products/{id}", 200,
                        id_argument, .run = run_delete_product, .audited = true },

        { "CreateInstance", POLKIT "create-instance", ROLE_VISITOR, "POST", "/api/instances", 202,
                        create_instance_arguments, .needs_engine = true, .run = create_instance,
                        .audited = true },
        { "ListInstances", NULL, ROLE_LOCAL, "GET", "/api/instances", 200, list_instances_arguments,
                        .run = run_list_instances },
        { "GetInstance", NULL, ROLE_VISITOR, "GET", "/api/instances/{id}", 200, id_argument,
                        .run = run_get_instance },
        { "GetAccess", POLKIT "view-credentials", ROLE_VISITOR, "GET", "/api/instances/{id}/access", 200,
                        access_arguments, .run = run_get_access },
        { "GetCredentials", POLKIT "view-credentials", ROLE_OPERATOR, "GET",
                        "/api/instances/{id}/credentials", 200, id_argument, .run = run_get_credentials,
                        .audited = true },
        { "GetCompose", POLKIT "view-credentials", ROLE_OPERATOR, "GET", "/api/instances/{id}/compose", 200,
                        id_argument, .run = run_get_compose, .audited = true },
        { "DeleteInstance", POLKIT "delete-instance", ROLE_OPERATOR, "DELETE", "/api/instances/{id}", 200,
                        id_argument, .needs_engine = true, .waits_for_job = true, .run = run_delete_instance,
                        .audited = true },
        { "RestartInstance", POLKIT "manage-instance", ROLE_OPERATOR, NULL, NULL, 0, restart_arguments,
                        .needs_engine = true, .waits_for_job = true, .run = run_restart_instance,
                        .audited = true },
        /* Of what the store has lost. */
        { "AdoptInstance", POLKIT "manage-instance", ROLE_OPERATOR, "POST", "/api/instances/{id}/adopt", 200,
                        id_argument, .needs_engine = true, .waits_for_job = true, .run = run_adopt_instance,
                        .audited = true },
        { "GetLogs", POLKIT "view-logs", ROLE_OPERATOR, "GET", "/api/instances/{id}/logs", 200,
                        logs_arguments, .needs_engine = true, .run = run_get_logs },
        { "GetUsage", NULL, ROLE_LOCAL, "GET", "/api/instances/{id}/usage", 200, id_argument,
                        .needs_engine = true, .run = run_get_usage },
        { "SetExpiry", POLKIT "manage-instance", ROLE_OPERATOR, NULL, NULL, 0, expiry_arguments,
                        .run = run_set_expiry, .audited = true },
        { "Cleanup", POLKIT "cleanup", ROLE_OPERATOR, NULL, NULL, 0, cleanup_arguments, .needs_engine = true,
                        .waits_for_job = true, .run = run_cleanup, .audited = true },
        /* Over HTTP, as text: http/metrics.c. */
        { "GetMetrics", NULL, ROLE_OPERATOR, NULL, NULL, 0, NULL, .without_store = true,
                        .run = run_get_metrics },
        { NULL },
};

const Action *action_find(const char *name)
{
        return action_find_in(action_table, name);
}
