/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ports.h"

/*
 * Output of a container: frames of an 8-byte header and a payload, which begins with its time. The engine cuts a line that is
 * longer than 16 KiB into pieces, each a frame of the same time, the last of them with a line feed. They are put together
 * again here.
 */

/* So much is kept of a line; what is longer says in the end how much is missing. */
#define ENGINE_LOG_LINE_MAX ((size_t) 1024 * 1024)

/* How much output is kept: its end, of at least this size where there is more, or its beginning, of which the last
 * line may go beyond. */
#define ENGINE_LOG_MAX ((size_t) 1024 * 1024)

typedef struct EngineLogBuffer {
        char *data;
        size_t n, allocated;
} EngineLogBuffer;

/* A line of one of the two streams, of which the end has not come yet. */
typedef struct EngineLogPart {
        char stamp[LOG_STAMP_MAX];
        EngineLogBuffer text;
        uint64_t cut; /* bytes that were not kept */
        size_t n_piece; /* size of the last piece */
        bool open;
} EngineLogPart;

typedef struct EngineLogStream {
        /* Set before anything is fed: */
        bool bare; /* lines without their time */
        unsigned pieces; /* the engine was asked for so many, the last; 0: for all */
        unsigned lines; /* so many lines are taken, the first; 0: the last that there is room for */
        char after[LOG_STAMP_MAX]; /* what comes before the line of that time is left out; "": nothing */

        unsigned char header[8];
        size_t n_header; /* bytes of it that are there */
        size_t left; /* bytes of payload still to come */
        EngineLogBuffer frame;
        uint64_t frame_cut;
        EngineLogPart parts[2]; /* standard output, standard error */
        EngineLogBuffer text;
        unsigned n_pieces, n_lines;
        bool dropped; /* the beginning */
        bool joined; /* a line of several pieces was there */
        bool skipping, decided; /* as "after" says */
} EngineLogStream;

/* Feeds n bytes. 0, -EPROTO where they are not frames, -ENOMEM, -ENOBUFS once there are as many lines as are taken. */
int engine_log_stream_feed(EngineLogStream *s, const char *data, size_t n);
/* What was kept, as whole lines of valid UTF-8 with control characters replaced and a line feed after each. A line that is
 * not finished yet is there with its time alone. A new string; NULL when out of memory. */
char *engine_log_stream_text(EngineLogStream *s);
void engine_log_stream_done(EngineLogStream *s);
