/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"

void run_list_products(Request *request);
void run_get_product(Request *request);
void run_create_product(Request *request); /* refuses one that is there: 409 */
void run_put_product(Request *request); /* makes or replaces the one in the path */
void run_set_product(Request *request); /* makes or replaces */
void run_delete_product(Request *request);
