/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "core/names.h"
#include "core/ports.h"
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
        for (size_t i = 0; i < VOLUME_MOUNTS_MAX; i++) {
                free(r->mounts[i]);
                free(r->paths[i]);
        }
        free(r->name);
        free(r->subnet);
        free(r->image);
        free(r->volume);
        free(r->former_digest);
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

void fake_resource_attach(FakePorts *p, FakeResource *container)
{
        for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
                const FakeResource *network = container->networks[i]
                                                              ? fake_ports_find(p, RESOURCE_NETWORK,
                                                                                container->networks[i])
                                                              : NULL;

                if (network && container->network_serials[i] == 0)
                        container->network_serials[i] = network->serial;
        }
}

bool fake_resource_has_networks(FakePorts *p, const FakeResource *container)
{
        for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
                const FakeResource *network;

                if (!container->networks[i])
                        continue;
                network = fake_ports_find(p, RESOURCE_NETWORK, container->networks[i]);
                if (!network || network->serial != container->network_serials[i])
                        return false;
        }
        return true;
}

void fake_resource_add(FakePorts *p, FakeResource *resource)
{
        FakeResource **last = &p->resources;

        while (*last)
                last = &(*last)->next;
        resource->serial = ++p->serial;
        resource->next = NULL;
        fake_resource_attach(p, resource);
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

/* ---- What an engine asks of them ---- */

bool fake_resource_is_ours(const FakeResource *r)
{
        return string_pairs_get(&r->labels, ARK_LABEL_DEPLOYMENT) != NULL;
}

bool fake_resource_is_of_another(const FakePorts *p, const FakeResource *r)
{
        return fake_resource_is_ours(r) && p->deployment &&
               !streq(string_pairs_get(&r->labels, ARK_LABEL_DEPLOYMENT), p->deployment);
}

static bool mounts(const FakeResource *container, const char *volume)
{
        for (size_t i = 0; i < VOLUME_MOUNTS_MAX; i++)
                if (streq_ptr(container->mounts[i], volume))
                        return true;
        return false;
}

static bool uses(const FakeResource *container, const FakeResource *used)
{
        if (container->kind != RESOURCE_CONTAINER)
                return false;
        if (used->kind == RESOURCE_VOLUME)
                return streq_ptr(container->volume, used->name) || mounts(container, used->name);
        for (size_t i = 0; i < ATTACHMENTS_MAX; i++)
                if (streq_ptr(container->networks[i], used->name))
                        return true;
        return false;
}

bool fake_resource_is_used(FakePorts *p, const FakeResource *used)
{
        for (const FakeResource *r = p->resources; r; r = r->next)
                if (uses(r, used))
                        return true;
        return false;
}

const char *fake_resource_lacks(FakePorts *p, const FakeResource *wanted)
{
        bool has_image = !wanted->image;

        for (char **image = p->images; image && *image; image++)
                has_image = has_image || streq(*image, wanted->image);
        if (!has_image)
                return "no such image";
        for (size_t i = 0; i < ATTACHMENTS_MAX; i++)
                if (wanted->networks[i] && !fake_ports_find(p, RESOURCE_NETWORK, wanted->networks[i]))
                        return "no such network";
        return NULL;
}

const char *fake_resource_conflicts(FakePorts *p, const FakeResource *wanted)
{
        for (const FakeResource *r = p->resources; r; r = r->next) {
                if (wanted->subnet && streq_ptr(r->subnet, wanted->subnet))
                        return "pool overlaps with other one on this address space";
                for (size_t i = 0; i < ATTACHMENTS_MAX; i++)
                        if (wanted->addresses[i] && streq_ptr(r->addresses[i], wanted->addresses[i]))
                                return "address already in use";
        }
        return NULL;
}
