/* SPDX-License-Identifier: MIT */
#include "core/registry/storage.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/time-util.h"
#include "core/model/instance-names.h"
#include "core/model/instance-volume.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"

/* A walk through millions of files. */
#define TIMEOUT_USEC (10 * USEC_PER_MINUTE)
#define FIRST_USEC   USEC_PER_MINUTE
#define EVERY_USEC   (30 * USEC_PER_MINUTE)
#define RETRY_USEC   (5 * USEC_PER_MINUTE)
#define ACCURACY     (10 * USEC_PER_SEC)
/* Whoever asks may have it done again so soon after the last time, or after so many times what that took. */
#define REST_USEC  (10 * USEC_PER_SEC)
#define REST_TIMES 20

typedef struct StorageWait {
        Pending pending;
        Manager *manager;
        void (*done)(int error, void *userdata);
        void *userdata;
        sd_event_source *timer;
        TAILQ_ENTRY(StorageWait) list;
} StorageWait;

/* ---- What is known ---- */

static int compare_sizes(const void *a, const void *b)
{
        const ResourceSize *x = a, *y = b;

        return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->name, y->name);
}

static uint64_t find_size(const Storage *s, ResourceKind kind, const char *name)
{
        const ResourceSize key = { kind, name, 0 }, *found = NULL;

        if (s->n_sizes > 0)
                found = bsearch(&key, s->sizes, s->n_sizes, sizeof key, compare_sizes);
        return found ? found->bytes : USAGE_UNKNOWN;
}

static void sizes_free(ResourceSize *sizes, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free((char *) sizes[i].name);
        free(sizes);
}

static int sizes_keep(Storage *s, const ResourceSize *sizes, size_t n)
{
        ResourceSize *copy = new0(ResourceSize, n);

        for (size_t i = 0; copy && i < n; i++) {
                copy[i] = sizes[i];
                copy[i].name = strdup(sizes[i].name);
                if (!copy[i].name) {
                        sizes_free(copy, i);
                        return -ENOMEM;
                }
        }
        if (!copy)
                return -ENOMEM;
        qsort(copy, n, sizeof *copy, compare_sizes);
        sizes_free(s->sizes, s->n_sizes);
        s->sizes = copy;
        s->n_sizes = n;
        s->measured_usec = now_realtime();
        return 0;
}

/* ---- Measuring ---- */

static void schedule(Manager *m, uint64_t usec);

static void wait_free(StorageWait *w)
{
        TAILQ_REMOVE(&w->manager->storage.waits, w, list);
        sd_event_source_disable_unref(w->timer);
        free(w);
}

static void wait_end(StorageWait *w, int error)
{
        void (*done)(int error, void *userdata) = w->done;
        void *userdata = w->userdata;

        wait_free(w);
        done(error, userdata);
}

static void on_measured(int error, const char *reason, const ResourceSize *sizes, size_t n, void *userdata)
{
        Manager *m = userdata;
        Storage *s = &m->storage;
        uint64_t now = now_monotonic(), rest = REST_TIMES * (now - s->begun_usec), next = EVERY_USEC;
        StorageWait *w;

        s->measuring = NULL;
        s->next_usec = now + (rest > REST_USEC ? rest : REST_USEC);
        if (error >= 0)
                error = sizes_keep(s, sizes, n);
        if (error < 0) { /* an older engine does it once at a time, and somebody else may have asked */
                log_debug_errno(error, "The sizes of instances are not known: %s",
                                reason ? reason : strerror(-error));
                next = RETRY_USEC;
        }
        schedule(m, rest > next ? rest : next);
        while ((w = TAILQ_FIRST(&s->waits)))
                wait_end(w, error); /* none is added: it may not begin again so soon */
}

static bool is_busy(const Manager *m)
{
        return m->n_running[0] + m->n_running[1] > 0;
}

/* 1 where it is under way. */
static int measure(Manager *m)
{
        Storage *s = &m->storage;
        int r;

        if (s->measuring)
                return 1;
        if (!m->loaded || manager_count_instances(m) == 0 || is_busy(m) || !manager_engine_connected(m) ||
                        now_monotonic() < s->next_usec)
                return 0;
        s->begun_usec = now_monotonic();
        r = m->engine->vtable->measure_sizes(m->engine, TIMEOUT_USEC, on_measured, m, &s->measuring);
        return r < 0 ? r : 1;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        m->storage.timer = sd_event_source_disable_unref(m->storage.timer);
        if (measure(m) <= 0)
                schedule(m, RETRY_USEC);
        return 0;
}

