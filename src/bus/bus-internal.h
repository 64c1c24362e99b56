/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/linkhash.h>

#include "basic/time-util.h"
#include "bus/bus-api.h"
#include "core/action.h"

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

/* Calls that may wait for their reply at once: of all callers, of one, and of one user who is not root. */
#define BUS_CALLS_MAX        1024U
#define BUS_CALLS_SENDER_MAX 512U
#define BUS_CALLS_USER_MAX   128U

/* Of these, calls that polkit may be asked about at once: of all users, and of one, whose questions may stay open as
 * long as a dialog does. The others wait for their turn. All are less than the bus allows one connection. */
#define BUS_QUESTIONS_MAX      112U
#define BUS_QUESTIONS_USER_MAX 28U

/* How many refused calls the journal is told of, each, in how long a time. */
#define BUS_REFUSALS_MAX  1000U
#define BUS_REFUSALS_USEC (30 * USEC_PER_SEC)

/* The longest document, which is a string with JSON; other strings have their action's own limits. */
#define BUS_DOCUMENT_MAX (64U * 1024U)
/* The longest name of an unknown option that an error repeats. */
#define BUS_OPTION_NAME_MAX 256U

#define BUS_ARGUMENTS_MAX 2
#define BUS_OPTIONS_MAX   2

typedef struct BusCall BusCall;
typedef struct BusMethod BusMethod;

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
        char **ownerless_volumes;

        BusCall *calls; /* in flight */
        unsigned n_calls;

        /* Refused since then. */
        uint64_t refusals_since;
        unsigned n_refusals;
};

/* A key of a method's a{sv} and the action's argument that it is. */
typedef struct BusOption {
        const char *key;
        const char *argument;
} BusOption;

/* How a method of the bus is an action: its arguments by name, and how the result is written. */
struct BusMethod {
        const char *interface, *member;
        const char *action;
        const char *arguments[BUS_ARGUMENTS_MAX]; /* positional; unused ones are NULL */
        const char *path_argument; /* the one that is the object's id, or NULL */
        bool has_options; /* an a{sv} comes last */
        BusOption options[BUS_OPTIONS_MAX];
        /* Appends the result to the reply. Answers a negative errno, or fills in the error and answers that. */
        int (*encode)(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
};

/* bus-api.c: a place to keep a slot in until the end; -ENOBUFS is a mistake in the code. */
int bus_api_add_vtable(BusApi *api, const char *path, const char *interface, const sd_bus_vtable *vtable);
int bus_api_add_objects(BusApi *api, const char *prefix, const char *interface, const sd_bus_vtable *vtable,
                sd_bus_object_find_t find, sd_bus_node_enumerator_t enumerate);
sd_bus_slot **bus_api_next_slot(BusApi *api);
/* The paths of a table's objects, for a node enumerator. */
int bus_api_enumerate(struct lh_table *table, int (*to_path)(const char *id, char **ret), char ***ret_paths);
/* A signal that could not be sent is lost: with the connection, or logged. */
void bus_api_log_signal(int error, const char *path);

/* bus-method.c: the table of all methods. */
extern const BusMethod bus_methods[];
extern const size_t n_bus_methods;
/* The handler of every method in every vtable. */
int bus_method_handler(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* bus-decode.c: reads the message's arguments and checks how long they are. Without documents, those are left out.
 * Fills in error on failure. */
int bus_decode(const BusMethod *method, const Action *action, sd_bus_message *message, bool documents,
                struct json_object **ret_arguments, sd_bus_error *error);

/* bus-encode.c */
int bus_encode_nothing(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_created(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_instance_path(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_product_path(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_product(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_instances(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_products(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_credentials(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_logs(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_cleanup(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_usage(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_compose(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);

/* A text of a product, which may be {"es", "en"}: English where there is a choice. */
const char *bus_text(struct json_object *text);

/* bus-call.c: starts a call: finds out who calls, asks the gate, runs the action, replies. Takes arguments over.
 * Answers 1 where a reply will come, or fills in error. */
int bus_call_start(BusApi *api, sd_bus_message *message, const BusMethod *method, const Action *action,
                struct json_object *arguments, sd_bus_error *error);
/* Counts a call that was answered with an error before it was begun. */
void bus_call_count_failure(BusApi *api);
/* Drops the calls of a sender that is gone; of all where sender is NULL. */
void bus_calls_drop(BusApi *api, const char *sender);

/* bus-manager.c */
int bus_manager_register(BusApi *api);
/* Signals what has changed of its properties. */
void bus_manager_update(BusApi *api);

/* bus-instance.c */
int bus_instance_path(const char *id, char **ret_path);
int bus_instance_register(BusApi *api);
int bus_instance_add(BusApi *api, const Instance *instance, bool signal);
void bus_instance_change(BusApi *api, const Instance *instance);
void bus_instance_remove(BusApi *api, Instance *instance);
void bus_instance_entry_free(struct lh_entry *entry);

/* bus-product.c */
int bus_product_path(const char *id, char **ret_path);
int bus_product_register(BusApi *api);
int bus_product_add(BusApi *api, Product *product, bool signal);
void bus_product_change(BusApi *api, Product *product);
void bus_product_remove(BusApi *api, const char *id);
void bus_product_entry_free(struct lh_entry *entry);

/* bus-log-control.c */
int bus_log_control_register(BusApi *api);
