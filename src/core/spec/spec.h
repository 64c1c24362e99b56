/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/address-pool.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/model/limits.h"
#include "core/model/product.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/spec/digest.h"

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
        bool log_known; /* otherwise the engine has not said yet where output goes */
        const char *log_driver; /* NULL: its own choice */
        StringPairs log_options;
        char *compose_path;
        struct json_object *archive; /* what the compose file has under x-ark (archive.h) */

        /* What the above points into. */
        char gateway[ADDRESS_TEXT_MAX];
        char user[32];
        StringPairs app_env, database_env;
        StringPairs app_labels, database_labels, network_labels, volume_labels;
        const char *health_command[8];
        VolumeMount app_volumes[VOLUME_MOUNTS_MAX], database_volumes[VOLUME_MOUNTS_MAX];
        char app_former[DIGEST_MAX], database_former[DIGEST_MAX];
        Product *product;
} InstanceSpec;

int instance_spec_new(Manager *manager, const Instance *instance, InstanceSpec **ret);
InstanceSpec *instance_spec_free(InstanceSpec *spec);
DEFINE_CLEANUP_FUNC(InstanceSpec, instance_spec_free);

/* Has its containers mount the volumes that the instance has by now; their names are the instance's. */
void instance_spec_set_volumes(InstanceSpec *spec, const Instance *instance);
/* Of a volume that its image declares. To be freed, also where it fails. 0 or -ENOMEM. */
int instance_volume_labels(
                const Manager *manager, const Instance *instance, const char *name, StringPairs *ret);

/* What the containers of the product's next instance may use: whatever it leaves out is the host's default, as it is
 * today. */
InstanceLimits manager_limits_of(const Manager *manager, const Product *product);

/* The network that all applications have in common; labels must outlive the specification. */
void ingress_spec(Manager *manager, const StringPairs *labels, char subnet[ADDRESS_TEXT_MAX],
                char gateway[ADDRESS_TEXT_MAX], NetworkSpec *ret);

/* The credentials that its customer is given, filled in from the product's templates: [{"label", "value"}]. Made once,
 * as the product may change. NULL when out of memory. */
struct json_object *instance_make_credentials(const Instance *instance);

/* postgresql://… with its password. NULL when out of memory or without a database. */
char *instance_database_url(const Instance *instance);
