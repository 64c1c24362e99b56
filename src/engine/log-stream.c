/* SPDX-License-Identifier: MIT */
#include "engine/log-stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "basic/utf8.h"

/* The engine's buffer. A piece of that size without a line feed goes on; a shorter one is the end of the output. */
#define PIECE_SIZE ((size_t) 16 * 1024)

#define FRAME_MAX (LOG_STAMP_MAX + ENGINE_LOG_LINE_MAX)

static int buffer_reserve(EngineLogBuffer *b, size_t n)
{
        size_t size = b->allocated > 0 ? b->allocated : 4096;
        char *more;

        if (b->allocated - b->n >= n)
                return 0;
        while (size - b->n < n)
                size *= 2;
        more = realloc(b->data, size);
        if (!more)
                return -ENOMEM;
        b->data = more;
        b->allocated = size;
        return 0;
}

static int buffer_add(EngineLogBuffer *b, const char *data, size_t n)
{
        int r = buffer_reserve(b, n);

        if (r < 0 || n == 0)
                return r;
        memcpy(b->data + b->n, data, n);
        b->n += n;
        return 0;
}

/* Of more than is kept in all, the beginning goes, in whole lines. */
static void make_room(EngineLogStream *s, size_t n)
{
        size_t keep = n < ENGINE_LOG_MAX ? ENGINE_LOG_MAX - n : 0, drop;
        const char *newline;

        if (s->lines > 0 || s->text.n + n <= 2 * ENGINE_LOG_MAX)
                return;
        drop = s->text.n > keep ? s->text.n - keep : 0;
        newline = drop > 0 ? memchr(s->text.data + drop - 1, '\n', s->text.n - drop + 1) : NULL;
        drop = newline ? (size_t) (newline + 1 - s->text.data) : drop > 0 ? s->text.n : 0;
        memmove(s->text.data, s->text.data + drop, s->text.n - drop);
        s->text.n -= drop;
        s->dropped = true;
}

static int add_line(EngineLogStream *s, const EngineLogPart *part)
{
        char note[64] = "\n";
        int r;

        if (part->cut > 0)
                (void) snprintf(note, sizeof note,
                                " [\u2026 %" PRIu64 " more bytes of this line were cut]\n", part->cut);
        make_room(s, LOG_STAMP_MAX + part->text.n + strlen(note));
        r = s->bare ? 0 : buffer_add(&s->text, part->stamp, strlen(part->stamp));
        if (r >= 0 && !s->bare)
                r = buffer_add(&s->text, " ", 1);
        if (r >= 0)
                r = buffer_add(&s->text, part->text.data, part->text.n);
        if (r >= 0)
                r = buffer_add(&s->text, note, strlen(note));
        s->n_lines++;
        return r;
}

/* The line is whole. Whether another may come: -ENOBUFS where not. */
static int part_finish(EngineLogStream *s, EngineLogPart *part)
{
        int r = 0;

        part->open = false;
        if (s->skipping && strcmp(part->stamp, s->after) == 0)
                s->skipping = false;
        if (!s->skipping)
                r = add_line(s, part);
        part->text.n = 0;
        part->cut = 0;
        if (r >= 0 && s->lines > 0 && (s->n_lines >= s->lines || s->text.n >= ENGINE_LOG_MAX))
                return -ENOBUFS;
        return r;
}

/* Where the first that the engine has is of after that time, the line of that time is gone, and nothing is left out. */
static void decide(EngineLogStream *s, const char *stamp)
{
        if (s->decided)
                return;
        s->decided = true;
        s->skipping = *s->after && strcmp(stamp, s->after) <= 0;
}

static bool goes_on(const EngineLogPart *part, const char *stamp)
{
        return part->open && (strcmp(part->stamp, stamp) == 0 || part->n_piece == PIECE_SIZE);
}

static int part_add(EngineLogPart *part, const char *text, size_t n, uint64_t cut)
{
        size_t room = ENGINE_LOG_LINE_MAX - part->text.n, kept = n < room ? n : room;

        part->n_piece = n;
        part->open = true;
        part->cut += cut + (n - kept);
        return buffer_add(&part->text, text, kept);
}

static int take_piece(EngineLogStream *s, EngineLogPart *part, const char *stamp, const char *text, size_t n,
                bool last)
{
        int r, full = 0;

        if (goes_on(part, stamp))
                s->joined = true;
        else {
                if (part->open)
                        full = part_finish(s, part);
                if (full < 0 && full != -ENOBUFS)
                        return full;
                (void) snprintf(part->stamp, sizeof part->stamp, "%s", stamp);
        }
        r = part_add(part, text, n, s->frame_cut);
        if (r < 0 || full < 0)
                return r < 0 ? r : full; /* what was begun is asked for again */
        return last ? part_finish(s, part) : 0;
}

