/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/objects.h"
#include "core/model/product.h"

/* The objects of network.ark.Deploy1.Product: one for each product. */

/* Puts them on the bus. 0 or what sd-bus answers. */
int bus_product_register(BusApi *api);

/* Lets a product have an object, and announces it where signal says so. Takes a reference on it. Nothing happens to one
 * that has it already. 0, -ENOMEM, or what sd-bus answers. */
int bus_product_add(BusApi *api, Product *product, bool signal);

/* Signals what has changed since the last signal; a reference on this one takes the place of that on the one before. One
 * that has no object gets it. Failures are logged. */
void bus_product_change(BusApi *api, Product *product);

/* Signals its end, and takes the object away. Failures are logged. */
void bus_product_remove(BusApi *api, const char *id);

/* Frees an entry of api->products, for the table. */
void bus_product_entry_free(struct lh_entry *entry);
