/* SPDX-License-Identifier: MIT */
#include "core/registry/watch.h"

#include <errno.h>

#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/registry/context.h"
#include "core/registry/state.h"

struct ManagerWatch {
        Manager *manager;
        ManagerEventHandler handler;
        void *userdata;
        ManagerWatch *next;
};

/* Frees the watches that ended; not while a notification walks the list. */
static void manager_sweep_watches(Manager *manager)
{
        for (ManagerWatch **w = &manager->watches; *w;) {
                ManagerWatch *watch = *w;

                if (watch->handler)
                        w = &watch->next;
                else {
                        *w = watch->next;
                        free(watch);
                }
        }
}

void manager_watches_done(Manager *manager)
{
        for (ManagerWatch *w = manager->watches; w; w = w->next)
                w->handler = NULL;
        manager_sweep_watches(manager);
}

int manager_watch(Manager *manager, ManagerEventHandler handler, void *userdata, ManagerWatch **ret)
{
        ManagerWatch *watch = new0(ManagerWatch, 1);

        if (!watch)
                return -ENOMEM;
        *watch = (ManagerWatch){ manager, handler, userdata, manager->watches };
        manager->watches = watch;
        *ret = watch;
        return 0;
}

ManagerWatch *manager_watch_free(ManagerWatch *watch)
{
        if (!watch)
                return NULL;
        watch->handler = NULL;
        if (!watch->manager->notifying)
                manager_sweep_watches(watch->manager);
        return NULL;
}

void manager_notify(Manager *manager, ManagerEvent event, Instance *instance, Product *product)
{
        bool outermost = !manager->notifying;

        manager->notifying = true;
        for (ManagerWatch *w = manager->watches; w; w = w->next)
                if (w->handler)
                        w->handler(event, instance, product, w->userdata);
        if (outermost) {
                manager->notifying = false;
                manager_sweep_watches(manager);
        }
}
