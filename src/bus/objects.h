/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/linkhash.h>
#include <systemd/sd-bus.h>

#include "core/model/instance.h"
#include "core/recovery/generation.h"
#include "core/registry/context.h"
#include "core/registry/watch.h"

/*
 * What all of the bus stands on: what is there, and how objects are put on the bus. bus/api.h makes and frees it; the
 * files of the single interfaces keep in it what they have signalled.
 */
typedef struct BusApi BusApi;
typedef struct BusCall BusCall;

struct BusApi {
        sd_bus *bus;
        Manager *manager;
        ManagerWatch *watch;

        /* One slot each of what is on the bus, freed together. */
        sd_bus_slot *slots[12];
        size_t n_slots;

        /* What has been announced, by id: exactly these have an object. */
        struct lh_table *instances; /* of BusInstance */
        struct lh_table *products; /* of BusProduct */
        Instance *leaving; /* while its removal is signalled: it may be gone from the manager */

        /* Manager's properties as last signalled. */
        unsigned instance_count;
        int engine_connected, store_connected; /* as sd-bus reads a boolean */
        char *base_url;
        char **ownerless_volumes, **damaged_records, **lost_volumes;
        unsigned unknown_serial;
        StoreCondition store_condition;

        BusCall *calls; /* in flight */
        unsigned n_calls;

        /* Refused since then. */
        uint64_t refusals_since;
        unsigned n_refusals;
};

/* Puts the interface on an object that is there for good. 0 or what sd-bus answers. */
int bus_api_add_vtable(BusApi *api, const char *path, const char *interface, const sd_bus_vtable *vtable);

/* Puts the interface on all objects below prefix: find says which there are, enumerate names them, both with api as
 * their userdata. 0 or what sd-bus answers. */
int bus_api_add_objects(BusApi *api, const char *prefix, const char *interface, const sd_bus_vtable *vtable,
                sd_bus_object_find_t find, sd_bus_node_enumerator_t enumerate);

/* A place for a slot, which is freed with api. There are as many as are ever registered: one more is a mistake in the
 * code, and aborts. */
sd_bus_slot **bus_api_next_slot(BusApi *api);

/* For a node enumerator: the paths that to_path makes of the keys of a table. The caller, sd-bus, frees the list and its
 * strings. 0, -ENOMEM, or what to_path answers. */
int bus_api_enumerate(struct lh_table *table, int (*to_path)(const char *id, char **ret), char ***ret_paths);

/* Logs the error of a signal that could not be sent, and is lost. One that is lost with the connection is not told of. */
void bus_api_log_signal(int error, const char *path);

/* The path of an instance's or a product's object, whether there is one or not. A new string; 0, -ENOMEM, or what
 * sd-bus answers. */
int bus_instance_path(const char *id, char **ret_path);
int bus_product_path(const char *id, char **ret_path);

/* Whether the instance has an object: it was announced, and is not deleted. */
bool bus_api_has_instance(const BusApi *api, const char *id);
