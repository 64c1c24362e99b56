/* SPDX-License-Identifier: MIT */
#include "engine/tar.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/macro.h"

#define BLOCK 512

/* Numbers are octal digits, ended by a NUL or a space. */
typedef struct TarHeader {
        char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
                        version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
} TarHeader;
static_assert(sizeof(TarHeader) == BLOCK, "a header is one block");

/* ---- Reading ---- */

/* What does not fit is a binary number, whose first byte is not ASCII. */
static bool read_number(const char *field, size_t n, uint64_t *ret)
{
        uint64_t value = 0;

        for (size_t i = 0; i < n && field[i] && field[i] != ' '; i++) {
                if (field[i] < '0' || field[i] > '7')
                        return false;
                value = value << 3 | (uint64_t) (field[i] - '0');
        }
        *ret = value;
        return true;
}

static uint32_t read_id(const char *field, size_t n)
{
        uint64_t id;

        return read_number(field, n, &id) && id < UINT32_MAX ? (uint32_t) id : UINT32_MAX;
}

static bool is_zero(const char *block)
{
        for (size_t i = 0; i < BLOCK; i++)
                if (block[i])
                        return false;
        return true;
}

int engine_tar_read_folder(const char *data, size_t n, TarFolder *ret)
{
        TarFolder folder = { 0 };
        uint64_t size = 0, mode = 0;
        TarHeader h;

        if (n < BLOCK)
                return 0;
        memcpy(&h, data, sizeof h);
        if (memcmp(h.magic, "ustar", 5) != 0 || !read_number(h.size, sizeof h.size, &size))
                return -EBADMSG;
        if (h.type == 'x' || h.type == 'g') { /* further attributes of what follows */
                size = BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
                return size < n ? engine_tar_read_folder(data + size, n - size, ret) : 0;
        }
        if (h.type != '5')
                return -ENOTDIR;
        if (n < 2 * (size_t) BLOCK)
                return 0;
        if (!read_number(h.mode, sizeof h.mode, &mode) ||
                        !read_number(h.mtime, sizeof h.mtime, &folder.mtime))
                return -EBADMSG;
        folder.uid = read_id(h.uid, sizeof h.uid);
        folder.gid = read_id(h.gid, sizeof h.gid);
        folder.mode = (uint32_t) mode & 07777;
        folder.filled = !is_zero(data + BLOCK);
        *ret = folder;
        return 1;
}

/* ---- Writing ---- */

/* The sum of all bytes, with spaces in its own place. */
static void set_checksum(TarHeader *h)
{
        const unsigned char *bytes = (const unsigned char *) h;
        unsigned sum = 0;

        memset(h->checksum, ' ', sizeof h->checksum);
        for (size_t i = 0; i < sizeof *h; i++)
                sum += bytes[i];
        (void) snprintf(h->checksum, sizeof h->checksum, "%06o", sum & 0777777);
}

int engine_tar_write_folder(const char *name, const TarFolder *folder, char ret[ENGINE_TAR_SIZE])
{
        TarHeader h = { .type = '5', .magic = "ustar", .version = { '0', '0' } };

        if (strlen(name) >= sizeof h.name)
                return -ENAMETOOLONG;
        memcpy(h.name, name, strlen(name));
        (void) snprintf(h.mode, sizeof h.mode, "%07" PRIo32, folder->mode & 07777);
        (void) snprintf(h.uid, sizeof h.uid, "%07" PRIo32, folder->uid & 07777777);
        (void) snprintf(h.gid, sizeof h.gid, "%07" PRIo32, folder->gid & 07777777);
        (void) snprintf(h.size, sizeof h.size, "%011o", 0U);
        (void) snprintf(h.mtime, sizeof h.mtime, "%011" PRIo64, folder->mtime & UINT64_C(077777777777));
        set_checksum(&h);
        memset(ret, 0, ENGINE_TAR_SIZE);
        memcpy(ret, &h, sizeof h);
        return 0;
}
