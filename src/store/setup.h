/* SPDX-License-Identifier: MIT */
#pragma once

#include "store/link.h"

/* Reads the job stream into s->jobs, then calls s->on_set_up. What goes wrong breaks the connection. */
void store_setup_start(Store *s);
