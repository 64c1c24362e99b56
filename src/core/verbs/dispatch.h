/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"

/* Checks the arguments against the verb's row and runs it, or holds it for a moment (hold.h). The caller's right has been
 * checked before, by auth/gate.h. Never fails: whatever goes wrong reaches the completion. */
void request_dispatch(Request *request);
