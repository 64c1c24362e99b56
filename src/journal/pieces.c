/* SPDX-License-Identifier: MIT */
#include "journal/pieces.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"

/* Room for what is said of a line that was cut. */
#define NOTE_MAX ((size_t) 64)

static void piece_done(Pieces *pieces, Piece *p)
{
        pieces->bytes -= p->allocated;
        pieces->n_open -= p->head != NULL;
        free(p->head);
        free(p->text);
        *p = (Piece){ 0 };
}

/* The line that its stream has begun; where it has none and one is wanted, a free place; else NULL. */
static Piece *find(Pieces *pieces, const JournalLine *line, bool wanted)
{
        Piece *free_place = NULL;

        if (pieces->n_open == 0 && !wanted)
                return NULL; /* as nearly always */
        for (size_t i = 0; i < PIECES_MAX; i++) {
                Piece *p = pieces->items + i;

                if (p->head && p->line.priority == line->priority && strcmp(p->line.id, line->id) == 0)
                        return p;
                if (!p->head && !free_place)
                        free_place = p;
        }
        return wanted ? free_place : NULL;
}

static bool piece_begin(Pieces *pieces, Piece *p, const JournalLine *line)
{
        size_t n_instance = strlen(line->instance) + 1, n_container = strlen(line->container) + 1,
               n_id = strlen(line->id) + 1;

        p->head = malloc(n_instance + n_container + n_id);
        if (!p->head)
                return false;
        pieces->n_open++;
        memcpy(p->head, line->instance, n_instance);
        memcpy(p->head + n_instance, line->container, n_container);
        memcpy(p->head + n_instance + n_container, line->id, n_id);
        p->line = (JournalLine){ .priority = line->priority,
                .instance = p->head,
                .container = p->head + n_instance,
                .id = p->head + n_instance + n_container };
        return true;
}

static bool piece_reserve(Pieces *pieces, Piece *p, size_t n)
{
        size_t size = p->allocated > 0 ? p->allocated : 2 * PIECE_SIZE;
        char *more;

        while (size < n + NOTE_MAX)
                size *= 2;
        if (size > p->allocated) {
                more = pieces->bytes + size - p->allocated <= PIECES_BYTES_MAX ? realloc(p->text, size)
                                                                               : NULL;
                if (!more)
                        return false;
                p->text = more;
                pieces->bytes += size - p->allocated;
                p->allocated = size;
        }
        p->line.text = p->text;
        return true;
}

/* What there is no room for is counted. */
static void piece_add(Pieces *pieces, Piece *p, const JournalLine *line)
{
        size_t room = PIECES_LINE_MAX - p->line.n_text, n = line->n_text < room ? line->n_text : room;

        if (!piece_reserve(pieces, p, p->line.n_text + n))
                n = 0;
        if (n > 0)
                memcpy(p->text + p->line.n_text, line->text, n);
        p->line.n_text += n;
        p->cut += line->n_text - n;
}

static void piece_finish(Pieces *pieces, Piece *p, JournalLine *ret)
{
        if (p->cut > 0 && p->text)
                p->line.n_text += (size_t) snprintf(p->text + p->line.n_text, NOTE_MAX,
                                " [\u2026 %" PRIu64 " more bytes of this line were cut]", p->cut);
        *ret = p->line;
        pieces->done = *p;
        *p = (Piece){ 0 };
}

bool pieces_take(Pieces *pieces, const JournalLine *piece, uint64_t now_usec, JournalLine *ret)
{
        const bool goes_on = piece->n_text == PIECE_SIZE;
        Piece *p = find(pieces, piece, goes_on);

        if (pieces->done.head)
                piece_done(pieces, &pieces->done);
        if (p && !p->head && (!piece_begin(pieces, p, piece) || !piece_reserve(pieces, p, PIECE_SIZE))) {
                piece_done(pieces, p);
                p = NULL;
        }
        if (!p) {
                *ret = *piece;
                return true;
        }
        piece_add(pieces, p, piece);
        p->seen_usec = now_usec;
        if (!goes_on)
                piece_finish(pieces, p, ret);
        return !goes_on;
}

bool pieces_expire(Pieces *pieces, uint64_t now_usec, JournalLine *ret)
{
        if (pieces->done.head)
                piece_done(pieces, &pieces->done);
        for (size_t i = 0; i < PIECES_MAX; i++) {
                Piece *p = pieces->items + i;

                if (!p->head || now_usec - p->seen_usec < PIECES_WAIT_USEC)
                        continue;
                piece_finish(pieces, p, ret);
                return true;
        }
        return false;
}

void pieces_done(Pieces *pieces)
{
        for (size_t i = 0; i < PIECES_MAX; i++)
                piece_done(pieces, pieces->items + i);
        piece_done(pieces, &pieces->done);
}
