/* SPDX-License-Identifier: MIT */
#include "core/recovery/unknown.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "core/model/address-pool.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/spec/archive.h"
#include "core/spec/compose-file.h"
#include "core/spec/compose-read.h"
#include "core/spec/deletion-mark.h"

/* So many are named in one line of the journal. */
#define NAMES_MAX 8

static void unknown_free(struct lh_entry *entry)
{
        Unknown *u = lh_entry_v(entry);

        free(u->id);
        free(u->client_name);
        free(u->problem);
        instance_free(u->instance);
        free(u->subnet);
        free(u->ingress_address);
        free(u);
}

Unknown *unknown_find(const Manager *m, const char *id)
{
        struct lh_entry *entry = m->unknown ? lh_table_lookup_entry(m->unknown, id) : NULL;

        return entry ? lh_entry_v(entry) : NULL;
}

const Instance *unknown_route(const Manager *m, const char *id)
{
        const Unknown *u = unknown_find(m, id);

        /* Not where somebody else has its address by now. */
        return u && u->instance && streq_ptr(u->ingress_address, u->instance->ingress_address) ? u->instance
                                                                                               : NULL;
}

size_t unknown_count(const Manager *m)
{
        size_t n = 0;

        for (struct lh_entry *e = m->unknown ? m->unknown->head : NULL; e; e = e->next)
                n += !((const Unknown *) lh_entry_v(e))->damaged;
        return n;
}

/* ---- Registry ---- */

static bool is_unknown(Manager *m, const char *id)
{
        return *id && !manager_find_instance(m, id) && !deletion_is_marked(m, id);
}

static Unknown *unknown_new(Manager *m, const char *id)
{
        Unknown *u;

        if (!m->unknown)
                m->unknown = lh_kchar_table_new(16, unknown_free);
        u = m->unknown ? new0(Unknown, 1) : NULL;
        if (!u)
                return NULL;
        u->id = strdup(id);
        if (!u->id || lh_table_insert(m->unknown, u->id, u) < 0) {
                free(u->id);
                return mfree(u);
        }
        u->damaged = strv_contains(m->damaged, id);
        m->unknown_changed = true;
        return u;
}

/* What it holds is nobody else's. Where it is taken already, or not of this pool, nothing is kept. */
static void keep_subnet(Manager *m, Unknown *u, const char *subnet)
{
        if (u->subnet || !subnet || address_pool_reserve_subnet(m->addresses, subnet) < 0)
                return;
        if (free_and_strdup(&u->subnet, subnet) < 0)
                address_pool_release_subnet(m->addresses, subnet);
}

static void keep_ingress_address(Manager *m, Unknown *u, const char *address)
{
        if (u->ingress_address || !address || address_pool_reserve_ingress(m->addresses, address) < 0)
                return;
        if (free_and_strdup(&u->ingress_address, address) < 0)
                address_pool_release_ingress(m->addresses, address, 0);
}

int unknown_take(Manager *m, const char *id, const char *subnet, const char *ingress_address, uint32_t uid)
{
        Unknown *u = unknown_new(m, id);

        if (!u)
                return -ENOMEM;
        keep_subnet(m, u, subnet);
        keep_ingress_address(m, u, ingress_address);
        u->uid = uid;
        return 0;
}

/* When it was last reached nobody knows. */
static void unknown_forget(Manager *m, Unknown *u)
{
        address_pool_release_subnet(m->addresses, u->subnet);
        address_pool_release_ingress(m->addresses, u->ingress_address, now_realtime());
        lh_table_delete(m->unknown, u->id);
}

void unknown_reset(Manager *m)
{
        while (m->unknown && m->unknown->head)
                unknown_forget(m, lh_entry_v(m->unknown->head));
}

void unknown_adopted(Manager *m, const char *id)
{
        if (!unknown_find(m, id))
                return;
        lh_table_delete(m->unknown, id);
        m->unknown_serial++;
}

/* ---- Compose files ---- */

static void take_problem(Manager *m, Unknown *u, char *problem)
{
        m->unknown_changed = m->unknown_changed || !streq_ptr(u->problem, problem);
        free(u->problem);
        u->problem = problem;
}

static char *describe_file(int error, const char *file)
{
        if (error == -ENODATA)
                return str_printf(
                                "%s is of an older arkd and does not tell its record; restore a newer copy "
                                "of the store",
                                file);
        if (error == -ENOENT)
                return str_printf("%s is missing; restore it, or a newer copy of the store", file);
        return str_printf("%s cannot be read (%s); restore it, or a newer copy of the store", file,
                        strerror(-error));
}

/* Whether all is there that makes it known again is seen by making it so. */
static int read_archive(Unknown *u, struct json_object *compose)
{
        _cleanup_(instance_freep) Instance *i = NULL;
        int r = archive_read(compose, &i);

        if (r == -ENOENT)
                return -ENODATA;
        if (r < 0)
                return r;
        if (!streq(i->id, u->id))
                return -EBADMSG;
        instance_free(u->instance);
        u->instance = TAKE_PTR(i);
        return 0;
}

static void unknown_read_file(Manager *m, Unknown *u)
{
        _cleanup_free_ char *file = compose_path(m->compose_dir, u->id);
        _cleanup_json_ struct json_object *compose = NULL;
        int r;

        r = instance_id_is_valid(u->id) ? compose_read(m->compose_dir, u->id, &compose) : -ENOENT;
        u->has_file = r != -ENOENT;
        if (r >= 0) {
                (void) free_and_strdup(&u->client_name, archive_client_name(compose));
                keep_subnet(m, u, archive_subnet(compose));
                keep_ingress_address(m, u, archive_ingress_address(compose));
                r = read_archive(u, compose);
        }
        take_problem(m, u, r < 0 ? describe_file(r, strempty(file)) : NULL);
}

