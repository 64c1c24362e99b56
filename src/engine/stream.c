/* SPDX-License-Identifier: MIT */
#include "engine/stream.h"

#include <errno.h>
#include <stdint.h>

#include "basic/json-util.h"

#define DOCUMENT_MAX ((size_t) 256 * 1024)

static int tokener_new(struct json_tokener **ret)
{
        struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH_MAX);

        if (!t)
                return -ENOMEM;
        /* Not strict: json-c 0.18 then refuses all that is not ASCII, and the engine writes sound JSON. */
        *ret = t;
        return 0;
}

/* Skips what may stand between documents. */
static size_t skip_space(const char *data, size_t n)
{
        size_t i = 0;

        while (i < n && strchr(" \t\r\n", data[i]) && data[i] != '\0')
                i++;
        return i;
}

/* So much as cannot hold more than one document: json-c would look behind it for white space and comments, and what
 * it makes of them depends on where the piece ends. */
static size_t piece_size(const char *data, size_t n)
{
        const char *end;

        if (n > DOCUMENT_MAX)
                n = DOCUMENT_MAX;
        end = memchr(data, '}', n);
        return end ? (size_t) (end - data) + 1 : n;
}

int engine_json_stream_feed(
                EngineJsonStream *s, const char *data, size_t n, EngineJsonHandler handler, void *userdata)
{
        int r;

        if (!s->tokener && (r = tokener_new(&s->tokener)) < 0)
                return r;
        while (n > 0) {
                _cleanup_json_ struct json_object *document = NULL;
                size_t skipped = s->size == 0 ? skip_space(data, n) : 0, used;

                data += skipped, n -= skipped;
                if (n == 0)
                        break;
                if (s->size == 0 && data[0] != '{')
                        return -EPROTO;
                used = piece_size(data, n);
                document = json_tokener_parse_ex(s->tokener, data, (int) used);
                if (!document) {
                        if (json_tokener_get_error(s->tokener) != json_tokener_continue)
                                return -EPROTO;
                        s->size += used;
                        if (s->size > DOCUMENT_MAX)
                                return -EFBIG;
                } else {
                        used = json_tokener_get_parse_end(s->tokener);
                        s->size = 0;
                        json_tokener_reset(s->tokener);
                        r = handler(document, userdata);
                        if (r < 0)
                                return r;
                }
                data += used, n -= used;
        }
        return 0;
}

bool engine_json_stream_is_between(const EngineJsonStream *s)
{
        return s->size == 0;
}

void engine_json_stream_done(EngineJsonStream *s)
{
        if (s->tokener)
                json_tokener_free(s->tokener);
        *s = (EngineJsonStream){};
}
