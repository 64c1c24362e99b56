/* SPDX-License-Identifier: MIT */
#include "arkd/bus-link.h"

#include <errno.h>
#include <systemd/sd-bus.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "bus/api.h"
#include "bus/words.h"
#include "core/registry/context.h"

#define RECONNECT_FIRST_USEC (100 * USEC_PER_MSEC)
#define RECONNECT_MAX_USEC   (5 * USEC_PER_SEC)

struct BusLink {
        sd_event *event;
        Manager *manager;
        sd_bus *bus;
        BusApi *api;
        sd_bus_slot *naming, *disconnected;
        sd_event_source *reconnect;
        unsigned failures;
};

static void link_connect(BusLink *link);

static void link_drop(BusLink *link)
{
        link->api = bus_api_free(link->api);
        link->naming = sd_bus_slot_unref(link->naming);
        link->disconnected = sd_bus_slot_unref(link->disconnected);
        link->bus = sd_bus_close_unref(link->bus);
}

static int on_reconnect(sd_event_source *source, uint64_t usec, void *userdata)
{
        BusLink *link = userdata;

        link->reconnect = sd_event_source_disable_unref(link->reconnect);
        link_drop(link);
        link_connect(link);
        return 0;
}

/* From a timer, as the connection cannot be freed from within its own callbacks. */
static void link_reconnect_later(BusLink *link)
{
        uint64_t delay = RECONNECT_FIRST_USEC << (link->failures < 6 ? link->failures : 6);
        int r;

        if (link->reconnect)
                return;
        link->failures++;
        r = sd_event_add_time_relative(link->event, &link->reconnect, CLOCK_MONOTONIC,
                        delay < RECONNECT_MAX_USEC ? delay : RECONNECT_MAX_USEC, 0, on_reconnect, link);
        if (r < 0)
                log_error_errno(r, "Cannot set a timer: %m");
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        BusLink *link = userdata;

        log_warning("The connection to the system bus broke; connecting again");
        link_reconnect_later(link);
        return 0;
}

static int on_named(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *e = sd_bus_message_get_error(message);
        BusLink *link = userdata;

        link->naming = sd_bus_slot_unref(link->naming);
        if (!e) {
                log_debug("Serving %s on the system bus", BUS_NAME);
                link->failures = 0;
                return 0;
        }
        log_error("The system bus does not give the name %s: %s", BUS_NAME, strempty(e->message));
        link_reconnect_later(link);
        return 0;
}

static int link_open(BusLink *link)
{
        int r;

        r = sd_bus_open_system(&link->bus);
        if (r < 0)
                return r;
        (void) sd_bus_set_exit_on_disconnect(link->bus, false);
        r = sd_bus_attach_event(link->bus, link->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_match_signal_async(link->bus, &link->disconnected, "org.freedesktop.DBus.Local",
                                "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected",
                                on_disconnected, NULL, link);
        if (r >= 0)
                r = bus_api_new(link->bus, link->manager, &link->api);
        if (r >= 0)
                r = sd_bus_request_name_async(link->bus, &link->naming, BUS_NAME, 0, on_named, link);
        return r;
}

static void link_connect(BusLink *link)
{
        int r = link_open(link);

        if (r >= 0)
                return;
        if (link->failures == 0)
                log_warning_errno(r, "The system bus cannot be reached, trying again: %m");
        link_drop(link);
        link_reconnect_later(link);
}

int bus_link_new(sd_event *event, Manager *manager, BusLink **ret)
{
        BusLink *link = new0(BusLink, 1);

        if (!link)
                return -ENOMEM;
        link->event = sd_event_ref(event);
        link->manager = manager;
        link_connect(link);
        *ret = link;
        return 0;
}

BusLink *bus_link_free(BusLink *link)
{
        if (!link)
                return NULL;
        sd_event_source_disable_unref(link->reconnect);
        /* Replies that are still in its queue. Before the handshake is through, flushing would wait for that, and
         * for a bus that hangs without end. */
        if (link->bus && sd_bus_is_ready(link->bus) > 0)
                (void) sd_bus_flush(link->bus);
        link_drop(link);
        sd_event_unref(link->event);
        free(link);
        return NULL;
}
