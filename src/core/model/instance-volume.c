/* SPDX-License-Identifier: MIT */
#include "core/model/instance-volume.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>

#include "basic/json-util.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"

/* More than this an instance cannot come to have but by somebody's play with its containers. */
#define VOLUMES_MAX 64
#define SLUG_MAX    40

static void volume_done(InstanceVolume *v)
{
        free(v->role);
        free(v->name);
        free(v->path);
}

void instance_volumes_done(Instance *i)
{
        for (size_t k = 0; k < i->n_volumes; k++)
                volume_done(i->volumes + k);
        i->volumes = mfree(i->volumes);
        i->n_volumes = 0;
}

static InstanceVolume *find_volume(const Instance *i, const char *name)
{
        for (size_t k = 0; k < i->n_volumes; k++)
                if (streq(i->volumes[k].name, name))
                        return i->volumes + k;
        return NULL;
}

int instance_add_volume(Instance *i, const char *role, const char *name, const char *path)
{
        InstanceVolume v = { 0 }, *grown;

        if (find_volume(i, name) || i->n_volumes == VOLUMES_MAX)
                return 0;
        grown = reallocarray(i->volumes, i->n_volumes + 1, sizeof *grown);
        if (grown)
                i->volumes = grown;
        if (!grown || free_and_strdup(&v.role, role) < 0 || free_and_strdup(&v.name, name) < 0 ||
                        free_and_strdup(&v.path, path) < 0) {
                volume_done(&v);
                return -ENOMEM;
        }
        i->volumes[i->n_volumes++] = v;
        return 1;
}

void instance_forget_volume(Instance *i, const char *name)
{
        InstanceVolume *v = find_volume(i, name);

        if (!v)
                return;
        volume_done(v);
        i->n_volumes--;
        memmove(v, v + 1, (size_t) (i->volumes + i->n_volumes - v) * sizeof *v);
}

void instance_settle_volumes(Instance *i)
{
        for (size_t k = 0; k < i->n_volumes; k++)
                i->volumes[k].made = false;
}

int instance_note_volumes(Instance *i, const char *role, const ContainerState *state)
{
        InstanceNames names;
        int any = 0;

        instance_names(i, &names);
        for (size_t k = 0; k < state->n_volumes; k++) {
                const VolumeMount *mount = state->volumes + k;
                int r;

                if (streq(mount->name, names.volume))
                        continue;
                r = instance_add_volume(i, role, mount->name, mount->path);
                if (r < 0)
                        return r;
                any |= r;
        }
        return any;
}

/* ---- Names ---- */

static uint32_t hash_path(const char *path)
{
        uint32_t hash = UINT32_C(0x811c9dc5);

        for (; *path; path++)
                hash = (hash ^ (unsigned char) *path) * UINT32_C(0x01000193);
        return hash;
}

/* "/var/lib/app" is "var_lib_app": in letters that the engine takes, and not longer than a name should be. */
static void make_slug(const char *path, char ret[SLUG_MAX + 1])
{
        size_t n = 0;

        for (path += strspn(path, "/"); *path && n < SLUG_MAX; path++)
                ret[n++] = isalnum((unsigned char) *path) || *path == '.' || *path == '-' ? *path : '_';
        ret[n] = '\0';
}

/* "<id>_<slug>", of the database "<id>_db_<slug>"; a name that another has, or must have, with a number. */
static char *make_name(const Instance *i, const char *role, const char *path)
{
        bool app = streq(role, ARK_ROLE_APP);
        char slug[SLUG_MAX + 1];
        InstanceNames names;
        char *name;

        make_slug(path, slug);
        instance_names(i, &names);
        name = app ? str_printf("%s_%s", i->id, slug) : str_printf("%s_%s_%s", i->id, role, slug);
        if (!name || (!streq(name, names.volume) && !find_volume(i, name)))
                return name;
        free(name);
        return str_printf("%s_%s_%s-%08" PRIx32, i->id, role, slug, hash_path(path));
}

/* ---- What is mounted ---- */

static bool has_mount(const Instance *i, const char *role, const char *path)
{
        for (size_t k = 0; k < i->n_volumes; k++)
                if (streq(i->volumes[k].role, role) && streq(i->volumes[k].path, path))
                        return true;
        return false;
}

/* The engine puts a tmpfs there. */
static bool is_on_tmpfs(const ContainerSpec *c, const char *path)
{
        return c->read_only && (streq(path, "/tmp") || streq(path, "/run"));
}

int instance_plan_volumes(Instance *i, const char *role, const ImageInfo *image, const ContainerSpec *c)
{
        for (size_t k = 0; k < image->n_volumes; k++) {
                const char *path = image->volumes[k];
                _cleanup_free_ char *name = NULL;
                int r;

                if (streq_ptr(path, c->volume_path) || is_on_tmpfs(c, path) || has_mount(i, role, path))
                        continue;
                name = make_name(i, role, path);
                r = name ? instance_add_volume(i, role, name, path) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

size_t instance_get_mounts(const Instance *i, const char *role, VolumeMount ret[VOLUME_MOUNTS_MAX])
{
        size_t n = 0;

        for (size_t k = i->n_volumes; k > 0 && n < VOLUME_MOUNTS_MAX; k--) {
                const InstanceVolume *v = i->volumes + k - 1;
                bool seen = !streq(v->role, role);

                for (size_t m = 0; m < n; m++)
                        seen = seen || streq(ret[m].path, v->path);
                if (!seen)
                        ret[n++] = (VolumeMount){ .name = v->name, .path = v->path };
        }
        return n;
}

/* ---- Its record ---- */

int instance_volumes_to_json(const Instance *i, struct json_object *record)
{
        struct json_object *list;
        int r;

        if (i->n_volumes == 0)
                return 0;
        list = json_object_new_array();
        r = json_set(record, "volumes", list);
        for (size_t k = 0; r >= 0 && k < i->n_volumes; k++) {
                struct json_object *item = json_object_new_object();

                r = json_append(list, item);
                if (r >= 0)
                        r = json_set_string(item, "role", i->volumes[k].role);
                if (r >= 0)
                        r = json_set_string(item, "name", i->volumes[k].name);
                if (r >= 0)
                        r = json_set_string(item, "path", i->volumes[k].path);
        }
        return r;
}

int instance_volumes_load(Instance *i, struct json_object *record)
{
        struct json_object *list = json_get(record, "volumes");
        size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

        for (size_t k = 0; k < n; k++) {
                struct json_object *item = json_object_array_get_idx(list, k);
                const char *role, *name, *path;
                int r;

                if (json_get_string(item, "role", &role) < 0 || json_get_string(item, "name", &name) < 0 ||
                                json_get_string(item, "path", &path) < 0)
                        continue;
                r = instance_add_volume(i, role, name, path);
                if (r < 0)
                        return r;
        }
        return 0;
}
