/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Reads a regular file of at most max bytes, adding a NUL. -EFBIG where it is larger. */
int read_file(const char *path, size_t max, char **ret_text, size_t *ret_size);

#define TEMPORARY_SUFFIX ".new"

/* Replaces path by a file of that text and mode: written beside it, under its name with TEMPORARY_SUFFIX, and renamed.
 * Who is killed in between leaves the one beside it; who loses power later may find any of it, for it is not synced:
 * that may take as long as all that others have written. */
int write_file_atomic(const char *path, const char *text, mode_t mode);

/* Reads a credential that the service manager passed (systemd.exec(5), LoadCredential=), without trailing white
 * space. -ENOENT where none of that name was passed or it is empty. */
int read_credential(const char *name, char **ret_secret);
