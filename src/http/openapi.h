/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/json-util.h"
#include "http/router.h"

/* Describes the router's routes as an OpenAPI 3.1 document. A new object, or NULL when out of memory. */
struct json_object *openapi_document(const Router *router);
