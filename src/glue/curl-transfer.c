/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <limits.h>

#include "basic/time-util.h"
#include "glue/curl-internal.h"

/* A stream's piece is delivered as soon as libcurl returns, so this is far more than one read brings. */
#define STREAM_PIECE_MAX (8U * 1024 * 1024)

CurlTransfer *curl_transfer_free(CurlTransfer *t)
{
        if (!t)
                return NULL;
        if (t->is_ready)
                TAILQ_REMOVE(&t->glue->ready, t, ready);
        if (t->glue->delivering == t)
                t->glue->delivering = NULL;
        if (t->is_added) {
                (void) curl_multi_remove_handle(t->glue->multi, t->easy);
                t->glue->n_transfers--;
        }
        if (t->easy)
                curl_easy_cleanup(t->easy);
        curl_slist_free_all(t->headers);
        free(t->body);
        return mfree(t);
}

static void on_cancel(Pending *pending)
{
        (void) curl_transfer_free(container_of(pending, CurlTransfer, pending));
}

/* Puts it among those whose callbacks are to be called. */
static void set_ready(CurlTransfer *t)
{
        if (t->is_ready)
                return;
        TAILQ_INSERT_TAIL(&t->glue->ready, t, ready);
        t->is_ready = true;
}

/* Makes room for n more bytes and a NUL. */
static int body_reserve(CurlTransfer *t, size_t n, size_t max)
{
        size_t want;
        char *p;

        if (n > max || t->size > max - n)
                return -EFBIG;
        if (t->size + n + 1 <= t->allocated)
                return 0;
        want = (t->size + n + 1) * 2;
        p = realloc(t->body, want);
        if (!p)
                return -ENOMEM;
        t->body = p;
        t->allocated = want;
        return 0;
}

