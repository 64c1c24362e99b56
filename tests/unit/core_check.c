/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/address-pool.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core_fixture.h"

/* What is left of an instance, of that kind and running where it is a container. */
static bool has(World *w, ResourceKind kind, const char *name)
{
        const FakeResource *r = fake_ports_find(w->ports, kind, name);

        return r && string_pairs_get(&r->labels, ARK_LABEL_DEPLOYMENT) &&
               (kind != RESOURCE_CONTAINER || r->running);
}

static bool has_compose(World *w, const char *id)
{
        _cleanup_free_ char *path = str_printf("%s/compose.%s.yml", w->compose_dir, id);

        assert_non_null(path);
        return access(path, F_OK) == 0;
}

static void check_running(World *w, const Instance *i)
{
        const FakeResource *volume;
        InstanceNames names;

        instance_names(i, &names);
        world_assert(w, has(w, RESOURCE_CONTAINER, i->id));
        world_assert(w, has(w, RESOURCE_NETWORK, names.network));
        world_assert(w, has(w, RESOURCE_CONTAINER, names.database) == i->has_database);
        world_assert(w, has(w, RESOURCE_VOLUME, names.volume) == i->has_database);
        volume = fake_ports_find(w->ports, RESOURCE_VOLUME, names.volume);
        world_assert(w, !volume || volume->contents == FAKE_VOLUME_READY);
        world_assert(w, has_compose(w, i->id));
        world_assert(w, (i->access_token || i->access_token_sha256) &&
                                        (!i->has_database || i->database_password));
        world_assert(w, i->upstream && i->phase == PHASE_READY && !i->error_reason);
        world_assert(w, fake_ports_record(w->ports, STORE_SECRET, i->id));
        world_assert(w, address_pool_reserve_ingress(w->manager->addresses, i->ingress_address) == -EEXIST);
        world_assert(w, address_pool_reserve_subnet(w->manager->addresses, i->subnet) == -EEXIST);
}

/* It has been running and is not any more: an operator restarts or deletes it, and its data is kept. */
static void check_broken(World *w, const Instance *i)
{
        InstanceNames names;

        instance_names(i, &names);
        world_assert(w, i->timeline[PHASE_READY] != TIMELINE_UNSET);
        world_assert(w, i->error_reason && i->error_step && i->upstream);
        world_assert(w, fake_ports_record(w->ports, STORE_SECRET, i->id) &&
                                        (i->access_token || i->access_token_sha256));
        world_assert(w, !i->has_database || fake_ports_find(w->ports, RESOURCE_VOLUME, names.volume));
        world_assert(w, has_compose(w, i->id));
}

static void check_gone(World *w, const Instance *i)
{
        InstanceNames names;

        instance_names(i, &names);
        world_assert(w, !has_compose(w, i->id));
        world_assert(w, !fake_ports_record(w->ports, STORE_SECRET, i->id));
        world_assert(w, !i->access_token && !i->database_password && i->secrets.n == 0);
        world_assert(w, !i->upstream);
        if (i->status == INSTANCE_FAILED)
                world_assert(w, i->error_reason && i->error_step);
}

static Instance *find_owner(World *w, const FakeResource *r)
{
        const char *id = string_pairs_get(&r->labels, ARK_LABEL_INSTANCE);

        return id ? manager_get_instance(w->manager, id) : NULL;
}

/* Nothing is in the engine that nobody owns. */
static void check_resources(World *w)
{
        for (const FakeResource *r = w->ports->resources; r; r = r->next) {
                const Instance *owner = find_owner(w, r);

                if (!string_pairs_get(&r->labels, ARK_LABEL_DEPLOYMENT) ||
                                streq(r->name, ARK_INGRESS_NETWORK))
                        continue;
                world_assert(w, owner && instance_has_resources(owner));
        }
}

