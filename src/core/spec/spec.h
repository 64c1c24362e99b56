/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/address-pool.h"
#include "core/instance.h"
#include "core/manager.h"
#include "core/ports.h"

/*
 * Everything that an instance has in the engine, as specifications for its port. The compose file is written from
 * the same, so that it describes what runs.
 */
typedef struct InstanceSpec {
        InstanceNames names;
        NetworkSpec network;
        VolumeSpec volume;
        ContainerSpec app;
        ContainerSpec database; /* image is NULL where the product has none */
        bool needs_database_first;
        char *compose_path;

        /* What the above points into. */
        char gateway[ADDRESS_TEXT_MAX];
        StringPairs app_env, database_env;
        StringPairs app_labels, database_labels, network_labels, volume_labels;
        const char *health_command[8];
        Product *product;
} InstanceSpec;

int instance_spec_new(Manager *manager, const Instance *instance, InstanceSpec **ret);
InstanceSpec *instance_spec_free(InstanceSpec *spec);
DEFINE_CLEANUP_FUNC(InstanceSpec, instance_spec_free);

/* The network that all applications have in common; labels must outlive the specification. */
void ingress_spec(Manager *manager, const StringPairs *labels, char subnet[ADDRESS_TEXT_MAX],
                char gateway[ADDRESS_TEXT_MAX], NetworkSpec *ret);

/* The credentials that its customer is given, filled in from the product's templates: [{"label", "value"}]. Made once,
 * as the product may change. NULL when out of memory. */
struct json_object *instance_make_credentials(const Instance *instance);

/* postgresql://… with its password. NULL when out of memory or without a database. */
char *instance_database_url(const Instance *instance);
