/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

/* The text format of Prometheus, version 0.0.4. */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Makes text of the metrics that the verb GetMetrics answers with. A new string, or NULL when out of memory or where
 * they are not of that form. */
char *metrics_to_text(struct json_object *metrics);
