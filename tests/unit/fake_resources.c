/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "fake_ports.h"

FakeResource *fake_resource_free(FakeResource *r)
{
        if (!r)
                return NULL;
        string_pairs_done(&r->labels);
        string_pairs_done(&r->env);
        string_pairs_done(&r->volume_labels);
        for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
                free(r->networks[i]);
                free(r->addresses[i]);
        }
        free(r->name);
        free(r->subnet);
        free(r->image);
        free(r->volume);
        return mfree(r);
}

static char *copy(const char *s)
{
        char *c = s ? strdup(s) : NULL;

        assert(c || !s);
        return c;
}

void fake_pairs_copy(const StringPairs *from, StringPairs *to)
{
        for (size_t i = 0; from && i < from->n; i++) {
                int r = string_pairs_add(to, from->items[i].key, from->items[i].value);

                assert(r >= 0);
        }
}

FakeResource *fake_resource_new(ResourceKind kind, const char *name, const StringPairs *labels)
{
        FakeResource *r = new0(FakeResource, 1);

        assert(r);
        r->kind = kind;
        r->name = copy(name);
        fake_pairs_copy(labels, &r->labels);
        return r;
}

FakeResource *fake_ports_find(FakePorts *p, ResourceKind kind, const char *name)
{
        for (FakeResource *r = p->resources; r; r = r->next)
                if (r->kind == kind && streq(r->name, name))
                        return r;
        return NULL;
}

void fake_resource_add(FakePorts *p, FakeResource *resource)
{
        FakeResource **last = &p->resources;

        while (*last)
                last = &(*last)->next;
        resource->serial = ++p->serial;
        resource->next = NULL;
        *last = resource;
}

void fake_resource_drop(FakePorts *p, FakeResource *resource)
{
        for (FakeResource **r = &p->resources; *r; r = &(*r)->next)
                if (*r == resource) {
                        *r = resource->next;
                        break;
                }
        fake_resource_free(resource);
}

void fake_ports_add_stranger(FakePorts *p, ResourceKind kind, const char *name)
{
        fake_resource_add(p, fake_resource_new(kind, name, NULL));
}

void fake_ports_power_cut(FakePorts *p)
{
        for (FakeResource *r = p->resources; r; r = r->next)
                if (r->contents == FAKE_VOLUME_INITIALISING)
                        r->contents = FAKE_VOLUME_BROKEN;
}
