/* SPDX-License-Identifier: MIT */
#include "fake_curl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "basic/string-util.h"
#include "hurried_clock.h"

#define SEPARATOR     "\n%%\n"
#define TRANSFER_USEC UINT64_C(2000)

typedef struct Transfer {
        Pending pending;
        sd_event_source *turn, *timeout;
        CurlRequest request; /* of what it points to, only what is copied below */
        char *url;
        bool answered, delivering, cancelled;
        long status;
        int error;
        char *body;
        size_t size, given, piece;
} Transfer;

struct CurlGlue {
        sd_event *event;
};

FakeCurl fake_curl;

void fake_curl_begin(const char *input, size_t n)
{
        fake_curl = (FakeCurl){ .input = input, .end = input + n };
}

void fake_curl_end(void)
{
        assert(fake_curl.n_live == 0);
        fake_curl.last_found = mfree(fake_curl.last_found);
}

int curl_glue_new(sd_event *event, CurlGlue **ret)
{
        *ret = new0(CurlGlue, 1);
        assert(*ret);
        (*ret)->event = event;
        return 0;
}

CurlGlue *curl_glue_free(CurlGlue *glue)
{
        return mfree(glue);
}

static void transfer_free(Transfer *t)
{
        (void) sd_event_source_disable_unref(t->turn);
        (void) sd_event_source_disable_unref(t->timeout);
        free(t->url);
        free(t->body);
        free(t);
        fake_curl.n_live--;
}

static void on_cancel(Pending *pending)
{
        Transfer *t = container_of(pending, Transfer, pending);

        assert(!t->cancelled);
        t->cancelled = true;
        if (!t->delivering)
                transfer_free(t);
}

/* ---- Answers ----------------------------------------------------------------------------------------------- */

static void set_body(Transfer *t, const char *body, size_t n)
{
        t->body = calloc(1, n + 1);
        assert(t->body);
        memcpy(t->body, body, n);
        t->size = n;
}

static bool answer_by_heart(Transfer *t)
{
        static const struct {
                const char *path, *body;
        } known[] = {
                { "/version", "{\"ApiVersion\":\"1.45\",\"MinAPIVersion\":\"1.24\"}" },
                { "/info", "{\"CgroupDriver\":\"systemd\",\"LoggingDriver\":\"json-file\","
                           "\"Plugins\":{\"Log\":[\"journald\"]}}" },
                { "/_ping", "OK" },
        };
        const char *path = strrchr(t->url, '/');

        if (fake_curl.all)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (streq(path, known[i].path)) {
                        t->status = 200;
                        set_body(t, known[i].body, strlen(known[i].body));
                        return true;
                }
        if (fake_curl.events || !startswith(path, "/events?"))
                return false;
        t->error = -ETIMEDOUT;
        return true;
}

static int trouble_of(char letter)
{
        switch (letter) {
        case 'b':
                return -ECONNRESET;
        case 't':
                return -ETIMEDOUT;
        case 'n':
                return -EPROTO;
        case 'l':
                return -EFBIG;
        default:
                return -ENOTCONN;
        }
}

static unsigned take_number(const char **p, const char *end, unsigned max)
{
        unsigned n = 0;

        for (; *p < end && **p >= '0' && **p <= '9'; (*p)++)
                n = n < max ? n * 10 + (unsigned) (**p - '0') : max;
        return n < max ? n : max;
}

static void answer_by_input(Transfer *t)
{
        const char *p = fake_curl.input, *stop, *line;

        if (!p) {
                fake_curl.n_refused++;
                t->error = -ENOTCONN;
                return;
        }
        fake_curl.n_told++;
        stop = memmem(p, (size_t) (fake_curl.end - p), SEPARATOR, strlen(SEPARATOR));
        fake_curl.input = stop ? stop + strlen(SEPARATOR) : NULL;
        stop = stop ? stop : fake_curl.end;
        line = memchr(p, '\n', (size_t) (stop - p));
        line = line ? line : stop;
        if (p < line && *p >= 'a' && *p <= 'z') {
                t->error = trouble_of(*p);
                return;
        }
        t->status = (long) take_number(&p, line, 999);
        if (t->status < 200)
                t->status = 200;
        if (p < line)
                p++;
        t->piece = take_number(&p, line, 1000000);
        line += line < stop;
        set_body(t, line, (size_t) (stop - line));
}

