/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/request.h"

/*
 * The audit trail: one line in the journal for each call of a verb that changes something or gives secrets away, with
 * who called (ARK_CALLER), from where (ARK_ORIGIN), what (ARK_ACTION) and on which instance or product. Called when
 * the request ends, or dies before its end.
 */
void audit_request(const Request *request);
