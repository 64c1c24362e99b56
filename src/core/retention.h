/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/manager.h"

/*
 * Records of what is no more: a deleted instance's for TombstoneDays=, a failed deploy's as long and at most so many
 * of them. Looked at once a minute from the load on, so that neither memory nor the store fills with them.
 */
int retention_start(Manager *manager);
