/* SPDX-License-Identifier: MIT */
#pragma once

#include "store/link.h"

/* Commits under way at once, the writes of one, and the bytes of a record. */
#define COMMITS_MAX     1024
#define WRITES_MAX      8192
#define RECORD_SIZE_MAX (1024U * 1024)

/* Of StoreVTable: as core/ports.h and store.h say. */
int store_commit(StorePort *port, const StoreWrite *writes, size_t n, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);

/* Frees all that are under way, without calling back. The connection must be gone, as it would answer them. */
void store_commits_drop(Store *s);
