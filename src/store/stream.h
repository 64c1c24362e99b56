/* SPDX-License-Identifier: MIT */
#pragma once

#include "store/link.h"

/* The job stream: what is done to it besides reading it. Its entries are in store/job-entries.h. */

/* Makes the group by which entries are claimed, and the stream. As store_send(). */
int store_create_group(Store *s, RedisReplyHandler handler, void *userdata);

/* Takes an entry that stands for no work out of the stream, and forgets it: entry, one of s->jobs, is gone. 0, or what
 * sending answered; it is found again with the next connection where Redis did not get to it. */
int store_drop_entry(Store *s, const JobEntry *entry);
