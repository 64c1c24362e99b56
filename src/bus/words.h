/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "core/verbs/request.h"

/* The words of the bus: names, paths, interfaces and errors. */

/* The well-known name to be requested once the objects are there, so that whom it activates finds them. */
#define BUS_NAME "network.ark.Deploy1"

#define BUS_PATH            "/network/ark/Deploy1"
#define BUS_INSTANCE_PREFIX BUS_PATH "/instance"
#define BUS_PRODUCT_PREFIX  BUS_PATH "/product"
#define BUS_LOG_PATH        "/org/freedesktop/LogControl1"

#define BUS_MANAGER_INTERFACE  "network.ark.Deploy1.Manager"
#define BUS_INSTANCE_INTERFACE "network.ark.Deploy1.Instance"
#define BUS_PRODUCT_INTERFACE  "network.ark.Deploy1.Product"
#define BUS_LOG_INTERFACE      "org.freedesktop.LogControl1"

#define BUS_ERROR_INVALID_ARGUMENT BUS_NAME ".Error.InvalidArgument"
#define BUS_ERROR_NO_SUCH_INSTANCE BUS_NAME ".Error.NoSuchInstance"
#define BUS_ERROR_FAILED           BUS_NAME ".Error.Failed"

/* The name of the error that tells a caller of this fault; never NULL. */
const char *bus_error_of_fault(Fault fault);

/* A text of a product, which may be {"es", "en"}: English where there is a choice, "" where there is none. Valid as long
 * as text. */
const char *bus_text(struct json_object *text);
