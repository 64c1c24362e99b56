/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/macro.h"

/* Where a key stands. */
typedef struct ConfigPlace {
        const char *path;
        unsigned line, last_line; /* the same where its value does not go on */
} ConfigPlace;

/* Takes one key with its whole value, or refuses it: negative, after it has logged why. */
typedef int (*ConfigKeyHandler)(
                void *userdata, const ConfigPlace *place, const char *name, const char *value);

/*
 * Hands over each key below [arkd], in the order of the file, as arkd.conf(5) says it is written. What is no such file is
 * logged with its line. Reads on after an error, so that all of them are seen at once, and answers -EINVAL or what the
 * handler did; a file that is not there is empty.
 */
int config_file_read(const char *path, ConfigKeyHandler on_key, void *userdata);