static long read_status(CurlTransfer *t)
{
        long status = 0;

        (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        return status;
}

static bool is_streamed(CurlTransfer *t)
{
        return t->on_data && t->status >= 200 && t->status < 300;
}

/* libcurl takes any answer but n as an order to stop. */
static size_t on_body(char *data, size_t size, size_t nmemb, void *userdata)
{
        CurlTransfer *t = userdata;
        size_t n = size * nmemb;
        int r;

        t->status = read_status(t);
        r = body_reserve(t, n, is_streamed(t) ? STREAM_PIECE_MAX : t->reply_max);
        if (r < 0) {
                t->error = r;
                return n == 0 ? 1 : 0;
        }
        memcpy(t->body + t->size, data, n);
        t->size += n;
        t->body[t->size] = '\0';
        if (is_streamed(t))
                set_ready(t);
        return n;
}

static size_t on_header(char *data, size_t size, size_t nmemb, void *userdata)
{
        CurlTransfer *t = userdata;
        size_t n = size * nmemb;

        if (t->on_header)
                t->on_header(data, n, t->userdata);
        if (!t->headers_only || n > 2 || (data[0] != '\r' && data[0] != '\n') || read_status(t) < 200)
                return n;
        t->have_headers = true; /* the empty line behind the final headers */
        return 0;
}

/* Microseconds to libcurl's milliseconds, of which 0 means none. */
static long timeout_msec(uint64_t usec)
{
        uint64_t msec;

        if (usec == UINT64_MAX)
                return 0;
        msec = usec / USEC_PER_MSEC + (usec % USEC_PER_MSEC > 0 || usec == 0);
        return msec > INT_MAX ? INT_MAX : (long) msec;
}

static int add_header(CurlTransfer *t, const char *header)
{
        struct curl_slist *l;

        l = curl_slist_append(t->headers, header);
        if (!l)
                return -ENOMEM;
        t->headers = l;
        return 0;
}

static int add_headers(CurlTransfer *t, const CurlRequest *request)
{
        int r;

        /* Without this, libcurl waits for a "100 Continue" before it sends larger bodies. */
        r = add_header(t, "Expect:");
        /* And without this it calls an empty body a form. */
        if (r >= 0 && !request->body)
                r = add_header(t, "Content-Type:");
        for (const char *const *h = request->headers; r >= 0 && h && *h; h++)
                r = add_header(t, *h);
        return r;
}

#define SET(easy, option, value) (curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static bool set_transport(CURL *easy, const CurlRequest *request)
{
#if LIBCURL_VERSION_NUM >= 0x075500
        if (!SET(easy, CURLOPT_PROTOCOLS_STR, "http"))
                return false;
#else
        if (!SET(easy, CURLOPT_PROTOCOLS, (long) CURLPROTO_HTTP))
                return false;
#endif
        return SET(easy, CURLOPT_URL, request->url) && SET(easy, CURLOPT_NOSIGNAL, 1L) &&
               SET(easy, CURLOPT_PATH_AS_IS, 1L) && SET(easy, CURLOPT_PROXY, "") &&
               SET(easy, CURLOPT_NOPROXY, "*") &&
               SET(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) &&
               SET(easy, CURLOPT_TIMEOUT_MS, timeout_msec(request->timeout_usec)) &&
               SET(easy, CURLOPT_FRESH_CONNECT, (long) request->fresh) &&
               SET(easy, CURLOPT_FORBID_REUSE, (long) request->fresh) &&
               (!request->unix_path || SET(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_path));
}

static bool set_message(CURL *easy, const CurlRequest *request)
{
        if (request->body || streq(request->method, "POST")) {
                if (!SET(easy, CURLOPT_POST, 1L) ||
                                !SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_size) ||
                                !SET(easy, CURLOPT_COPYPOSTFIELDS, request->body ? request->body : ""))
                        return false;
        }
        return SET(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static bool set_callbacks(CurlTransfer *t)
{
        return SET(t->easy, CURLOPT_PRIVATE, t) && SET(t->easy, CURLOPT_ERRORBUFFER, t->message) &&
               SET(t->easy, CURLOPT_HTTPHEADER, t->headers) &&
               SET(t->easy, CURLOPT_WRITEFUNCTION, on_body) && SET(t->easy, CURLOPT_WRITEDATA, t) &&
               SET(t->easy, CURLOPT_HEADERFUNCTION, on_header) && SET(t->easy, CURLOPT_HEADERDATA, t);
}

int curl_transfer_new(CurlGlue *glue, const CurlRequest *request, CurlTransfer **ret)
{
        _cleanup_(curl_transfer_freep) CurlTransfer *t = NULL;
        int r;

        t = new0(CurlTransfer, 1);
        if (!t)
                return -ENOMEM;
        t->pending.cancel = on_cancel;
        t->glue = glue;
        t->reply_max = request->reply_max;
        t->headers_only = request->headers_only;
        t->on_data = request->on_data;
        t->on_header = request->on_header;
        t->done = request->done;
        t->userdata = request->userdata;

        r = add_headers(t, request);
        if (r < 0)
                return r;
        t->easy = curl_easy_init();
        if (!t->easy || !set_callbacks(t) || !set_transport(t->easy, request) ||
                        !set_message(t->easy, request))
                return -ENOMEM;
        if (curl_multi_add_handle(glue->multi, t->easy) != CURLM_OK)
                return -ENOMEM;
        t->is_added = true;
        glue->n_transfers++;
        *ret = TAKE_PTR(t);
        return 0;
}

static int error_of(CURLcode code)
{
        switch (code) {
        case CURLE_OK:
                return 0;
        case CURLE_COULDNT_CONNECT:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_INTERFACE_FAILED:
                return -ENOTCONN;
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
        case CURLE_SEND_FAIL_REWIND:
                return -ECONNRESET;
        case CURLE_OUT_OF_MEMORY:
                return -ENOMEM;
        case CURLE_URL_MALFORMAT:
                return -EINVAL;
        default: /* CURLE_UNSUPPORTED_PROTOCOL is what HTTP/0.9, that is anything, is called */
                return -EPROTO;
        }
}

void curl_transfer_set_result(CurlTransfer *t, CURLcode code)
{
        t->status = read_status(t);
        if (t->have_headers)
                t->error = 0;
        else if (t->error == 0)
                t->error = error_of(code);
        if (t->error != 0 && t->message[0] == '\0')
                strncpy(t->message, curl_easy_strerror(code), sizeof(t->message) - 1);
        t->is_finished = true;
        set_ready(t);
}

/* Answers false where the transfer was cancelled meanwhile. */
static bool deliver_data(CurlTransfer *t)
{
        CurlGlue *glue = t->glue;
        _cleanup_free_ char *piece = TAKE_PTR(t->body);
        size_t n = t->size;
        int r;

        t->size = t->allocated = 0;
        if (n == 0)
                return true;
        glue->delivering = t;
        r = t->on_data(piece, n, t->userdata);
        if (!glue->delivering)
                return false;
        glue->delivering = NULL;
        if (r < 0) {
                t->error = r;
                strncpy(t->message, "The reply was not understood", sizeof(t->message) - 1);
                t->is_finished = true;
        }
        return true;
}

static void deliver_end(CurlTransfer *t)
{
        CurlReply reply = {
                .error = t->error,
                .reason = t->message,
                .status = t->status,
                .body = t->body ? t->body : "",
                .size = t->size,
        };

        if (t->error == -ENOTCONN) {
                long os_error = 0;

                (void) curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_error);
                reply.os_error = (int) os_error;
        }
        if (t->error == -EFBIG)
                reply.reason = "The reply is larger than expected";
        /* From here on the transfer is no longer its owner's; its connection is free for the next. */
        (void) curl_multi_remove_handle(t->glue->multi, t->easy);
        t->is_added = false;
        t->glue->n_transfers--;
        t->done(&reply, t->userdata);
        (void) curl_transfer_free(t);
}

void curl_transfer_deliver(CurlTransfer *t)
{
        assert(t->is_ready);
        TAILQ_REMOVE(&t->glue->ready, t, ready);
        t->is_ready = false;
        if (is_streamed(t) && !deliver_data(t))
                return;
        if (t->is_finished)
                deliver_end(t);
}
