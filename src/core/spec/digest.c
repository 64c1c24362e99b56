/* SPDX-License-Identifier: MIT */
#include "core/spec/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "core/names.h"
#include "core/ports.h"

static int finish(EVP_MD_CTX *digest, const char *version, char ret[DIGEST_MAX])
{
        unsigned char bytes[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        size_t at = strlen(version);

        EVP_DigestFinal_ex(digest, bytes, &n);
        EVP_MD_CTX_free(digest);
        memcpy(ret, version, at + 1);
        for (unsigned k = 0; k < n && k < 32; k++, at += 2)
                (void) snprintf(ret + at, 3, "%02x", bytes[k]);
        return 0;
}

static EVP_MD_CTX *begin(void)
{
        EVP_MD_CTX *digest = EVP_MD_CTX_new();

        if (digest)
                EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
        return digest;
}

/* ---- Version 2 ---- */

/* With its length, so that no two lists of lines read the same. What is unset has none. */
static void line(EVP_MD_CTX *digest, const char *name, const char *value)
{
        char head[64];
        int n;

        if (!value)
                return;
        n = snprintf(head, sizeof head, "%s %zu:", name, strlen(value));
        EVP_DigestUpdate(digest, head, (size_t) n);
        EVP_DigestUpdate(digest, value, strlen(value));
        EVP_DigestUpdate(digest, "\n", 1);
}

static void line_number(EVP_MD_CTX *digest, const char *name, uint64_t value)
{
        char text[24];

        (void) snprintf(text, sizeof text, "%" PRIu64, value);
        line(digest, name, value ? text : NULL);
}

int container_digest(const ContainerSpec *c, char ret[DIGEST_MAX])
{
        EVP_MD_CTX *digest = begin();

        if (!digest)
                return -ENOMEM;
        line(digest, "image", c->image);
        line(digest, "user", c->user);
        for (char *const *name = c->capabilities; name && *name; name++)
                line(digest, "capability", *name);
        line_number(digest, "memory", c->limits.memory);
        line_number(digest, "nano-cpus", c->limits.nano_cpus);
        line_number(digest, "pids", c->limits.pids);
        line_number(digest, "files", c->limits.files);
        line_number(digest, "read-only", c->read_only);
        line_number(digest, "own-init", c->own_init);
        line_number(digest, "new-privileges", c->new_privileges);
        line_number(digest, "shm-size", c->shm_size);
        line(digest, "volume", c->volume);
        line(digest, "volume-path", c->volume_path);
        for (size_t k = 0; c->env && k < c->env->n; k++) {
                line(digest, "env", c->env->items[k].key);
                line(digest, "value", c->env->items[k].value);
        }
        for (size_t k = 0; k < c->n_networks; k++) {
                line(digest, "network", c->networks[k].network);
                line(digest, "address", c->networks[k].address);
        }
        return finish(digest, ARK_DIGEST_VERSION, ret);
}

/* ---- Version 1, frozen ---- */

static void hash_string(EVP_MD_CTX *digest, const char *s)
{
        EVP_DigestUpdate(digest, strempty(s), strlen(strempty(s)) + 1);
}

static void hash_pairs(EVP_MD_CTX *digest, const StringPairs *pairs)
{
        for (size_t k = 0; k < pairs->n; k++) {
                hash_string(digest, pairs->items[k].key);
                hash_string(digest, pairs->items[k].value);
        }
}

int container_former_digest(const ContainerSpec *c, char ret[DIGEST_MAX])
{
        const uint64_t limits[] = { c->limits.memory, c->limits.nano_cpus, c->limits.pids };
        const unsigned char read_only = c->read_only;
        EVP_MD_CTX *digest = begin();

        if (!digest)
                return -ENOMEM;
        hash_string(digest, c->image);
        hash_string(digest, c->user);
        hash_string(digest, c->volume);
        hash_string(digest, c->volume_path);
        hash_string(digest, c->slice);
        for (const char *const *word = c->health_command; word && *word; word++)
                hash_string(digest, *word);
        hash_pairs(digest, c->env);
        hash_pairs(digest, c->labels);
        EVP_DigestUpdate(digest, limits, sizeof limits);
        EVP_DigestUpdate(digest, &read_only, sizeof read_only);
        for (char *const *capability = c->capabilities; *capability; capability++)
                hash_string(digest, *capability);
        for (size_t k = 0; k < c->n_networks; k++) {
                hash_string(digest, c->networks[k].network);
                hash_string(digest, c->networks[k].address);
        }
        return finish(digest, "", ret);
}