/* One that could be read is not read again. */
static void find_file(Manager *m, const char *id)
{
        Unknown *u = unknown_find(m, id);

        if (!u && is_unknown(m, id))
                u = unknown_new(m, id);
        if (!u)
                return;
        if (u->problem || !u->client_name)
                unknown_read_file(m, u);
        u->has_file = true;
}

void unknown_find_files(Manager *m)
{
        _cleanup_(strv_freep) char **ids = NULL;
        int r;

        for (struct lh_entry *e = m->unknown ? m->unknown->head : NULL; e; e = e->next)
                ((Unknown *) lh_entry_v(e))->has_file = false;
        r = compose_list(m->compose_dir, &ids);
        if (r < 0)
                log_warning_errno(r, "%s cannot be read: %m", m->compose_dir);
        for (char **id = ids; id && *id; id++)
                find_file(m, *id);
}

/* ---- The engine ---- */

static void count_item(Manager *m, const Resource *item)
{
        Unknown *u = unknown_find(m, item->instance_id);

        /* A volume alone is ownerless: nothing says what to do with it. */
        if (!u && item->kind != RESOURCE_VOLUME && is_unknown(m, item->instance_id))
                u = unknown_new(m, item->instance_id);
        if (!u)
                return;
        if (item->kind == RESOURCE_CONTAINER) {
                u->n_containers++;
                u->n_running += item->running;
                keep_ingress_address(m, u, item->ingress_address);
        } else
                u->n_others++;
        if (item->kind == RESOURCE_NETWORK)
                keep_subnet(m, u, item->subnet);
}

static bool is_gone(Manager *m, const Unknown *u)
{
        return (!u->has_file && u->n_containers + u->n_others == 0) || !is_unknown(m, u->id);
}

static void drop_gone(Manager *m)
{
        struct lh_entry *next;

        for (struct lh_entry *e = m->unknown ? m->unknown->head : NULL; e; e = next) {
                next = e->next;
                if (!is_gone(m, lh_entry_v(e)))
                        continue;
                unknown_forget(m, lh_entry_v(e));
                m->unknown_changed = true;
        }
}

/* What cannot be adopted though its file is whole, or because it has none. */
static void find_problems(Manager *m)
{
        for (struct lh_entry *e = m->unknown ? m->unknown->head : NULL; e; e = e->next) {
                _cleanup_free_ char *file = NULL;
                Unknown *u = lh_entry_v(e);

                if (u->has_file && (u->problem || u->n_containers + u->n_others > 0))
                        continue;
                file = compose_path(m->compose_dir, u->id);
                take_problem(m, u,
                                u->has_file ? str_printf("nothing of it is in the engine (Docker); if that "
                                                         "is so for good, remove %s",
                                                              strempty(file))
                                            : describe_file(-ENOENT, strempty(file)));
        }
}

/* ---- Reporting ---- */

static char *describe_all(const Manager *m)
{
        char *text = strdup("");
        size_t n = 0;

        for (struct lh_entry *e = m->unknown->head; e && text && n < NAMES_MAX; e = e->next) {
                const Unknown *u = lh_entry_v(e);
                char *longer;

                if (u->damaged)
                        continue;
                longer = str_printf("%s%s%s%s%s%s", text, n++ > 0 ? ", " : "", u->id,
                                u->client_name ? " (" : "", strempty(u->client_name),
                                u->client_name ? ")" : "");
                free(text);
                text = longer;
        }
        return text;
}

static void report(Manager *m)
{
        size_t n = unknown_count(m);
        _cleanup_free_ char *names = n > 0 ? describe_all(m) : NULL;

        if (n > 0)
                log_full(LOG_ERR, 0, LOG_ABOUT(.message_id = MESSAGE_INSTANCES_UNKNOWN),
                                "The store (Redis) does not know %zu instance%s that this host has: %s%s. "
                                "They "
                                "are left as they are. “arkctl adopt --all” takes them back, “arkctl "
                                "status” "
                                "names what cannot be",
                                n, n == 1 ? "" : "s", strempty(names), n > NAMES_MAX ? ", …" : "");
        m->unknown_serial++;
        manager_notify(m, MANAGER_CHANGED, NULL, NULL);
}

void unknown_update(Manager *m, const Resource *items, size_t n)
{
        for (struct lh_entry *e = m->unknown ? m->unknown->head : NULL; e; e = e->next) {
                Unknown *u = lh_entry_v(e);

                u->n_containers = u->n_running = u->n_others = 0;
        }
        unknown_find_files(m);
        for (size_t i = 0; i < n; i++)
                count_item(m, &items[i]);
        drop_gone(m);
        find_problems(m);
        if (m->unknown_changed)
                report(m);
        m->unknown_changed = false;
}

/* ---- For views ---- */

bool manager_next_unknown(const Manager *manager, const char *after_id, UnknownInstance *ret)
{
        struct lh_entry *e = NULL;

        if (manager->unknown && after_id)
                e = lh_table_lookup_entry(manager->unknown, after_id);
        e = e ? e->next : manager->unknown && !after_id ? manager->unknown->head : NULL;
        while (e && ((const Unknown *) lh_entry_v(e))->damaged)
                e = e->next;
        if (e) {
                const Unknown *u = lh_entry_v(e);

                *ret = (UnknownInstance){ u->id, u->client_name, u->problem };
        }
        return e != NULL;
}

unsigned manager_unknown_serial(const Manager *manager)
{
        return manager->unknown_serial;
}