static void check_store(World *w)
{
        world_assert(w, w->ports->n_stream == 0);
        world_assert(w, fake_ports_count(w->ports, STORE_JOB) == 0);
        for (const FakeRecord *r = w->ports->records; r; r = r->next) {
                _cleanup_json_ struct json_object *json = NULL;
                const Instance *i = manager_get_instance(w->manager, r->id);
                const char *status;

                if (r->kind == STORE_SECRET)
                        world_assert(w, i && instance_has_resources(i));
                if (r->kind != STORE_INSTANCE)
                        continue;
                world_assert(w, i != NULL);
                json = json_of(r->text);
                world_assert(w, json_get_string(json, "status", &status) == 0 &&
                                                streq(status, instance_status_to_string(i->status)));
                world_assert(w, r->score == i->created_usec);
                world_assert(w, (r->expires != 0) == (i->status == INSTANCE_DELETED));
        }
}

/* Addresses that it had can be given out again, unless they have been. */
static void check_addresses(World *w, const Instance *i)
{
        AddressPool *pool = w->manager->addresses;
        bool subnet_taken = false, address_taken = false;

        for (const Instance *o = manager_next_instance(w->manager, NULL); o;
                        o = manager_next_instance(w->manager, o->id)) {
                if (!instance_has_resources(o))
                        continue;
                subnet_taken = subnet_taken || streq_ptr(o->subnet, i->subnet);
                address_taken = address_taken || streq_ptr(o->ingress_address, i->ingress_address);
        }
        if (i->subnet) {
                world_assert(w, address_pool_reserve_subnet(pool, i->subnet) ==
                                                (subnet_taken ? -EEXIST : 0));
                if (!subnet_taken)
                        address_pool_release_subnet(pool, i->subnet);
        }
        if (i->ingress_address) {
                world_assert(w, address_pool_reserve_ingress(pool, i->ingress_address) ==
                                                (address_taken ? -EEXIST : 0));
                if (!address_taken)
                        address_pool_release_ingress(pool, i->ingress_address, now_realtime());
        }
}

static void check_instances(World *w)
{
        for (Instance *i = manager_next_instance(w->manager, NULL); i;
                        i = manager_next_instance(w->manager, i->id)) {
                world_assert(w, !i->job);
                if (i->status == INSTANCE_RUNNING)
                        check_running(w, i);
                else if (i->status == INSTANCE_FAILED && i->subnet)
                        check_broken(w, i);
                else {
                        world_assert(w, i->status == INSTANCE_FAILED || i->status == INSTANCE_DELETED);
                        check_gone(w, i);
                        check_addresses(w, i);
                }
                world_assert(w, fake_ports_record(w->ports, STORE_INSTANCE, i->id));
        }
        for (struct lh_entry *e = w->manager->instances->head; e; e = e->next)
                world_assert(w, ((Instance *) lh_entry_v(e))->stored);
        world_assert(w, w->manager->n_queued == 0 && w->manager->n_running[0] == 0 &&
                                        w->manager->n_running[1] == 0);
}

static void check_once(World *w)
{
        world_assert(w, manager_is_loaded(w->manager));
        check_instances(w);
        check_store(w);
        check_resources(w);
}

/* One of which a job found that it does not answer is asked again after a start, and then it may. */
static bool any_may_answer_again(World *w)
{
        for (const Instance *i = manager_next_instance(w->manager, NULL); i;
                        i = manager_next_instance(w->manager, i->id))
                if (i->status == INSTANCE_FAILED && streq_ptr(i->error_step, "health"))
                        return true;
        return false;
}

/* What a start does where nothing was left to do: it reads. */
static bool is_done_by_a_start(const char *call, bool may_answer)
{
        static const char *const reads[] = { "load", "list_", "inspect_", "= ", "database_login", "http_get",
                "! http_get" };

        for (size_t k = 0; k < ELEMENTSOF(reads); k++)
                if (startswith(call, reads[k]))
                        return true;
        return streq(call, "commit put mark") || (may_answer && streq(call, "commit put instance"));
}

void world_check(World *w)
{
        size_t logged;
        bool may_answer;

        check_once(w);
        may_answer = any_may_answer_again(w);
        world_stop(w);
        logged = strv_length(w->ports->log);
        world_start(w);
        world_run(w);
        for (char **l = w->ports->log + logged; *l; l++)
                world_assert(w, is_done_by_a_start(*l, may_answer));
        check_once(w);
}
