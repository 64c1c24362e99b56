/* SPDX-License-Identifier: MIT */
#pragma once

#include "store/link.h"

/* Of StoreVTable: as core/ports.h says. One at a time: -EBUSY. */
int store_load(StorePort *port, uint64_t timeout_usec, StoreRecordHandler on_record, PortDone done,
                void *userdata, Pending **ret_pending);

/* Frees the load under way, if there is one, without calling back. Not from within its on_record. */
void store_load_drop(Store *s);
