/* SPDX-License-Identifier: MIT */
#include "auth/attempts.h"

#include <errno.h>

#include "basic/log.h"
#include "basic/messages.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

typedef struct Attempt {
        Address network; /* family 0: this place is free */
        ListenerKind listener;
        unsigned n;
        uint64_t since_usec;
} Attempt;

struct Attempts {
        sd_event *event;
        sd_event_source *rest; /* tells of what was not logged; set while something was not */
        Attempt seen[ATTEMPTS_ADDRESSES_MAX];
        uint64_t lines_since_usec;
        unsigned lines, untold;
};

int attempts_new(sd_event *event, Attempts **ret)
{
        Attempts *attempts = new0(Attempts, 1);

        if (!attempts)
                return -ENOMEM;
        attempts->event = sd_event_ref(event);
        *ret = attempts;
        return 0;
}

Attempts *attempts_free(Attempts *attempts)
{
        if (!attempts)
                return NULL;
        sd_event_source_disable_unref(attempts->rest);
        sd_event_unref(attempts->event);
        free(attempts);
        return NULL;
}

/* ---- Who is not heard ---- */

static bool attempt_is_over(const Attempt *attempt, uint64_t now)
{
        return usec_between(attempt->since_usec, now) >= ATTEMPTS_WINDOW_USEC;
}

static bool attempt_is_of(const Attempt *attempt, ListenerKind listener, const Address *network)
{
        return attempt->listener == listener && attempt->network.family == network->family &&
               memcmp(attempt->network.bytes, network->bytes, sizeof network->bytes) == 0;
}

unsigned attempts_wait_s(const Attempts *attempts, ListenerKind listener, const Address *address)
{
        uint64_t now = now_monotonic();
        Address network;

        if (!address)
                return 0;
        network = address_subscriber(address);
        for (size_t i = 0; i < ELEMENTSOF(attempts->seen); i++) {
                const Attempt *attempt = &attempts->seen[i];
                uint64_t since = attempt->since_usec;

                if (attempt->n < ATTEMPTS_MAX || !attempt_is_of(attempt, listener, &network) ||
                                attempt_is_over(attempt, now))
                        continue;
                return (unsigned) ((since + ATTEMPTS_WINDOW_USEC - now + USEC_PER_SEC - 1) / USEC_PER_SEC);
        }
        return 0;
}

/* That of the address, or the one whose window began first: free places, which are zero, before all others. */
static Attempt *attempts_find(Attempts *attempts, ListenerKind listener, const Address *network)
{
        Attempt *oldest = &attempts->seen[0];

        for (size_t i = 0; i < ELEMENTSOF(attempts->seen); i++) {
                if (attempt_is_of(&attempts->seen[i], listener, network))
                        return &attempts->seen[i];
                if (attempts->seen[i].since_usec < oldest->since_usec)
                        oldest = &attempts->seen[i];
        }
        return oldest;
}

/* True where this is the one too many. */
static bool attempts_count(Attempts *attempts, ListenerKind listener, const Address *address, uint64_t now)
{
        Address network = address_subscriber(address);
        Attempt *attempt = attempts_find(attempts, listener, &network);

        if (!attempt_is_of(attempt, listener, &network) || attempt_is_over(attempt, now))
                *attempt = (Attempt){ .network = network, .listener = listener, .since_usec = now };
        return ++attempt->n == ATTEMPTS_MAX;
}

/* ---- What is told ---- */

static const LogContext rest_context = { .message_id = MESSAGE_TOKEN_WRONG };

static int on_rest(sd_event_source *source, uint64_t usec, void *userdata)
{
        Attempts *attempts = userdata;

        attempts->rest = sd_event_source_disable_unref(attempts->rest);
        log_full(LOG_WARNING, 0, &rest_context, "%u more wrong tokens came in the last minute",
                        attempts->untold);
        attempts->untold = 0;
        return 0;
}

/* Whether this one gets a line of its own. */
static bool attempts_may_tell(Attempts *attempts, uint64_t now)
{
        int r;

        if (usec_between(attempts->lines_since_usec, now) >= ATTEMPTS_WINDOW_USEC) {
                attempts->lines_since_usec = now;
                attempts->lines = 0;
        }
        if (attempts->lines < ATTEMPTS_LINES_MAX) {
                attempts->lines++;
                return true;
        }
        attempts->untold++;
        if (attempts->rest)
                return false;
        r = sd_event_add_time_relative(attempts->event, &attempts->rest, CLOCK_MONOTONIC,
                        ATTEMPTS_WINDOW_USEC, USEC_PER_SEC, on_rest, attempts);
        if (r < 0)
                log_error_errno(r, "Cannot set a timer: %m");
        return false;
}

static void attempts_tell(ListenerKind listener, const Address *address, const char *action, bool last)
{
        const char *name = listener_kind_to_string(listener);
        char text[ADDRESS_STRING_MAX] = "this host";
        _cleanup_free_ char *origin = NULL;

        if (address)
                address_to_text(address, text);
        origin = address ? str_printf("%s %s", name, text) : strdup(name);
        log_full(LOG_WARNING, 0,
                        LOG_ABOUT(.origin = origin, .action = action, .message_id = MESSAGE_TOKEN_WRONG),
                        "A wrong token came from %s over the %s listener%s", text, name,
                        last ? "; tokens from there are not heard for up to a minute" : "");
}

void attempts_note(Attempts *attempts, ListenerKind listener, const Address *address, const char *action)
{
        uint64_t now = now_monotonic();
        bool last = address && attempts_count(attempts, listener, address, now);

        if (attempts_may_tell(attempts, now))
                attempts_tell(listener, address, action, last);
}
