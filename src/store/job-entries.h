/* SPDX-License-Identifier: MIT */
#pragma once

#include <hiredis/hiredis.h>

#include "basic/macro.h"

/* An entry of the job stream and the job it stands for. A job has one entry; two where it was added twice. */
typedef struct JobEntry {
        char *id; /* of the entry */
        char *job;
} JobEntry;

/* In the order of the stream. Zero-initialise. */
typedef struct JobEntries {
        JobEntry *items;
        size_t n, allocated;
} JobEntries;

/* Adds copies at the end. 0 or -ENOMEM. */
int job_entries_add(JobEntries *entries, const char *id, const char *job);

/* Drops the entry of that id, if it is there. */
void job_entries_remove(JobEntries *entries, const char *id);

/* The first entry of the job, or NULL. */
const JobEntry *job_entries_find(const JobEntries *entries, const char *job);

void job_entries_done(JobEntries *entries);

/*
 * Adds the entries of a reply to XREADGROUP on one stream. An entry without a job (deleted, or not of ours) is added
 * with an empty one. Answers how many the reply had, -EBADMSG where it is no such reply, -ENOMEM.
 */
int job_entries_add_reply(JobEntries *entries, const redisReply *reply);
