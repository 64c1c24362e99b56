/* SPDX-License-Identifier: MIT */
#pragma once

/* Names that resources carry outside of this process: contracts with users of docker, redis-cli and scripts. */

#define ARK_INGRESS_NETWORK "ark_production"
#define ARK_INGRESS_BRIDGE  "arkprod"

#define ARK_LABEL_DEPLOYMENT "network.ark.deployment"
#define ARK_LABEL_INSTANCE   "network.ark.instance"
#define ARK_LABEL_PRODUCT    "network.ark.product"
#define ARK_LABEL_ROLE       "network.ark.role"
#define ARK_LABEL_LOG        "ark.instance"
#define ARK_LABEL_HASH       "com.docker.compose.config-hash" /* of a container's specification */

#define ARK_ROLE_APP      "app"
#define ARK_ROLE_DATABASE "db"

#define ARK_DATABASE_USER      "postgres"
#define ARK_DATABASE_PORT      5432
#define ARK_DATABASE_PORT_TEXT "5432"
