/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/line.h"

/*
 * Lines of containers that come in pieces. The engine cuts a line after every 16 KiB, and its syslog driver does not tell: a
 * piece of that size is followed by the rest. (Of a line of exactly that length it leaves the empty rest out, and the
 * next line is taken for it.)
 */
#define PIECE_SIZE ((size_t) 16 * 1024)

/* So much is kept of a line; what is longer says in the end how much is missing. */
#define PIECES_LINE_MAX ((size_t) 1024 * 1024)

/* A rest that has not come for so long does not come. */
#define PIECES_WAIT_USEC UINT64_C(1000000)

/* More than this at a time, and lines stay in pieces: of the lines, and of the bytes that they have together. */
#define PIECES_MAX       256
#define PIECES_BYTES_MAX ((size_t) 64 * 1024 * 1024)

typedef struct Piece {
        char *head; /* instance, container and id, each with its end; NULL: a place that is free */
        JournalLine line; /* points into head and text */
        char *text;
        size_t allocated;
        uint64_t cut; /* bytes that were not kept */
        uint64_t seen_usec; /* when the last came */
} Piece;

typedef struct Pieces {
        Piece items[PIECES_MAX];
        unsigned n_open;
        size_t bytes; /* allocated in all */
        Piece done; /* the last line that was answered */
} Pieces;

/* Takes what has come. Whether there is a whole line now: it is *ret's, valid until the next call. now_usec:
 * CLOCK_MONOTONIC. */
bool pieces_take(Pieces *pieces, const JournalLine *piece, uint64_t now_usec, JournalLine *ret);
/* The same of a line whose rest does not come. */
bool pieces_expire(Pieces *pieces, uint64_t now_usec, JournalLine *ret);
void pieces_done(Pieces *pieces);
