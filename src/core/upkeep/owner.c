/* SPDX-License-Identifier: MIT */
#include "core/upkeep/owner.h"

#include "core/model/instance.h"
#include "core/ports.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/spec/deletion-mark.h"

/* An instance owns what is labelled with it from the moment its job is stored until its deletion is. */
bool resource_has_owner(Manager *m, const Resource *resource)
{
        const Instance *i = manager_find_instance(m, resource->instance_id);

        /* What the store does not know is not nobody's. A volume of which nothing else is left tells no more. */
        if (!i && resource->kind == RESOURCE_VOLUME)
                return strv_contains(m->damaged, resource->instance_id) ||
                       unknown_find(m, resource->instance_id);
        if (!i)
                return !deletion_is_marked(m, resource->instance_id);
        if (i->job || !i->stored)
                return true;
        return instance_has_resources(i);
}
