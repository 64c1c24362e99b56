/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <string.h>

/* Names that resources carry outside of this process: contracts with users of docker, redis-cli and scripts. */

#define ARK_INGRESS_NETWORK "ark_production"
#define ARK_INGRESS_BRIDGE  "arkprod"

#define ARK_LABEL_DEPLOYMENT "network.ark.deployment"
#define ARK_LABEL_INSTANCE   "network.ark.instance"
#define ARK_LABEL_PRODUCT    "network.ark.product"
#define ARK_LABEL_ROLE       "network.ark.role"
#define ARK_LABEL_LOG        "ark.instance"
#define ARK_LABEL_HASH       "com.docker.compose.config-hash" /* what a container was made from (digest.h) */
#define ARK_DIGEST_VERSION   "v2:" /* what its value begins with */

#define ARK_ROLE_APP      "app"
#define ARK_ROLE_DATABASE "db"

/* The engine names volumes that nobody has named by 64 hexadecimal digits. */
static inline bool volume_is_anonymous(const char *name)
{
        return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

/* What makes PostgreSQL close its connections and end; with SIGTERM it waits for its clients. */
#define ARK_DATABASE_STOP_SIGNAL "SIGINT"
#define ARK_DATABASE_USER        "postgres"
/* What it is called on its instance's own network, beside its container's name: some take no underscore in a host. */
#define ARK_DATABASE_ALIAS     "db"
#define ARK_DATABASE_PORT      5432
#define ARK_DATABASE_PORT_TEXT "5432"

/* Kinds of job, as records, ids of jobs, logs and metrics name them. */
#define ARK_JOB_CREATE  "create"
#define ARK_JOB_DELETE  "delete"
#define ARK_JOB_RESTART "restart"
