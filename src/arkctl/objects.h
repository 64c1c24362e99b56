/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "arkctl/client.h"
#include "arkctl/disk-use.h"

/* An instance, as its object on the bus shows it. */
typedef struct InstanceView {
        char *image; /* "" where nothing of it is left; NULL: the daemon is too old to tell */
        char *id, *product_id, *client_name, *status, *phase, *message, *error, *warning, *access_url,
                        *db_name;
        double progress;
        uint64_t created_usec, expires_usec;
        DiskUse disk_use;
} InstanceView;

/* A product; json is without env and credentials. */
typedef struct ProductView {
        char *id, *name, *description, *image, *json;
} ProductView;

/* All that there is. */
typedef struct Objects {
        InstanceView *instances; /* oldest first */
        size_t n_instances;
        ProductView *products; /* by id */
        size_t n_products;
} Objects;

void instance_view_done(InstanceView *view);
void product_view_done(ProductView *view);
void objects_done(Objects *objects);

/* Reads what is there in one call. CTL_OK, or says why not. */
ExitCode objects_read(Ctl *ctl, Objects *ret);
/* Whether it counts as one of its product: as for the daemon, not where nothing of it is left. */
bool instance_view_uses_product(const InstanceView *view);
/* The product of that id, or NULL. */
const ProductView *objects_product(const Objects *objects, const char *id);

/* Takes the properties of an a{sv} over into view: all, or those that have changed. */
int instance_view_update(InstanceView *view, sd_bus_message *m);
/* Reads one instance. act: for ctl_report(). */
ExitCode instance_view_read(Ctl *ctl, const char *act, const char *id, InstanceView *ret);

/* As JSON, with the names of the HTTP API. NULL when out of memory. */
struct json_object *instance_view_to_json(const InstanceView *view);
struct json_object *product_view_to_json(const ProductView *view);

/* The path of an object. 0, -ENOMEM, or -EINVAL where no path can be made of the id. */
int instance_path(const char *id, char **ret_path);
int product_path(const char *id, char **ret_path);
