/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"
#include "core/ports.h"

/*
 * Volumes of an instance beside that of its database: those that its images declare. A new container has one of its own
 * name for each, with this deployment's labels. One of before has anonymous ones: they have no labels, so the record
 * remembers them, as soon as they are seen, for what takes the container's place and for deleting.
 */
struct InstanceVolume {
        char *role; /* of the container that it is mounted in */
        char *name, *path;
        bool made; /* no application has been started with it: what it holds is the image's */
        bool listed; /* while a list of all resources is taken in (upkeep/lost.c) */
};

void instance_volumes_done(Instance *instance);

/* 1 where it was not known, 0, or -ENOMEM. Of two with the same path the one that was added last is mounted. */
int instance_add_volume(Instance *instance, const char *role, const char *name, const char *path);
void instance_forget_volume(Instance *instance, const char *name);

/* Its application is started with what it has. */
void instance_settle_volumes(Instance *instance);

/* Remembers what a container has mounted, but for the database's own. As instance_add_volume(). */
int instance_note_volumes(Instance *instance, const char *role, const ContainerState *state);
/* Adds one with a name of its own for each path that the image declares and nothing is mounted at: neither such a volume
 * nor the container's own, own_path. 0 or -ENOMEM. */
int instance_plan_volumes(Instance *instance, const char *role, const ImageInfo *image,
                const ContainerSpec *container);

/* What is to be mounted in the container of that role; strings are the instance's. */
size_t instance_get_mounts(const Instance *instance, const char *role, VolumeMount ret[VOLUME_MOUNTS_MAX]);

/* The record's list; NULL where there is no memory for it, and none is added where there are no volumes. */
int instance_volumes_to_json(const Instance *instance, struct json_object *record);
int instance_volumes_load(Instance *instance, struct json_object *record);
