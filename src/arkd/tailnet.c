/* SPDX-License-Identifier: MIT */
#include "arkd/tailnet.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

#define STATUS_MAX       ((size_t) 4 * 1024 * 1024) /* it lists every peer */
#define TIMEOUT_USEC     (5 * USEC_PER_SEC)
#define RETRY_FIRST_USEC (1 * USEC_PER_SEC)
#define RETRY_MAX_USEC   (60 * USEC_PER_SEC)

struct Tailnet {
        sd_event *event;
        CurlGlue *curl;
        char *socket_path;
        TailnetHandler handler;
        void *userdata;
        Pending *pending;
        sd_event_source *retry;
        unsigned attempts;
};

static int copy_host(const char *s, size_t n, char **ret)
{
        if (n == 0 || n > 253 ||
                        strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") < n)
                return -ENODATA;
        *ret = strndup(s, n);
        return *ret ? 0 : -ENOMEM;
}

int tailnet_parse_status(const char *text, size_t n, char **ret_host)
{
        _cleanup_json_ struct json_object *status = NULL;
        struct json_object *self, *addresses;
        bool magic_dns = true; /* older ones do not say */
        const char *name;
        int r;

        r = json_parse(text, n, &status, NULL);
        if (r < 0)
                return r;
        self = json_get(status, "Self");
        /* The name is there also where nobody could resolve it. */
        (void) json_get_bool(json_get(status, "CurrentTailnet"), "MagicDNSEnabled", &magic_dns);
        if (magic_dns && json_get_string(self, "DNSName", &name) >= 0 && *name) {
                size_t length = strlen(name);

                return copy_host(name, name[length - 1] == '.' ? length - 1 : length, ret_host);
        }
        addresses = json_get(self, "TailscaleIPs");
        if (!json_object_is_type(addresses, json_type_array) || json_object_array_length(addresses) == 0)
                return -ENODATA;
        name = json_object_get_string(json_object_array_get_idx(addresses, 0));
        return name ? copy_host(name, strlen(name), ret_host) : -ENODATA;
}

static void tailnet_ask(Tailnet *t);

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Tailnet *t = userdata;

        t->retry = sd_event_source_disable_unref(t->retry);
        tailnet_ask(t);
        return 0;
}

static void tailnet_ask_later(Tailnet *t)
{
        uint64_t delay = RETRY_FIRST_USEC << (t->attempts < 6 ? t->attempts : 6);
        int r;

        if (t->attempts++ == 0)
                log_notice("BaseURL= is not set and tailscaled does not tell this host's name yet: links "
                           "begin with http://localhost:3000 until it does");
        r = sd_event_add_time_relative(t->event, &t->retry, CLOCK_MONOTONIC,
                        delay < RETRY_MAX_USEC ? delay : RETRY_MAX_USEC, USEC_PER_SEC, on_retry, t);
        if (r < 0)
                log_error_errno(r, "Cannot set a timer: %m");
}

static void on_status(const CurlReply *reply, void *userdata)
{
        _cleanup_free_ char *host = NULL;
        Tailnet *t = userdata;

        t->pending = NULL;
        if (reply->error < 0 || reply->status != 200 ||
                        tailnet_parse_status(reply->body, reply->size, &host) < 0)
                tailnet_ask_later(t);
        else
                t->handler(host, t->userdata);
}

static void tailnet_ask(Tailnet *t)
{
        const CurlRequest request = {
                .method = "GET",
                .url = "http://local-tailscaled.sock/localapi/v0/status?peers=false",
                .unix_path = t->socket_path,
                .timeout_usec = TIMEOUT_USEC,
                .reply_max = STATUS_MAX,
                .done = on_status,
                .userdata = t,
        };
        int r;

        r = curl_glue_start(t->curl, &request, &t->pending);
        if (r < 0) {
                log_warning_errno(r, "Cannot ask tailscaled, trying again: %m");
                tailnet_ask_later(t);
        }
}

int tailnet_new(sd_event *event, CurlGlue *curl, const char *socket_path, TailnetHandler handler,
                void *userdata, Tailnet **ret)
{
        _cleanup_(tailnet_freep) Tailnet *t = new0(Tailnet, 1);

        if (!t)
                return -ENOMEM;
        t->event = sd_event_ref(event);
        t->curl = curl;
        t->handler = handler;
        t->userdata = userdata;
        t->socket_path = strdup(socket_path);
        if (!t->socket_path)
                return -ENOMEM;
        tailnet_ask(t);
        *ret = TAKE_PTR(t);
        return 0;
}

Tailnet *tailnet_free(Tailnet *t)
{
        if (!t)
                return NULL;
        pending_cancel(t->pending);
        sd_event_source_disable_unref(t->retry);
        sd_event_unref(t->event);
        free(t->socket_path);
        free(t);
        return NULL;
}
