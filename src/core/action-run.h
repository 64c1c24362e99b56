/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/instance.h"
#include "core/request.h"

/* The run functions of the action table; arguments have been checked against it. */

/* The instance that the argument "id" names, or NULL and the request failed (action-instance.c). */
Instance *action_find_instance(Request *request);

/* The job that deletes the instance, now or once another has been wound down; NULL for none (action-instance.c). */
Job *action_delete_job(const Instance *instance);
bool action_is_being_deleted(const Instance *instance);

/* How much of an instance the caller is shown. */
InstanceView action_view(const Request *request);

/* action-product.c */
void run_list_products(Request *request);
void run_get_product(Request *request);
void run_create_product(Request *request); /* refuses one that is there: 409 */
void run_put_product(Request *request); /* makes or replaces the one in the path */
void run_set_product(Request *request); /* makes or replaces */
void run_delete_product(Request *request);

/* action-instance.c */
void run_list_instances(Request *request);
void run_get_instance(Request *request);
void run_get_access(Request *request);
void run_get_credentials(Request *request);
void run_get_compose(Request *request);
void run_delete_instance(Request *request);
void run_restart_instance(Request *request);

/* action-expiry.c */
void run_set_expiry(Request *request);

/* action-logs.c */
void run_get_logs(Request *request);

/* action-metrics.c */
void run_get_metrics(Request *request);

/* action-usage.c */
void run_get_usage(Request *request);

/* cleanup.c */
void run_cleanup(Request *request);
