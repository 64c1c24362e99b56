/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "basic/macro.h"

/* JSON objects one after the other, as pulls and events send them. */

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
