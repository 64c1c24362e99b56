/* SPDX-License-Identifier: MIT */
#include "core/spec/archive.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "core/model/instance.h"
#include "core/model/product.h"

#define VERSION 1

int access_token_digest(const char *token, char ret_digest[ACCESS_TOKEN_DIGEST_MAX])
{
        unsigned char bytes[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        if (EVP_Digest(token, strlen(token), bytes, &n, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        for (unsigned k = 0; k < n && 2 * k + 2 < ACCESS_TOKEN_DIGEST_MAX; k++)
                (void) snprintf(ret_digest + 2 * (size_t) k, 3, "%02x", bytes[k]);
        return 0;
}

/* ---- Writing ---- */

/* The record without what changes while the instance lives, but for its expiry: whoever adds a member to the record has
 * it here, too. */
static struct json_object *archive_record(const Instance *i)
{
        static const char *const passing[] = { "instance_id", "status", "phase", "progress", "message",
                "error", "db_name", "timeline", "upstream", "verdict_at", "deleted_at" };
        struct json_object *record = instance_to_json(i, INSTANCE_VIEW_RECORD);

        for (size_t k = 0; record && k < ELEMENTSOF(passing); k++)
                json_object_object_del(record, passing[k]);
        return record;
}

static struct json_object *archive_secrets(const Instance *i)
{
        _cleanup_json_ struct json_object *secrets = instance_secrets_to_json(i);
        char digest[ACCESS_TOKEN_DIGEST_MAX];

        if (!secrets)
                return NULL;
        json_object_object_del(secrets, "access_token");
        if (i->access_token && (access_token_digest(i->access_token, digest) < 0 ||
                                               json_set_string(secrets, "access_token_sha256", digest) < 0))
                return NULL;
        return TAKE_PTR(secrets);
}

struct json_object *archive_new(const Instance *i)
{
        _cleanup_json_ struct json_object *archive = json_object_new_object();

        if (json_set_u64(archive, "version", VERSION) < 0 ||
                        json_set(archive, "instance", archive_record(i)) < 0 ||
                        json_set(archive, "secrets", archive_secrets(i)) < 0)
                return NULL;
        return TAKE_PTR(archive);
}

/* ---- Reading ---- */

static struct json_object *find(struct json_object *compose, const char *const *path)
{
        for (; compose && *path; path++)
                compose = json_object_is_type(compose, json_type_object) ? json_get(compose, *path) : NULL;
        return compose;
}

static const char *find_string(struct json_object *compose, const char *const *path)
{
        struct json_object *value = find(compose, path);

        return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

const char *archive_client_name(struct json_object *compose)
{
        return find_string(compose, (const char *const[]){ "x-ark", "instance", "client_name", NULL });
}

const char *archive_ingress_address(struct json_object *compose)
{
        return find_string(compose, (const char *const[]){ "services", "app", "networks", "ingress",
                                                    "ipv4_address", NULL });
}

const char *archive_subnet(struct json_object *compose)
{
        struct json_object *config = find(
                        compose, (const char *const[]){ "networks", "private", "ipam", "config", NULL });

        if (!json_object_is_type(config, json_type_array) || json_object_array_length(config) == 0)
                return NULL;
        return find_string(json_object_array_get_idx(config, 0), (const char *const[]){ "subnet", NULL });
}

/* As it is once it runs. */
static int complete_record(struct json_object *record)
{
        struct json_object *timeline = json_object_new_object();
        int r;

        r = json_set(record, "timeline", timeline);
        if (r >= 0)
                r = json_set_u64(timeline, instance_phase_to_string(PHASE_READY), 0);
        if (r >= 0)
                r = json_set_string(record, "status", instance_status_to_string(INSTANCE_RUNNING));
        if (r >= 0)
                r = json_set_string(record, "phase", instance_phase_to_string(PHASE_READY));
        if (r >= 0)
                r = json_set_string(record, "message", instance_ready_message);
        return r >= 0 ? json_set_double(record, "progress", 1) : r;
}

static int read_product(struct json_object *secrets, Product **ret)
{
        _cleanup_free_ char *field = NULL, *reason = NULL;
        struct json_object *product = json_get(secrets, "product");

        return product ? product_new_from_record(product, ret, &field, &reason) : -EBADMSG;
}

/* Where it is reached follows from both. */
static int complete(Instance *i)
{
        if (!i->subnet || !i->ingress_address || (i->has_database && !i->product->database_image) ||
                        !streq(i->product->id, i->product_id))
                return -EBADMSG;
        i->upstream = str_printf("%s:%u", i->ingress_address, i->product->port);
        return i->upstream ? 0 : -ENOMEM;
}

int archive_read(struct json_object *compose, Instance **ret)
{
        struct json_object *archive = json_get(compose, "x-ark");
        struct json_object *record = json_get(archive, "instance"), *secrets = json_get(archive, "secrets");
        _cleanup_(instance_freep) Instance *i = NULL;
        uint64_t version = 0;
        int r;

        if (!archive)
                return -ENOENT;
        (void) json_get_u64(archive, "version", &version);
        if (version != VERSION || !json_object_is_type(record, json_type_object) ||
                        !json_object_is_type(secrets, json_type_object))
                return -EBADMSG;
        r = complete_record(record);
        if (r >= 0)
                r = instance_new_from_record(record, &i);
        if (r >= 0)
                r = instance_load_secrets(i, secrets);
        if (r >= 0)
                r = read_product(secrets, &i->product);
        if (r >= 0)
                r = complete(i);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        *ret = TAKE_PTR(i);
        return 0;
}

bool archive_read_expiry(struct json_object *compose, uint64_t *ret_expires_usec, bool *ret_kept)
{
        struct json_object *record = json_get(json_get(compose, "x-ark"), "instance");
        uint64_t usec = UINT64_MAX;
        bool kept = false;
        const char *text;

        if (!json_object_is_type(record, json_type_object) ||
                        !json_object_object_get_ex(record, "expires_at", NULL))
                return false;
        if (json_get_string(record, "expires_at", &text) >= 0 && parse_timestamp(text, &usec) < 0)
                return false;
        (void) json_get_bool(record, "kept", &kept);
        *ret_expires_usec = usec;
        *ret_kept = kept;
        return true;
}
