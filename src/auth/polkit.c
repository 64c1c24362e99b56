/* SPDX-License-Identifier: MIT */
#include "auth/polkit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>

#include "basic/log.h"
#include "basic/time-util.h"

#define POLKIT_NAME      "org.freedesktop.PolicyKit1"
#define POLKIT_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

#define FLAG_ALLOW_INTERACTION UINT32_C(1)
#define TIMEOUT_USEC           (10 * USEC_PER_SEC)
/* For somebody to find the password; no caller waits for ever for a polkit that hangs. */
#define TIMEOUT_INTERACTIVE_USEC (5 * USEC_PER_MINUTE)

struct PolkitQuery {
        sd_bus *bus;
        sd_bus_slot *slot;
        char *cancellation_id;
        bool unanswered; /* counted below */
        PolkitDone done; /* NULL: it was dropped */
        void *userdata;
};

/* The bus counts calls until they are answered, also those that nobody waits for any more. */
static unsigned n_unanswered = 0;

static void query_answered(PolkitQuery *query)
{
        n_unanswered -= query->unanswered;
        query->unanswered = false;
}

/* With its slot: when it was answered or the connection is gone. */
static void query_destroy(void *userdata)
{
        PolkitQuery *query = userdata;

        query_answered(query);
        free(query->cancellation_id);
        free(query);
}

unsigned polkit_unanswered(void)
{
        return n_unanswered;
}

PolkitQuery *polkit_query_free(PolkitQuery *query)
{
        if (!query)
                return NULL;
        query->done = NULL;
        (void) sd_bus_call_method_async(query->bus, NULL, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                        "CancelCheckAuthorization", NULL, NULL, "s", query->cancellation_id);
        /* Stays until polkit has answered that it was cancelled. */
        (void) sd_bus_slot_set_floating(query->slot, true);
        sd_bus_slot_unref(query->slot);
        return NULL;
}

static PolkitAnswer read_answer(sd_bus_message *message)
{
        static bool is_away = false;
        int is_authorized, is_challenge, r;

        if (sd_bus_message_is_method_error(message, NULL)) {
                /* Told once until it is back: anybody may ask as often as they like. */
                log_full(is_away ? LOG_DEBUG : LOG_INFO, 0, NULL,
                                "polkit cannot be asked, so only root may: %s",
                                sd_bus_message_get_error(message)->message);
                is_away = true;
                return POLKIT_UNAVAILABLE;
        }
        is_away = false;
        r = sd_bus_message_enter_container(message, SD_BUS_TYPE_STRUCT, "bba{ss}");
        if (r > 0)
                r = sd_bus_message_read(message, "bb", &is_authorized, &is_challenge);
        if (r <= 0)
                return POLKIT_UNAVAILABLE;
        return is_authorized ? POLKIT_ALLOWED : is_challenge ? POLKIT_CHALLENGE : POLKIT_DENIED;
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        PolkitQuery *query = userdata;
        PolkitDone done = query->done;
        void *done_userdata = query->userdata;

        query_answered(query);
        if (!done)
                return 0;
        query->done = NULL;
        sd_bus_slot_unref(query->slot);
        done(read_answer(message), done_userdata);
        return 0;
}

static int append_details(sd_bus_message *message, const StringPairs *details)
{
        int r;

        r = sd_bus_message_open_container(message, SD_BUS_TYPE_ARRAY, "{ss}");
        for (size_t i = 0; r >= 0 && details && i < details->n; i++)
                r = sd_bus_message_append(message, "{ss}", details->items[i].key, details->items[i].value);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int query_send(PolkitQuery *query, const char *sender, const char *action, const StringPairs *details,
                bool interactive)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(query->bus, &message, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                        "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(
                                message, "(sa{sv})s", "system-bus-name", 1, "name", "s", sender, action);
        if (r >= 0)
                r = append_details(message, details);
        if (r >= 0)
                r = sd_bus_message_append(message, "us", interactive ? FLAG_ALLOW_INTERACTION : 0,
                                query->cancellation_id);
        if (r >= 0)
                r = sd_bus_call_async(query->bus, &query->slot, message, on_answer, query,
                                interactive ? TIMEOUT_INTERACTIVE_USEC : TIMEOUT_USEC);
        return r;
}

int polkit_query_new(sd_bus *bus, const char *sender, const char *action, const StringPairs *details,
                bool interactive, PolkitDone done, void *userdata, PolkitQuery **ret)
{
        static uint64_t counter = 0;
        PolkitQuery *query = new0(PolkitQuery, 1);
        int r = -ENOMEM;

        if (!query)
                return -ENOMEM;
        *query = (PolkitQuery){ .bus = bus, .done = done, .userdata = userdata };
        query->cancellation_id = str_printf("arkd-%" PRIu64, counter++);
        if (query->cancellation_id)
                r = query_send(query, sender, action, details, interactive);
        if (r < 0) {
                query_destroy(query);
                return r;
        }
        (void) sd_bus_slot_set_destroy_callback(query->slot, query_destroy);
        query->unanswered = true;
        n_unanswered++;
        *ret = query;
        return 0;
}
