/* SPDX-License-Identifier: MIT */
#include "glue/curl-glue.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "glue/curl-internal.h"

/* Idle connections that are kept for reuse. */
#define IDLE_CONNECTIONS_MAX 16L

/* Every finished message is taken out each time: libcurl does not tell of the same one twice. */
static void collect_finished(CurlGlue *glue)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(glue->multi, &left))) {
                char *transfer = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                (void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
                curl_transfer_set_result((CurlTransfer *) (void *) transfer, message->data.result);
        }
}

static void drive(CurlGlue *glue, curl_socket_t fd, int what)
{
        CurlTransfer *t;
        CURLMcode code;
        int running;

        code = curl_multi_socket_action(glue->multi, fd, what, &running);
        if (code != CURLM_OK)
                log_warning("An HTTP transfer could not go on: %s", curl_multi_strerror(code));
        collect_finished(glue);
        while ((t = TAILQ_FIRST(&glue->ready)))
                curl_transfer_deliver(t);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        int what = 0;

        if (revents & EPOLLIN)
                what |= CURL_CSELECT_IN;
        if (revents & EPOLLOUT)
                what |= CURL_CSELECT_OUT;
        if (revents & (EPOLLERR | EPOLLHUP))
                what |= CURL_CSELECT_ERR;
        drive(userdata, fd, what);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        drive(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static uint32_t events_of(int what)
{
        switch (what) {
        case CURL_POLL_IN:
                return EPOLLIN;
        case CURL_POLL_OUT:
                return EPOLLOUT;
        case CURL_POLL_INOUT:
                return EPOLLIN | EPOLLOUT;
        default:
                return 0;
        }
}

/* A transfer whose socket nobody watches would hear of nothing but its deadline. */
static void give_up(CURL *easy)
{
        char *transfer = NULL;

        (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
        if (transfer)
                curl_transfer_set_result((CurlTransfer *) (void *) transfer, CURLE_OUT_OF_MEMORY);
}

/* libcurl tells which socket it wants watched, and for what. A negative answer here would end every transfer. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
        CurlGlue *glue = userdata;
        sd_event_source *source = socket_data;
        int r;

        if (what == CURL_POLL_REMOVE) {
                (void) sd_event_source_disable_unref(source);
                return 0;
        }
        if (source) {
                r = sd_event_source_set_io_events(source, events_of(what));
        } else {
                r = sd_event_add_io(glue->event, &source, fd, events_of(what), on_io, glue);
                if (r >= 0) {
                        (void) sd_event_source_set_description(source, "http");
                        (void) curl_multi_assign(glue->multi, fd, source);
                }
        }
        if (r < 0 && r != -ESTALE) {
                log_warning_errno(r, "Failed to watch the socket of an HTTP transfer: %m");
                give_up(easy);
        }
        return 0;
}

/* libcurl must not be called from in here, so even "at once" goes through the loop. */
static int on_timeout_changed(CURLM *multi, long msec, void *userdata)
{
        CurlGlue *glue = userdata;
        int r;

        if (msec < 0)
                r = sd_event_source_set_enabled(glue->timer, SD_EVENT_OFF);
        else {
                r = sd_event_source_set_time(glue->timer,
                                msec == 0 ? 0 : now_monotonic() + (uint64_t) msec * USEC_PER_MSEC);
                if (r >= 0)
                        r = sd_event_source_set_enabled(glue->timer, SD_EVENT_ONESHOT);
        }
        /* -ESTALE: the loop has ended, and transfers are being given up. */
        if (r < 0 && r != -ESTALE)
                log_warning_errno(r, "Failed to set the timer of the HTTP transfers: %m");
        return 0;
}

static int set_up_multi(CurlGlue *glue)
{
        glue->multi = curl_multi_init();
        if (!glue->multi || curl_multi_setopt(glue->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
                        curl_multi_setopt(glue->multi, CURLMOPT_SOCKETDATA, glue) != CURLM_OK ||
                        curl_multi_setopt(glue->multi, CURLMOPT_TIMERFUNCTION, on_timeout_changed) !=
                                        CURLM_OK ||
                        curl_multi_setopt(glue->multi, CURLMOPT_TIMERDATA, glue) != CURLM_OK ||
                        curl_multi_setopt(glue->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS_MAX) !=
                                        CURLM_OK)
                return -ENOMEM;
        return 0;
}

int curl_glue_new(sd_event *event, CurlGlue **ret)
{
        _cleanup_(curl_glue_freep) CurlGlue *glue = NULL;
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        glue = new0(CurlGlue, 1);
        if (!glue) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        TAILQ_INIT(&glue->ready);
        glue->event = sd_event_ref(event);
        r = sd_event_add_time(event, &glue->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_timer, glue);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(glue->timer, "http-timer");
        r = sd_event_source_set_enabled(glue->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = set_up_multi(glue);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(glue);
        return 0;
}

CurlGlue *curl_glue_free(CurlGlue *glue)
{
        if (!glue)
                return NULL;
        assert(glue->n_transfers == 0);
        if (glue->multi)
                (void) curl_multi_cleanup(glue->multi);
        (void) sd_event_source_disable_unref(glue->timer);
        (void) sd_event_unref(glue->event);
        curl_global_cleanup();
        return mfree(glue);
}

int curl_glue_start(CurlGlue *glue, const CurlRequest *request, Pending **ret_pending)
{
        CurlTransfer *t;
        int r;

        assert(request->method && request->url && request->done && ret_pending);
        r = curl_transfer_new(glue, request, &t);
        if (r < 0)
                return r;
        *ret_pending = &t->pending;
        return 0;
}
