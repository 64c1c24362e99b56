/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "basic/pending.h"

/*
 * HTTP requests by libcurl's multi interface on an sd-event loop: one CurlGlue a loop, any number of transfers at
 * once. Plain HTTP/1.1 over TCP or a unix socket, without proxies, redirects, cookies or name guessing.
 */
typedef struct CurlGlue CurlGlue;

/* How a transfer ended. All of it is valid during the callback only. */
typedef struct CurlReply {
        /*
         * 0: a reply came in whole; status tells which. Otherwise one of
         *  -ENOTCONN    no connection came about: refused, no such socket, no route
         *  -ECONNRESET  the connection broke before the reply was complete
         *  -ETIMEDOUT   the deadline passed
         *  -EFBIG       the reply is larger than reply_max
         *  -EPROTO      what came is not HTTP
         *  -EINVAL      the URL is malformed
         *  -ENOMEM, or what on_data() answered
         */
        int error;
        const char *reason; /* of a failure: libcurl's words; never NULL */
        int os_error; /* errno (positive) of a connection that did not come about, 0 where unknown */
        long status; /* 0 while no status line was read */
        const char *body; /* never NULL, with a NUL after size bytes */
        size_t size;
} CurlReply;

typedef void (*CurlDone)(const CurlReply *reply, void *userdata);

/* A piece of the body of a 2xx reply, as it came. A negative answer ends the transfer with that error. */
typedef int (*CurlData)(const char *data, size_t n, void *userdata);

/* A line of the reply's headers, with its end. Called from within libcurl: nothing may be started or cancelled in it. */
typedef void (*CurlHeader)(const char *line, size_t n, void *userdata);

typedef struct CurlRequest {
        const char *method; /* "GET", "POST", …; not "HEAD" */
        const char *url; /* http://…; its path is sent as it is, dots and escapes included */
        const char *unix_path; /* socket to connect to, or NULL for TCP to the URL's host */
        const char *const *headers; /* NULL-terminated list of "Name: value", or NULL */
        const void *body; /* copied; NULL for none */
        size_t body_size;
        uint64_t timeout_usec; /* from start to the end of the reply; UINT64_MAX for none */
        size_t reply_max; /* bytes of body that are kept at most; a streamed body does not count */
        bool headers_only; /* ends well once the headers are there; the body is never read */
        bool fresh; /* uses a connection of its own, closed afterwards */
        CurlData on_data; /* NULL: the whole body is in the reply; else bodies of 2xx replies go here */
        CurlHeader on_header; /* NULL: nobody wants them */
        CurlDone done;
        void *userdata;
} CurlRequest;

/* Makes the glue. The loop is referenced. 0, -ENOMEM or what sd-event said. */
int curl_glue_new(sd_event *event, CurlGlue **ret);

/* Frees it. All transfers must have ended or been cancelled before; not from within a transfer's callback. */
CurlGlue *curl_glue_free(CurlGlue *glue);
DEFINE_CLEANUP_FUNC(CurlGlue, curl_glue_free);

/*
 * Starts a transfer, following basic/pending.h: done is called once and from the loop, unless it is cancelled.
 * Starting and cancelling, of this transfer or of others, is allowed from within on_data and (but for the transfer
 * that just ended) done. 0, -EINVAL or -ENOMEM.
 */
int curl_glue_start(CurlGlue *glue, const CurlRequest *request, Pending **ret_pending);
