/* SPDX-License-Identifier: MIT */

/* Volumes of instances that are gone, and their data with them: told as soon as the container is found gone, since nothing
 * takes a volume that a container still has. */

#include "core/upkeep/lost.h"

#include <errno.h>

#include "basic/log.h"
#include "basic/messages.h"
#include "core/model/instance-names.h"
#include "core/model/instance-volume.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/upkeep/watched.h"

static void forget_listed(Manager *m)
{
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                Instance *i = lh_entry_v(e);

                i->listed_containers = 0;
                i->listed_volume = false;
                for (size_t k = 0; k < i->n_volumes; k++)
                        i->volumes[k].listed = volume_is_anonymous(i->volumes[k].name);
        }
}

static void mark_volume(Instance *i, const char *name)
{
        InstanceNames names;

        instance_names(i, &names);
        i->listed_volume = i->listed_volume || streq(name, names.volume);
        for (size_t k = 0; k < i->n_volumes; k++)
                if (streq(i->volumes[k].name, name))
                        i->volumes[k].listed = true;
}

static void mark_listed(Manager *m, const Resource *items, size_t n)
{
        forget_listed(m);
        for (size_t k = 0; k < n; k++) {
                Instance *i = manager_find_instance(m, items[k].instance_id);

                if (i && items[k].kind == RESOURCE_CONTAINER)
                        i->listed_containers++;
                else if (i && items[k].kind == RESOURCE_VOLUME)
                        mark_volume(i, items[k].name);
        }
}

/* Of an instance that has lost a container: one that is there by its name, though no list has it, has its volumes, too. */
static int collect_of(const Instance *i, char ***names)
{
        InstanceNames own;
        int r = 0;

        instance_names(i, &own);
        if (i->has_database && !i->listed_volume)
                r = strv_extend(names, own.volume);
        for (size_t k = 0; k < i->n_volumes && r >= 0; k++)
                if (!i->volumes[k].listed)
                        r = strv_extend(names, i->volumes[k].name);
        return r;
}

/* ret_gone: whether a container is gone whose volumes may follow it: a prune takes these last. */
static int collect(Manager *m, char ***ret, bool *ret_gone)
{
        _cleanup_(strv_freep) char **names = NULL;

        *ret_gone = false;
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);

                if (!instance_is_watched(i))
                        continue;
                if (i->status != INSTANCE_FAILED || i->listed_containers >= (i->has_database ? 2 : 1))
                        continue;
                *ret_gone = true;
                if (collect_of(i, &names) < 0)
                        return -ENOMEM;
        }
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

static void report_new(Manager *m, char *const *before)
{
        for (char **name = m->lost; name && *name; name++) {
                char id[INSTANCE_ID_LENGTH + 1] = "";

                if (strv_contains(before, *name))
                        continue;
                strncat(id, *name, INSTANCE_ID_LENGTH);
                log_full(LOG_ERR, 0, LOG_ABOUT(.instance = id, .message_id = MESSAGE_VOLUME_LOST),
                                "Volume %s of instance %s is gone, and its data with it. Restore the volume "
                                "and restart the instance, or delete it",
                                *name, id);
                m->hooks->check(m, id);
        }
}

void lost_update(Manager *m, const Resource *items, size_t n)
{
        _cleanup_(strv_freep) char **before = NULL;
        char **now = NULL;

        mark_listed(m, items, n);
        if (collect(m, &now, &m->containers_gone) < 0) {
                log_oom();
                return;
        }
        before = m->lost;
        m->lost = now;
        if (strv_equal(before, now))
                return;
        report_new(m, before);
        manager_notify(m, MANAGER_CHANGED, NULL, NULL);
}

/* What the instance had lost is nobody's any more. */
void lost_forget(Manager *m, const Instance *i)
{
        _cleanup_(strv_freep) char **left = NULL;

        for (char **name = m->lost; name && *name; name++)
                if (!startswith(*name, i->id) && strv_extend(&left, *name) < 0)
                        return; /* the next list of all takes it out */
        if (strv_equal(left, m->lost))
                return;
        strv_free(m->lost);
        m->lost = TAKE_PTR(left);
        manager_notify(m, MANAGER_CHANGED, NULL, NULL);
}

/* The first of the volumes of the container of that role that is gone, or NULL. */
const char *lost_of(Manager *m, const Instance *i, const char *role)
{
        InstanceNames names;

        instance_names(i, &names);
        for (char **name = m->lost; name && *name; name++) {
                if (streq(role, ARK_ROLE_DATABASE) && streq(*name, names.volume))
                        return *name;
                for (size_t k = 0; k < i->n_volumes; k++)
                        if (streq(i->volumes[k].role, role) && streq(i->volumes[k].name, *name))
                                return *name;
        }
        return NULL;
}

char *const *manager_lost_volumes(const Manager *m)
{
        return m->lost;
}
