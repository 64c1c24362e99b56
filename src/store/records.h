/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/ports.h"

/* A record as it is being loaded: found as a member of its set, as a key, or both. */
typedef struct Record {
        StoreKind kind;
        bool in_set;
        double score; /* where in_set, of an instance */
        uint64_t created_usec; /* of an instance, by its own text; its score where that does not say */
        char *id;
        char *text; /* NULL where there is no such key */
} Record;

/* Zero-initialise. */
typedef struct Records {
        Record *items;
        size_t n, allocated;
} Records;

/* Adds one. 0, -ENOMEM, or -E2BIG past a million. */
int records_add(Records *records, StoreKind kind, const char *id, bool in_set, double score);

/* Sorts by kind and id, and makes one of those that stand for the same record. */
void records_unite(Records *records);

/* Finds one among united records; NULL. Not for instances once they are sorted by age. */
const Record *records_find(const Records *records, StoreKind kind, const char *id);

/* Sorts by kind, instances oldest first, the rest by id. */
void records_sort_by_age(Records *records);

/* Sets created_usec from the text's created_at. */
void record_read_created(Record *record);

/* Whether the sorted set has the record under the time at which it was created. */
bool record_score_is_right(const Record *record);

void records_done(Records *records);
