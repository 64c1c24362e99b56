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

struct PolkitQuery {
        sd_bus *bus;
        sd_bus_slot *slot;
        char *cancellation_id;
        PolkitDone done;
        void *userdata;
};

PolkitQuery *polkit_query_free(PolkitQuery *query)
{
        if (!query)
                return NULL;
        if (query->slot) {
                sd_bus_slot_unref(query->slot);
                (void) sd_bus_call_method_async(query->bus, NULL, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                                "CancelCheckAuthorization", NULL, NULL, "s", query->cancellation_id);
        }
        sd_bus_unref(query->bus);
        free(query->cancellation_id);
        return mfree(query);
}
DEFINE_CLEANUP_FUNC(PolkitQuery, polkit_query_free);

static PolkitAnswer read_answer(sd_bus_message *message)
{
        int is_authorized, is_challenge, r;

        if (sd_bus_message_is_method_error(message, NULL)) {
                log_info("polkit cannot be asked, so only root may: %s",
                                sd_bus_message_get_error(message)->message);
                return POLKIT_UNAVAILABLE;
        }
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
        PolkitAnswer answer = read_answer(message);

        query->slot = sd_bus_slot_unref(query->slot);
        polkit_query_free(query);
        done(answer, done_userdata);
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
        return r < 0 ? r
                     : sd_bus_call_async(query->bus, &query->slot, message, on_answer, query,
                                       interactive ? UINT64_MAX : TIMEOUT_USEC);
}

int polkit_query_new(sd_bus *bus, const char *sender, const char *action, const StringPairs *details,
                bool interactive, PolkitDone done, void *userdata, PolkitQuery **ret)
{
        static uint64_t counter = 0;
        _cleanup_(polkit_query_freep) PolkitQuery *query = new0(PolkitQuery, 1);
        int r;

        if (!query)
                return -ENOMEM;
        query->bus = sd_bus_ref(bus);
        query->done = done;
        query->userdata = userdata;
        query->cancellation_id = str_printf("arkd-%" PRIu64, counter++);
        if (!query->cancellation_id)
                return -ENOMEM;
        r = query_send(query, sender, action, details, interactive);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(query);
        return 0;
}
