/* SPDX-License-Identifier: MIT */

#include "core/spec/compose-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "basic/file-util.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/spec/compose-text.h"
#include "core/spec/spec.h"

#define NAME_PREFIX "compose."
#define NAME_SUFFIX ".yml"

char *compose_path(const char *compose_dir, const char *instance_id)
{
        return str_printf("%s/" NAME_PREFIX "%s" NAME_SUFFIX, compose_dir, instance_id);
}

static int write_text(Manager *m, const char *path, const char *text)
{
        if (mkdir(m->compose_dir, 0700) < 0 && errno != EEXIST)
                return -errno;
        return write_file_atomic(path, text, 0600);
}

int compose_write_text(Manager *m, const char *name, const char *text)
{
        _cleanup_free_ char *path = str_printf("%s/%s", m->compose_dir, name);

        return path ? write_text(m, path, text) : -ENOMEM;
}

int compose_write(Manager *m, const InstanceSpec *spec)
{
        _cleanup_(str_erase_freep) char *text = NULL;
        int r;

        r = compose_format(spec, &text);
        return r < 0 ? r : write_text(m, spec->compose_path, text);
}

static int remove_file(const char *path)
{
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int compose_remove(const char *compose_dir, const char *instance_id)
{
        _cleanup_free_ char *path = compose_path(compose_dir, instance_id), *temporary = NULL;
        int r;

        temporary = path ? str_printf("%s" TEMPORARY_SUFFIX, path) : NULL;
        if (!temporary)
                return -ENOMEM;
        r = remove_file(temporary);
        return r < 0 ? r : remove_file(path);
}

/* Whether a file may be ours, by its name; whose then, and whether its writing was cut short. */
bool compose_read_name(const char *name, char ret_id[INSTANCE_ID_LENGTH + 1], bool *ret_temporary)
{
        const char *id = startswith(name, NAME_PREFIX);

        if (!id || strlen(id) < INSTANCE_ID_LENGTH)
                return false;
        memcpy(ret_id, id, INSTANCE_ID_LENGTH);
        ret_id[INSTANCE_ID_LENGTH] = '\0';
        *ret_temporary = streq(id + INSTANCE_ID_LENGTH, NAME_SUFFIX TEMPORARY_SUFFIX);
        return instance_id_is_valid(ret_id) &&
               (*ret_temporary || streq(id + INSTANCE_ID_LENGTH, NAME_SUFFIX));
}

int compose_list(const char *compose_dir, char ***ret_ids)
{
        _cleanup_(strv_freep) char **ids = NULL;
        DIR *directory = opendir(compose_dir);
        int r = 0;

        if (!directory)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *e = readdir(directory); e && r >= 0; e = readdir(directory)) {
                char id[INSTANCE_ID_LENGTH + 1];
                bool temporary;

                if (compose_read_name(e->d_name, id, &temporary) && !temporary)
                        r = strv_extend(&ids, id);
        }
        closedir(directory);
        if (r >= 0)
                *ret_ids = TAKE_PTR(ids);
        return r;
}
