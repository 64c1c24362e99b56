/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "basic/macro.h"

/* ---- JSON objects one after the other, as pulls and events send them ------------------------------------------ */

typedef struct EngineJsonStream {
        struct json_tokener *tokener;
        size_t size; /* of the document that is being read */
} EngineJsonStream;

/* One document; it is the stream's. A negative answer stops the parsing. */
typedef int (*EngineJsonHandler)(struct json_object *document, void *userdata);

/*
 * Feeds n bytes, calling the handler once for each document that is complete. 0; -EPROTO where it is not a JSON object,
 * -EFBIG where one is too large, -ENOMEM, or what the handler answered. Nothing may be fed after a failure. The
 * handler must not free the stream.
 */
int engine_json_stream_feed(
                EngineJsonStream *s, const char *data, size_t n, EngineJsonHandler handler, void *userdata);
/* Whether the stream may end here, which is not so within a document. */
bool engine_json_stream_is_between(const EngineJsonStream *s);
void engine_json_stream_done(EngineJsonStream *s);

/* ---- Output of a container: frames of an 8-byte header and a payload ------------------------------------------ */

/* What is kept of the output: its end, of at least this size where there is more. Up to twice that is kept, so that
 * the memory is moved once in a while instead of with each frame. */
#define ENGINE_LOG_MAX ((size_t) 256 * 1024)

typedef struct EngineLogStream {
        unsigned char header[8];
        size_t n_header; /* bytes of it that are there */
        size_t left; /* bytes of payload still to come */
        char *text;
        size_t n_text;
        bool cut; /* the beginning was dropped */
} EngineLogStream;

/* Feeds n bytes. 0, -EPROTO where they are not frames, -ENOMEM. */
int engine_log_stream_feed(EngineLogStream *s, const char *data, size_t n);
/* What was kept, as whole lines of valid UTF-8 with control characters replaced and a line feed after each. A new
 * string; NULL when out of memory. */
char *engine_log_stream_text(const EngineLogStream *s);
void engine_log_stream_done(EngineLogStream *s);
