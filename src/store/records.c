/* SPDX-License-Identifier: MIT */
#include "store/records.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/time-util.h"

#define RECORDS_MAX 1000000U

int records_add(Records *records, StoreKind kind, const char *id, bool in_set, double score)
{
        char *copy;

        if (records->n >= RECORDS_MAX)
                return -E2BIG;
        if (records->n == records->allocated) {
                size_t wanted = records->allocated * 2 + 64;
                Record *items = reallocarray(records->items, wanted, sizeof(Record));

                if (!items)
                        return -ENOMEM;
                records->items = items;
                records->allocated = wanted;
        }
        copy = strdup(id);
        if (!copy)
                return -ENOMEM;
        records->items[records->n++] =
                        (Record){ .kind = kind, .id = copy, .in_set = in_set, .score = score };
        return 0;
}

static int compare(const void *a, const void *b)
{
        const Record *x = a, *y = b;

        return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : strcmp(x->id, y->id);
}

static int compare_age(const void *a, const void *b)
{
        const Record *x = a, *y = b;

        if (x->kind == y->kind && x->created_usec != y->created_usec)
                return x->created_usec > y->created_usec ? 1 : -1;
        return compare(a, b);
}

void records_unite(Records *records)
{
        size_t n = 0;

        if (records->n == 0)
                return;
        qsort(records->items, records->n, sizeof(Record), compare);
        for (size_t i = 1; i < records->n; i++) {
                Record *last = records->items + n, *record = records->items + i;

                if (compare(last, record) != 0) {
                        records->items[++n] = *record;
                        continue;
                }
                if (record->in_set)
                        last->score = record->score;
                last->in_set = last->in_set || record->in_set;
                free(record->id);
        }
        records->n = n + 1;
}

const Record *records_find(const Records *records, StoreKind kind, const char *id)
{
        Record key = { .kind = kind, .id = (char *) id };

        return records->n > 0 ? bsearch(&key, records->items, records->n, sizeof(Record), compare) : NULL;
}

void records_sort_by_age(Records *records)
{
        if (records->n > 0)
                qsort(records->items, records->n, sizeof(Record), compare_age);
}

/* A score that doubles carry exactly; 0 for any other. */
static uint64_t score_usec(const Record *record)
{
        return record->score > 0 && record->score < 0x1p53 ? (uint64_t) record->score : 0;
}

void record_read_created(Record *record)
{
        _cleanup_json_ struct json_object *object = NULL;
        const char *created;

        record->created_usec = score_usec(record);
        if (json_parse(record->text, strlen(record->text), &object, NULL) < 0 ||
                        json_get_string(object, "created_at", &created) < 0)
                return;
        (void) parse_timestamp(created, &record->created_usec);
}

bool record_score_is_right(const Record *record)
{
        return record->in_set && score_usec(record) == record->created_usec;
}

void records_done(Records *records)
{
        for (size_t i = 0; i < records->n; i++) {
                free(records->items[i].id);
                (void) str_erase_free(records->items[i].text); /* secrets among them */
        }
        free(records->items);
        *records = (Records){ 0 };
}
