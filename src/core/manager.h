/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "core/model/instance-url.h"
#include "core/model/limits.h"
#include "core/model/user-range.h"
#include "core/ports.h"
#include "core/registry/admission.h"
#include "core/registry/context.h"

/* What the configuration decides; the manager copies it. */
typedef struct ManagerSettings {
        const char *base_url; /* without trailing slash; in front of /instances/<id>/ */
        bool base_url_is_guess; /* until the host's name is known: instances keep the links they have */
        ApplicationsAddress applications;
        const char *deployment; /* id of this arkd, in labels */
        const char *compose_dir; /* /var/lib/arkd/compose */
        const char *subnet_pool; /* "10.231.0.0/16" */
        uint64_t expires_usec; /* default age of instances; 0: never */
        uint64_t tombstone_usec;
        unsigned stop_s, database_stop_s; /* that application and database are given to stop */
        unsigned workers; /* jobs at once */
        unsigned queue_max; /* jobs that wait */
        unsigned retry_max; /* times a job is begun again without getting any further, before it is given up */
        unsigned instances_max; /* MaxRunning= */
        unsigned quota_total, quota_identity, quota_rate; /* the last a minute and identity */
        AdmissionBounds admission; /* what the host must have left */
        UserRange users; /* for applications that get a user id of their own */
        InstanceLimits limits; /* of containers whose product leaves them out */
} ManagerSettings;

/* ports are not owned and must outlive the manager. */
int manager_new(sd_event *event, const ManagerSettings *settings, EnginePort *engine, StorePort *store,
                ProbePort *probe, Manager **ret);
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP_FUNC(Manager, manager_free);

/* From now on no instance is made while instances would not be kept apart. isolation is not owned and must outlive the
 * manager. Without a call of this nobody asks. */
void manager_set_isolation(Manager *manager, IsolationPort *isolation);

/* Starts loading from the store as soon as it is connected. Until then reads and writes fail with
 * FAULT_STORE_UNAVAILABLE. */
int manager_start(Manager *manager);
