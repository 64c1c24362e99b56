/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * User ids for applications that are given one of their own. What two containers share by running as one user is
 * counted against both (inotify instances, pending signals), and what the host's user of that id may read in /proc is
 * theirs (their environment, with passwords in it).
 */
typedef struct UserRange {
        uint32_t first, last;
} UserRange;

/* Everything below is the system's own; 65534 is nobody, and ids above are of user namespaces. */
#define USER_ID_MIN 1000
#define USER_ID_MAX 65533

/* "20000-59999". -EINVAL malformed, -ERANGE where it is not within what may be. */
int user_range_parse(const char *s, UserRange *ret);

/* Which ids are taken; one bit each. */
typedef struct UserIds {
        uint64_t bits[(USER_ID_MAX + 64) / 64];
} UserIds;

void user_ids_add(UserIds *ids, uint32_t id); /* what is out of range is left out */
bool user_ids_have(const UserIds *ids, uint32_t id);
/* The users of this host, and those that they may give to others, from the text of passwd(5) and subuid(5). */
void user_ids_add_passwd(UserIds *ids, const char *text);
void user_ids_add_subuid(UserIds *ids, const char *text);

/* The first free one after another, round the end of the range, so that an id rests before it is given again. -EUSERS
 * where there is none. */
int user_range_take(const UserRange *range, const UserIds *taken, uint32_t after, uint32_t *ret);
