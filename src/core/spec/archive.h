/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "core/model/instance.h"

/*
 * What a compose file says of its instance that docker compose has no words for, under "x-ark": all that is needed to
 * make its record and secrets again. {"version": 1, "instance": {…}, "secrets": {…}}, whose members are those of the
 * records, with the access token as its digest only: whoever may see the file is not its customer.
 */

/* NULL when out of memory. */
struct json_object *archive_new(const Instance *instance);

/* The instance of a compose file (see compose_read()), running and ready, with its secrets and product. -ENOENT: the
 * file has no x-ark; -EBADMSG: it is damaged, or of a version that is not known. */
int archive_read(struct json_object *compose, Instance **ret);

/* What the file says of its expiry; false where it says nothing. */
bool archive_read_expiry(struct json_object *compose, uint64_t *ret_expires_usec, bool *ret_kept);

/* For whom it is, and its addresses, also of a file without x-ark; NULL where they are missing. The file owns them. */
const char *archive_client_name(struct json_object *compose);
const char *archive_subnet(struct json_object *compose);
const char *archive_ingress_address(struct json_object *compose);

/* The digest of an access token, in hexadecimal. -ENOMEM. */
#define ACCESS_TOKEN_DIGEST_MAX 65
int access_token_digest(const char *token, char ret_digest[ACCESS_TOKEN_DIGEST_MAX]);
