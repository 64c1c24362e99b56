/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "glue/curl-glue.h"

/*
 * The functions of curl-glue.h, with transfers that are answered from the fuzzer's input. That is a list of answers
 * with lines of "%%" between them, each
 *
 *     STATUS[,PIECE]
 *     body
 *
 * STATUS is a number, or a letter for what goes wrong: "refused", "broken" connection, "timeout", "nonsense", "large";
 * the body comes in pieces of that size where it is streamed. When the input is used up, connections are refused.
 */
typedef struct FakeCurl {
        const char *input, *end;
        bool all; /* else, what the client asks about the engine itself is answered as by a real one … */
        bool events; /* … and the stream of events stays open without a word */
        unsigned n_told, n_refused; /* pieces that the input had, and answers that it did not have */
        unsigned n_live;
        char *last_found; /* the body of the last GET that succeeded */
        void (*on_request)(const CurlRequest *request);
} FakeCurl;

extern FakeCurl fake_curl;

void fake_curl_begin(const char *input, size_t n);
/* All transfers have ended or been cancelled. */
void fake_curl_end(void);
