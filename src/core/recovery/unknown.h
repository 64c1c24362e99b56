/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"

/*
 * Instances that the store does not know: something in the engine carries this deployment's labels and theirs, or there
 * is a compose file of theirs. A store that was lost, or is older, does not make them nobody's: they are left as they
 * are, keep their addresses and are reported until an operator adopts or removes them. What is marked as deleted is not
 * among them. Those whose record is damaged are, for their addresses and so that they can be adopted.
 */
typedef struct Unknown {
        char *id;
        char *client_name; /* by its compose file; NULL where that does not say */
        char *problem; /* why it cannot be adopted, and what to do; NULL where it can */
        Instance *instance; /* as it would be adopted; NULL where its file does not tell */
        char *subnet, *ingress_address; /* that are kept for it, or NULL */
        uint32_t uid; /* by a record that is too old to be believed otherwise; or 0 */
        bool damaged; /* it has a record, which cannot be read */
        bool has_file;
        unsigned n_containers, n_running, n_others; /* as of the last look at the engine */
} Unknown;

Unknown *unknown_find(const Manager *manager, const char *id);

/* Its visitors are led to it before it is adopted: it serves as it did. NULL where it is not known how. */
const Instance *unknown_route(const Manager *manager, const char *id);

/* The store has been read: one whose record is too old to be believed (behind.h) is unknown, with what that says it has;
 * subnet and address may be NULL, uid 0. 0 or -ENOMEM. */
int unknown_take(Manager *manager, const char *id, const char *subnet, const char *ingress_address,
                uint32_t uid);
/* The store has been read: what the compose files tell. */
void unknown_find_files(Manager *manager);
/* A list of all that the engine has. */
void unknown_update(Manager *manager, const Resource *items, size_t n);
/* It is known from now on. Its addresses stay taken. */
void unknown_adopted(Manager *manager, const char *id);
/* Before a load that begins anew: the addresses are free again. */
void unknown_reset(Manager *manager);

/* How many there are whose record is not there, rather than damaged. */
size_t unknown_count(const Manager *manager);

/* An instance that this host has and the store does not know (unknown.h). The manager owns the strings. */
typedef struct UnknownInstance {
        const char *id;
        const char *client_name; /* NULL where that is not known */
        const char *problem; /* why it cannot be adopted, and what to do; NULL where it can */
} UnknownInstance;

/* Fills in the next after that id (NULL: the first); false at the end. */
bool manager_next_unknown(const Manager *manager, const char *after_id, UnknownInstance *ret);
/* Another number whenever there are others, or others can be adopted. */
unsigned manager_unknown_serial(const Manager *manager);
