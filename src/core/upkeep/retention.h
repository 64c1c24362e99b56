/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/registry/context.h"

/*
 * Records of what is no more: a deleted instance's for TombstoneDays=, a failed deploy's as long and at most so many
 * of them; those that an idempotency key still answers with for its day, and more of them. Jobs make them, so they
 * are looked through when a job ends, at most once a minute: neither memory nor the store fills with them.
 */
void retention_run(Manager *manager);
