/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "core/ports.h"
#include "engine/client.h"

/* What the engine is told of a container that is to be made. Objects that are returned belong to the caller. */

/* The request's body. 0 or -ENOMEM. */
int engine_container_body(const ContainerSpec *spec, struct json_object **ret);

/* Fits it to what the engine offers: slices, log drivers. log_max as in ContainerSpec. 0, -ENOMEM, or what
 * engine_log_config() answers. */
int engine_container_adapt(const EngineClient *c, uint64_t log_max, struct json_object *body);

/* Where its output goes, as describe_log in core/ports.h says. */
int engine_log_config(
                const EngineClient *c, uint64_t log_max, const char **ret_driver, StringPairs *ret_options);

/* How a container is joined to one more network: {"Container": …, "EndpointConfig": …}. 0 or -ENOMEM. */
int engine_container_connect_body(
                const char *container, const NetworkAttachment *network, struct json_object **ret);