static void note_found(const Transfer *t)
{
        if (t->error < 0 || t->status >= 300 || !streq(t->request.method, "GET"))
                return;
        free(fake_curl.last_found);
        fake_curl.last_found = strdup(t->body);
        assert(fake_curl.last_found);
}

/* ---- Transfers --------------------------------------------------------------------------------------------- */

static void transfer_end(Transfer *t)
{
        bool streamed = t->request.on_data && t->status >= 200 && t->status < 300;
        CurlReply reply = {
                .error = t->error,
                .reason = t->error < 0 ? strerror(-t->error) : "",
                .os_error = t->error == -ENOTCONN ? ECONNREFUSED : 0,
                .status = t->error < 0 ? 0 : t->status,
                .body = t->error < 0 || streamed ? "" : t->body,
                .size = t->error < 0 || streamed ? 0 : t->size,
        };

        t->delivering = true;
        t->request.done(&reply, t->request.userdata);
        assert(!t->cancelled);
        transfer_free(t);
}

/* Answers whether there is more to come, or it was cancelled. */
static bool deliver_piece(Transfer *t)
{
        size_t n = t->size - t->given;
        int r;

        if (t->error < 0 || !t->request.on_data || t->status >= 300 || n == 0)
                return false;
        if (t->piece > 0 && n > t->piece)
                n = t->piece;
        t->delivering = true;
        r = t->request.on_data(t->body + t->given, n, t->request.userdata);
        t->delivering = false;
        t->given += n;
        fake_curl.n_told++;
        if (t->cancelled)
                transfer_free(t);
        else if (r < 0) {
                t->error = r;
                return false;
        }
        return true;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        transfer_end(userdata);
        return 0;
}

static void wait_for_timeout(Transfer *t)
{
        int r;

        r = sd_event_source_set_enabled(t->turn, SD_EVENT_OFF);
        assert(r >= 0);
        if (t->request.timeout_usec == UINT64_MAX)
                return;
        r = sd_event_add_time_relative(sd_event_source_get_event(t->turn), &t->timeout, CLOCK_MONOTONIC,
                        t->request.timeout_usec, 0, on_timeout, t);
        assert(r >= 0);
}

static int on_turn(sd_event_source *source, void *userdata)
{
        Transfer *t = userdata;

        if (!t->answered) {
                t->answered = true;
                hurried_pass(TRANSFER_USEC);
                if (!answer_by_heart(t))
                        answer_by_input(t);
                if (t->error == 0 && t->size > t->request.reply_max)
                        t->error = -EFBIG;
                if (t->error == -ETIMEDOUT)
                        wait_for_timeout(t);
                note_found(t);
                return 0;
        }
        if (!deliver_piece(t))
                transfer_end(t);
        return 0;
}

int curl_glue_start(CurlGlue *glue, const CurlRequest *request, Pending **ret_pending)
{
        Transfer *t = new0(Transfer, 1);
        int r;

        assert(t && ret_pending && request->done && request->unix_path);
        assert((request->body && request->body_size > 0) || (!request->body && request->body_size == 0));
        t->pending.cancel = on_cancel;
        t->request = *request;
        t->url = strdup(request->url);
        assert(t->url);
        r = sd_event_add_defer(glue->event, &t->turn, on_turn, t);
        assert(r >= 0);
        r = sd_event_source_set_enabled(t->turn, SD_EVENT_ON);
        assert(r >= 0);
        fake_curl.n_live++;
        if (fake_curl.on_request)
                fake_curl.on_request(request);
        *ret_pending = &t->pending;
        return 0;
}