static void schedule(Manager *m, uint64_t usec)
{
        m->storage.timer = sd_event_source_disable_unref(m->storage.timer);
        manager_call_later(m, usec, ACCURACY, on_timer, m, &m->storage.timer);
}

void storage_start(Manager *m)
{
        schedule(m, FIRST_USEC);
}

void storage_done(Manager *m)
{
        Storage *s = &m->storage;

        s->measuring = pending_cancel(s->measuring);
        s->timer = sd_event_source_disable_unref(s->timer);
        sizes_free(s->sizes, s->n_sizes);
        s->sizes = NULL;
        s->n_sizes = 0;
}

/* ---- Waiting ---- */

static void on_cancel(Pending *pending)
{
        wait_free(container_of(pending, StorageWait, pending));
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
        wait_end(userdata, -ETIMEDOUT);
        return 0;
}

int storage_wait(Manager *m, uint64_t timeout_usec, void (*done)(int error, void *userdata), void *userdata,
                Pending **ret_pending)
{
        StorageWait *w;
        int r;

        r = measure(m);
        if (r <= 0)
                return r == -ENOMEM ? r : 0;
        w = new0(StorageWait, 1);
        if (!w)
                return -ENOMEM;
        *w = (StorageWait){ .pending.cancel = on_cancel, .manager = m, .done = done, .userdata = userdata };
        TAILQ_INSERT_TAIL(&m->storage.waits, w, list);
        r = sd_event_add_time_relative(
                        m->event, &w->timer, CLOCK_MONOTONIC, timeout_usec, 10 * USEC_PER_MSEC, on_late, w);
        if (r < 0) {
                wait_free(w);
                return r;
        }
        *ret_pending = &w->pending;
        return 1;
}

/* ---- Of instances ---- */

static bool is_any(const Instance *i, size_t k, StorageItem *item)
{
        const InstanceVolume *v;

        if (k == 0) {
                item->role = ARK_ROLE_APP;
                item->name = i->id;
                return true;
        }
        if (i->has_database && k <= 2) {
                item->role = ARK_ROLE_DATABASE;
                item->name = k == 1 ? item->names.database : item->names.volume;
                item->path = k == 2 && i->product ? i->product->database_path : NULL;
                return true;
        }
        k -= i->has_database ? 3 : 1;
        if (k >= i->n_volumes)
                return false;
        v = i->volumes + k;
        item->role = v->role;
        item->name = v->name;
        item->path = v->path;
        return true;
}

bool storage_get_item(const Manager *m, const Instance *i, size_t k, StorageItem *ret)
{
        bool layer = k == 0 || (k == 1 && i->has_database);

        *ret = (StorageItem){ .kind = layer ? "layer" : "volume" };
        instance_names(i, &ret->names);
        if (!instance_has_resources(i) || !is_any(i, k, ret))
                return false;
        ret->bytes = find_size(&m->storage, layer ? RESOURCE_CONTAINER : RESOURCE_VOLUME, ret->name);
        return true;
}

uint64_t storage_measured_usec(const Manager *m)
{
        return m->storage.measured_usec;
}

static struct json_object *item_to_json(const StorageItem *item)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();

        if (!json || json_set_string(json, "kind", item->kind) < 0 ||
                        json_set_string(json, "role", item->role) < 0 ||
                        json_set_string(json, "name", item->name) < 0 ||
                        json_set_string(json, "path", item->path) < 0 ||
                        json_set_known(json, "bytes", item->bytes) < 0)
                return NULL;
        return TAKE_PTR(json);
}

struct json_object *storage_to_json(const Manager *m, const Instance *i)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();
        struct json_object *items = json_object_new_array();
        uint64_t measured = m->storage.measured_usec;
        StorageItem item;

        if (json_set(json, "items", items) < 0 ||
                        json_set_timestamp(json, "measured_at", measured ? measured : UINT64_MAX) < 0)
                return NULL;
        for (size_t k = 0; storage_get_item(m, i, k, &item); k++)
                if (json_append(items, item_to_json(&item)) < 0)
                        return NULL;
        return TAKE_PTR(json);
}

bool storage_get_totals(const Manager *m, StorageTotals *ret)
{
        StorageTotals totals = { 0 };

        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                uint64_t of_one = 0;
                StorageItem item;

                for (size_t k = 0; storage_get_item(m, lh_entry_v(e), k, &item); k++) {
                        if (item.bytes == USAGE_UNKNOWN)
                                continue;
                        of_one += item.bytes;
                        *(streq(item.kind, "layer") ? &totals.layers : &totals.volumes) += item.bytes;
                }
                totals.largest = of_one > totals.largest ? of_one : totals.largest;
        }
        *ret = totals;
        return m->storage.measured_usec != 0;
}
