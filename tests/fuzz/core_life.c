/* SPDX-License-Identifier: MIT */
#include "core_life.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "core/job/job.h"
#include "core/manager.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "fake_clock.h"
#include "fake_settings.h"

#define TURNS_MAX 20000U

static char compose_dir[64];

static void remove_compose_dir(void)
{
        DIR *dir = opendir(compose_dir);
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                (void) unlinkat(dirfd(dir), entry->d_name, 0);
        if (dir)
                (void) closedir(dir);
        (void) rmdir(compose_dir);
}

FakePorts *life_new(void)
{
        static sd_event *event;
        int r;

        if (!event) {
                r = sd_event_new(&event);
                assert(r >= 0);
                /* In memory where possible: each compose file is synced. */
                (void) snprintf(compose_dir, sizeof compose_dir, "%s/ark-fuzz-%d",
                                access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int) getpid());
        }
        fake_clock_reset();
        return fake_ports_new(event);
}

void life_free(FakePorts *p)
{
        fake_ports_free(p);
        remove_compose_dir();
}

static bool is_on_its_way(const Instance *i)
{
        return i->status == INSTANCE_PENDING || i->status == INSTANCE_DELETING;
}

Manager *life_start(FakePorts *p)
{
        ManagerSettings settings = fake_settings;
        Manager *m = NULL;
        int r;

        settings.compose_dir = compose_dir;
        settings.workers = 2;
        r = manager_new(p->event, &settings, &p->engine, &p->store, &p->probe, &m);
        assert(r >= 0);
        r = manager_start(m);
        assert(r >= 0);
        while (!manager_is_loaded(m)) {
                bool more = fake_ports_step(p);

                assert(more);
        }
        for (Instance *i = manager_next_instance(m, NULL); i; i = manager_next_instance(m, i->id))
                assert(i->job || !is_on_its_way(i));
        return m;
}

void life_stop(FakePorts *p, Manager *m)
{
        fake_ports_crash(p, true);
        (void) manager_free(m);
        fake_ports_crashed(p);
}

LifeCount life_run(FakePorts *p, Manager *m)
{
        LifeCount count = {};

        for (unsigned n = 0; fake_ports_step(p); n++)
                assert(n < TURNS_MAX);
        for (Instance *i = manager_next_instance(m, NULL); i; i = manager_next_instance(m, i->id)) {
                assert(!i->job && !is_on_its_way(i));
                count.n_instances++;
                count.n_running += i->status == INSTANCE_RUNNING;
        }
        for (Product *q = manager_next_product(m, NULL); q; q = manager_next_product(m, q->id))
                count.n_products++;
        return count;
}
