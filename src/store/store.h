/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "core/ports.h"

/*
 * The store in Redis. It connects from the loop and stays at it for ever, waiting 50 ms to 2 s between attempts.
 * "Connected" means that Redis answers, has its data loaded, accepts writes of ours, and that the entries of the job
 * stream are known; and that nothing sent on a connection before this one can arrive any more.
 *
 * Keys: product:<id>, instance:<id>, secret:<id>, job:<id>, idempotency:<key> (text), generation:<deployment> (a
 * number, raised by each commit that changes a product, instance or secret), products (set), instances
 * (sorted set, created_at in µs), ark:jobs (stream with group and consumer arkd, field "job").
 *
 * Failures of a commit besides those of core/ports.h; nothing of it was done, and reason has Redis' own words:
 *  -EROFS   Redis takes no writes at all: it is a read-only replica, has too few replicas of its own or cannot save;
 *           the connection is given up until it does
 *  -ENOSPC  Redis has no memory left for it
 *  -EBUSY   too many commits are under way (at the call)
 *  -E2BIG   too many writes, or a record too large (at the call)
 *  -EPERM   Redis refused it for another reason
 * And one where some of the writes were done:
 *  -EIO     reason says "in part"
 */
typedef struct Store Store;

/*
 * address: the path of a unix socket or a numeric host:port. Each connection ends those that were made before for the
 * same deployment. 0, -EINVAL for a bad address, -ENAMETOOLONG, -ENOMEM.
 */
int store_new(sd_event *event, const char *address, const char *deployment, Store **ret);

/* Drops what is under way without calling back. Allowed from within any of its callbacks but on_record. */
Store *store_free(Store *store);
DEFINE_CLEANUP_FUNC(Store, store_free);

/* The store's port. It lives as long as the store. */
StorePort *store_port(Store *store);
