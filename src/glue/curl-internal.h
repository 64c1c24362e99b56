/* SPDX-License-Identifier: MIT */
#pragma once

#include <curl/curl.h>
#include <sys/queue.h>

#include "glue/curl-glue.h"

/* What the two halves of the glue share: curl-glue.c drives the loop, curl-transfer.c is one request. */

typedef struct CurlTransfer CurlTransfer;

typedef TAILQ_HEAD(CurlTransferList, CurlTransfer) CurlTransferList;

struct CurlGlue {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer;
        /* Those that have data or an end to tell of. libcurl must not be called back from its own callbacks, so
         * these only note what happened, and the users' callbacks run once it has returned. */
        CurlTransferList ready;
        CurlTransfer *delivering; /* whose callback runs; NULL once that was cancelled */
        unsigned n_transfers;
};

struct CurlTransfer {
        Pending pending;
        CurlGlue *glue;
        TAILQ_ENTRY(CurlTransfer) ready;
        bool is_ready, is_added, is_finished;

        CURL *easy;
        struct curl_slist *headers;
        char message[CURL_ERROR_SIZE];

        size_t reply_max;
        bool headers_only, have_headers;
        CurlData on_data;
        CurlHeader on_header;
        CurlDone done;
        void *userdata;

        char *body; /* kept whole, or for a stream what was not delivered yet */
        size_t size, allocated;
        long status;
        int error;
};

int curl_transfer_new(CurlGlue *glue, const CurlRequest *request, CurlTransfer **ret);
CurlTransfer *curl_transfer_free(CurlTransfer *t);
DEFINE_CLEANUP_FUNC(CurlTransfer, curl_transfer_free);

/* Notes how libcurl ended it. */
void curl_transfer_set_result(CurlTransfer *t, CURLcode code);
/* Calls the callbacks that are due; t may be freed afterwards. */
void curl_transfer_deliver(CurlTransfer *t);
