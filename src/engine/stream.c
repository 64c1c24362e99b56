/* SPDX-License-Identifier: MIT */
#include "engine/engine-stream.h"

#include <errno.h>
#include <stdint.h>

#include "basic/json-util.h"
#include "basic/utf8.h"

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

/* Appends, dropping from the beginning what is over the limit. */
static int log_append(EngineLogStream *s, const char *data, size_t n)
{
        if (!s->text) {
                s->text = malloc(ENGINE_LOG_MAX * 2);
                if (!s->text)
                        return -ENOMEM;
        }
        if (n > ENGINE_LOG_MAX) {
                data += n - ENGINE_LOG_MAX;
                n = ENGINE_LOG_MAX;
                s->n_text = 0;
                s->cut = true;
        } else if (s->n_text + n > ENGINE_LOG_MAX * 2) {
                size_t drop = s->n_text - (ENGINE_LOG_MAX - n);

                memmove(s->text, s->text + drop, s->n_text - drop);
                s->n_text -= drop;
                s->cut = true;
        }
        memcpy(s->text + s->n_text, data, n);
        s->n_text += n;
        return 0;
}

/* Byte 0 tells which stream it is; the last four are the payload's length, most significant first. */
static int read_header(EngineLogStream *s)
{
        const unsigned char *h = s->header;

        if (h[0] > 3 || h[1] != 0 || h[2] != 0 || h[3] != 0)
                return -EPROTO;
        s->left = (size_t) h[4] << 24 | (size_t) h[5] << 16 | (size_t) h[6] << 8 | h[7];
        s->n_header = 0;
        return 0;
}

int engine_log_stream_feed(EngineLogStream *s, const char *data, size_t n)
{
        int r;

        while (n > 0) {
                size_t used;

                if (s->left == 0) {
                        used = sizeof(s->header) - s->n_header;
                        used = used < n ? used : n;
                        memcpy(s->header + s->n_header, data, used);
                        s->n_header += used;
                        if (s->n_header == sizeof(s->header) && (r = read_header(s)) < 0)
                                return r;
                } else {
                        used = s->left < n ? s->left : n;
                        r = log_append(s, data, used);
                        if (r < 0)
                                return r;
                        s->left -= used;
                }
                data += used, n -= used;
        }
        return 0;
}

char *engine_log_stream_text(const EngineLogStream *s)
{
        const char *text = s->text ? s->text : "", *newline;
        size_t n = s->n_text;
        char *valid;

        if (s->cut && (newline = memchr(text, '\n', n))) {
                n -= (size_t) (newline + 1 - text);
                text = newline + 1;
        }
        valid = utf8_make_valid(text, n);
        n = valid ? strlen(valid) : 0;
        if (n > 0 && valid[n - 1] != '\n') {
                char *p = realloc(valid, n + 2);

                if (!p)
                        return mfree(valid);
                valid = p;
                memcpy(valid + n, "\n", 2);
        }
        return valid;
}

void engine_log_stream_done(EngineLogStream *s)
{
        free(s->text);
        *s = (EngineLogStream){};
}
