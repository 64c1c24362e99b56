/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/ports.h"

/*
 * What an application listens on, for who reads that nothing listens on the product's port: "port 3000, 127.0.0.1:9090
 * only: …". NULL where there is no memory.
 */
char *listening_describe(const Listener *listeners, size_t n);
