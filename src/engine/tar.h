/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As much of the tar format (POSIX ustar) as it takes to read and to set whose a folder is: the engine's way into a
 * container's files is an archive. */

typedef struct TarFolder {
        uint32_t uid, gid; /* UINT32_MAX where they are out of the format's range */
        uint32_t mode;
        uint64_t mtime; /* seconds since 1970 */
        bool filled; /* something is in it */
} TarFolder;

/* Reads the head of the archive of one folder, of which n bytes are there so far. 1; 0 where it takes more of them;
 * -ENOTDIR where it is of something else, -EBADMSG where it is no archive. */
int engine_tar_read_folder(const char *data, size_t n, TarFolder *ret);

/* A whole archive of one folder of that name, without what is in it. */
#define ENGINE_TAR_SIZE 1536
/* 0, or -ENAMETOOLONG. */
int engine_tar_write_folder(const char *name, const TarFolder *folder, char ret[ENGINE_TAR_SIZE]);
