/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/macro.h"

/*
 * A piece of asynchronous work that is under way, as its owner sees it: something that can be cancelled.
 *
 * Whoever starts work hands out a Pending with it. From then on exactly one of two things happens:
 *  - the work ends: its callback is called once, from the event loop and never from within the call that
 *    started it. The Pending is spent at that moment; the owner forgets its pointer in the callback.
 *  - the owner calls pending_cancel(): the callback is not called, and all that the work held is freed.
 *    Cancelling from within another callback is allowed.
 *
 * An implementation embeds a Pending in its own structure and finds that again by container_of().
 */
typedef struct Pending Pending;

struct Pending {
        /* Stops the work and frees what belongs to it, the Pending included. */
        void (*cancel)(Pending *pending);
};

/* Cancels the work. Accepts NULL, answers NULL: p = pending_cancel(p). */
Pending *pending_cancel(Pending *pending);
DEFINE_CLEANUP_FUNC(Pending, pending_cancel);