/* The time, up to the text. NULL where it is none. */
static const char *take_stamp(const EngineLogBuffer *frame, char ret_stamp[LOG_STAMP_MAX])
{
        size_t n = frame->n < LOG_STAMP_MAX ? frame->n : LOG_STAMP_MAX;
        const char *space = memchr(frame->data, ' ', n);

        if (!space)
                return NULL;
        n = (size_t) (space - frame->data);
        memcpy(ret_stamp, frame->data, n);
        ret_stamp[n] = '\0';
        return space + 1;
}

static int take_frame(EngineLogStream *s)
{
        const EngineLogBuffer *f = &s->frame;
        char stamp[LOG_STAMP_MAX];
        const char *text = take_stamp(f, stamp);
        bool last = s->frame_cut == 0 && f->data[f->n - 1] == '\n';

        if (!text)
                return 0;
        s->n_pieces++;
        decide(s, stamp);
        return take_piece(s, &s->parts[s->header[0] == 2], stamp, text,
                        (size_t) (f->data + f->n - text) - last, last);
}

/* Byte 0 tells which stream it is; the last four are the payload's length, most significant first. */
static int read_header(EngineLogStream *s)
{
        const unsigned char *h = s->header;

        if (h[0] > 3 || h[1] != 0 || h[2] != 0 || h[3] != 0)
                return -EPROTO;
        s->left = (size_t) h[4] << 24 | (size_t) h[5] << 16 | (size_t) h[6] << 8 | h[7];
        s->n_header = 0;
        s->frame.n = 0;
        s->frame_cut = 0;
        return 0;
}

static int feed_header(EngineLogStream *s, const char *data, size_t n, size_t *ret_used)
{
        size_t used = sizeof s->header - s->n_header;

        used = used < n ? used : n;
        memcpy(s->header + s->n_header, data, used);
        s->n_header += used;
        *ret_used = used;
        return s->n_header == sizeof s->header ? read_header(s) : 0;
}

static int feed_payload(EngineLogStream *s, const char *data, size_t n, size_t *ret_used)
{
        size_t used = s->left < n ? s->left : n, room = FRAME_MAX - s->frame.n,
               kept = used < room ? used : room;
        int r = buffer_add(&s->frame, data, kept);

        if (r < 0)
                return r;
        s->frame_cut += used - kept;
        s->left -= used;
        *ret_used = used;
        return s->left == 0 ? take_frame(s) : 0;
}

int engine_log_stream_feed(EngineLogStream *s, const char *data, size_t n)
{
        while (n > 0) {
                size_t used = 0;
                int r;

                r = s->left == 0 ? feed_header(s, data, n, &used) : feed_payload(s, data, n, &used);
                if (r < 0)
                        return r;
                data += used, n -= used;
        }
        return 0;
}

/* A line without an end: either the output ended there, or the rest is to come. */
static int part_end(EngineLogStream *s, EngineLogPart *part)
{
        int r;

        if (!part->open)
                return 0;
        if (s->bare || part->n_piece != PIECE_SIZE) {
                r = part_finish(s, part);
                return r == -ENOBUFS ? 0 : r;
        }
        r = buffer_add(&s->text, part->stamp, strlen(part->stamp));
        return r < 0 ? r : buffer_add(&s->text, "\n", 1);
}

char *engine_log_stream_text(EngineLogStream *s)
{
        const char *text, *newline;
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(s->parts); i++)
                if (part_end(s, s->parts + i) < 0)
                        return NULL;
        text = s->text.data ? s->text.data : "";
        n = s->text.n;
        /* The last so many pieces may begin within a line. */
        if (s->joined && s->pieces > 0 && s->n_pieces >= s->pieces && !s->dropped &&
                        (newline = memchr(text, '\n', n))) {
                n -= (size_t) (newline + 1 - text);
                text = newline + 1;
        }
        return utf8_make_valid(text, n);
}

void engine_log_stream_done(EngineLogStream *s)
{
        for (size_t i = 0; i < ELEMENTSOF(s->parts); i++)
                free(s->parts[i].text.data);
        free(s->frame.data);
        free(s->text.data);
        *s = (EngineLogStream){};
}
