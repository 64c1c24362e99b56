/* SPDX-License-Identifier: MIT */

/* How much room the instances take up. */

#include <errno.h>

#include "arkctl/checks.h"
#include "arkctl/objects.h"
#include "arkctl/text.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

/* An application that writes so much where it is gone with the container is not meant to. */
#define LAYER_LARGE (UINT64_C(1) << 30)

typedef struct Totals {
        uint64_t all, layers;
        const InstanceView *largest, *outside; /* most of all, and most outside of volumes */
        uint64_t largest_bytes, outside_bytes;
} Totals;

static void sum_up(const Objects *objects, Totals *t)
{
        for (size_t k = 0; k < objects->n_instances; k++) {
                const InstanceView *i = objects->instances + k;
                uint64_t all = disk_use_sum(&i->disk_use, NULL), layers = disk_use_sum_layers(&i->disk_use);

                t->all += all;
                t->layers += layers;
                if (!t->largest || all > t->largest_bytes) {
                        t->largest = i;
                        t->largest_bytes = all;
                }
                if (!t->outside || layers > t->outside_bytes) {
                        t->outside = i;
                        t->outside_bytes = layers;
                }
        }
}

static int report(Checks *checks, const Objects *objects, uint64_t measured)
{
        char volumes[TEXT_SHORT_MAX], layers[TEXT_SHORT_MAX], most[TEXT_SHORT_MAX], age[TEXT_SHORT_MAX],
                        outside[TEXT_SHORT_MAX];
        _cleanup_free_ char *detail = NULL, *remedy = NULL;
        Totals t = { 0 };

        sum_up(objects, &t);
        if (!t.largest)
                return checks_add(checks, "storage", VERDICT_OK, NULL, "There are no instances");
        detail = str_printf(
                        "Instances take up %s in volumes and %s outside of them, %s most (%s); measured %s",
                        text_bytes(t.all - t.layers, volumes), text_bytes(t.layers, layers), t.largest->id,
                        text_bytes(t.largest_bytes, most), text_relative(measured, now_realtime(), age));
        if (!detail)
                return -ENOMEM;
        if (t.outside_bytes < LAYER_LARGE)
                return checks_add(checks, "storage", VERDICT_OK, NULL, "%s", detail);
        remedy = str_printf("See what it is with \"docker diff %s\". It is gone when the container is made "
                            "again: have the application write to a volume (VOLUME in its image), or "
                            "nowhere (\"read_only\" in arkd-product(5)).",
                        t.outside->id);
        return remedy ? checks_add(checks, "storage", VERDICT_WARNING, remedy,
                                        "%s has written %s outside of volumes. %s", t.outside->id,
                                        text_bytes(t.outside_bytes, outside), detail)
                      : -ENOMEM;
}

int check_storage(Ctl *ctl, Checks *checks)
{
        _cleanup_(objects_done) Objects objects = { 0 };
        uint64_t measured = 0;
        int r;

        if (checks->daemon != CTL_OK)
                return checks_add(checks, "storage", VERDICT_SKIPPED, NULL, "Only arkd can tell");
        r = disk_use_read_measured(ctl, &measured);
        if (r < 0)
                return r == -ENOMEM ? r
                                    : checks_add(checks, "storage", VERDICT_SKIPPED, NULL,
                                                      "The arkd that runs is too old to tell");
        if (measured == 0)
                return checks_add(checks, "storage", VERDICT_SKIPPED, NULL,
                                "It has not been measured yet; arkd does so a minute after its start, when "
                                "no job is at work");
        if (objects_read(ctl, &objects) != CTL_OK)
                return checks_add(checks, "storage", VERDICT_SKIPPED, NULL, "Only arkd can tell");
        return report(checks, &objects, measured);
}
