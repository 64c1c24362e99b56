/* SPDX-License-Identifier: MIT */

/* Volumes that carry this deployment's labels and belong to no instance. They may hold a customer's data, so they are
 * never removed, but told of until an operator has decided. */

#include "core/upkeep/ownerless.h"

#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/upkeep/owner.h"

/* The engine does not tell of volumes that go, or not with their labels. */
#define LOOK_AGAIN_USEC     (20 * USEC_PER_SEC)
#define LOOK_AGAIN_ACCURACY (2 * USEC_PER_SEC)

static int on_look_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        /* Again in any case: just now the engine may be away, or what belongs to nobody is being removed. */
        ownerless_look_later(m);
        m->hooks->sweep(m);
        return 0;
}

void ownerless_look_later(Manager *m)
{
        m->ownerless_look = sd_event_source_disable_unref(m->ownerless_look);
        if ((m->ownerless || m->containers_gone) &&
                        sd_event_add_time_relative(m->event, &m->ownerless_look, CLOCK_MONOTONIC,
                                        LOOK_AGAIN_USEC, LOOK_AGAIN_ACCURACY, on_look_again, m) < 0)
                log_oom();
}

void ownerless_done(Manager *m)
{
        m->ownerless_look = sd_event_source_disable_unref(m->ownerless_look);
        m->ownerless = strv_free(m->ownerless);
        m->lost = strv_free(m->lost);
}

static int collect(Manager *m, const Resource *items, size_t n, char ***ret)
{
        _cleanup_(strv_freep) char **names = NULL;

        for (size_t i = 0; i < n; i++)
                if (items[i].kind == RESOURCE_VOLUME && !resource_has_owner(m, &items[i]) &&
                                strv_extend(&names, items[i].name) < 0)
                        return -ENOMEM;
        strv_sort(names);
        *ret = TAKE_PTR(names);
        return 0;
}

static void tell_of_new(char *const *before, char *const *now, const Resource *items, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (items[i].kind == RESOURCE_VOLUME && strv_contains(now, items[i].name) &&
                                !strv_contains(before, items[i].name))
                        log_full(LOG_WARNING, 0,
                                        LOG_ABOUT(.instance = items[i].instance_id,
                                                        .message_id = MESSAGE_VOLUME_ORPHANED),
                                        "Volume %s belongs to no instance and may hold data, so it is left. "
                                        "Remove it with “docker volume rm %s” if it is not needed",
                                        items[i].name, items[i].name);
}

void ownerless_update(Manager *m, const Resource *items, size_t n)
{
        _cleanup_(strv_freep) char **now = NULL;

        if (collect(m, items, n, &now) < 0)
                log_oom();
        else if (!strv_equal(m->ownerless, now)) {
                char **before = m->ownerless;

                tell_of_new(before, now, items, n);
                for (char **name = before; name && *name; name++)
                        if (!strv_contains(now, *name))
                                log_notice("Volume %s, which belonged to no instance, is not there any more",
                                                *name);
                m->ownerless = TAKE_PTR(now);
                strv_free(before);
                manager_notify(m, MANAGER_CHANGED, NULL, NULL);
        }
        ownerless_look_later(m);
}

char *const *manager_ownerless_volumes(const Manager *manager)
{
        return manager->ownerless;
}
