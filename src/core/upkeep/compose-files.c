/* SPDX-License-Identifier: MIT */

/*
 * The compose files on disk. Whoever writes one does not wait for the disk, which is the loop's bane; so after a power
 * cut some may be empty or missing, and a daemon that was killed may have left one half written, with the secrets of
 * an instance that nobody owns. All that is put right at the start.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "basic/file-util.h"
#include "basic/log.h"
#include "core/compose.h"
#include "core/manager-internal.h"

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

/* ---- Files of nobody ---- */

/* Whether a file may be ours, by its name; whose then, and whether its writing was cut short. */
static bool read_name(const char *name, char ret_id[INSTANCE_ID_LENGTH + 1], bool *ret_temporary)
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

/* No write is under way between two events. What is damaged, or not known to a store that is new here, is left. */
static bool is_stray(Manager *m, const char *id, bool temporary)
{
        const Instance *i = manager_find_instance(m, id);

        if (strv_contains(m->damaged, id))
                return false;
        if (!i)
                return m->marked;
        return temporary || (!i->job && !instance_has_resources(i));
}

static void remove_strays(Manager *m)
{
        DIR *directory = opendir(m->compose_dir);

        if (!directory) {
                if (errno != ENOENT)
                        log_warning_errno(-errno, "%s cannot be read: %m", m->compose_dir);
                return;
        }
        for (struct dirent *e = readdir(directory); e; e = readdir(directory)) {
                char id[INSTANCE_ID_LENGTH + 1];
                bool temporary;

                if (!read_name(e->d_name, id, &temporary) || !is_stray(m, id, temporary))
                        continue;
                if (unlinkat(dirfd(directory), e->d_name, 0) < 0)
                        log_warning_errno(-errno, "%s/%s belongs to no instance, but cannot be removed: %m",
                                        m->compose_dir, e->d_name);
                else
                        log_notice("%s/%s belonged to no instance and was removed", m->compose_dir,
                                        e->d_name);
        }
        closedir(directory);
}

/* ---- Files that are not what they should be ---- */

struct ComposeTending {
        sd_event_source *next_look;
        char **ids;
        size_t next;
};

/* A job that makes or deletes the instance sees to its file itself. */
static bool is_tended(const Instance *i)
{
        return instance_has_resources(i) && i->timeline[PHASE_READY] != TIMELINE_UNSET &&
               (!i->job || i->job->kind == JOB_RESTART);
}

static bool has_text(const char *path, const char *text)
{
        _cleanup_(str_erase_freep) char *found = NULL;

        return read_file(path, strlen(text), &found, NULL) >= 0 && streq(found, text);
}

static int tend(Manager *m, const Instance *i)
{
        _cleanup_(instance_spec_freep) InstanceSpec *spec = NULL;
        _cleanup_(str_erase_freep) char *text = NULL;
        int r;

        r = instance_spec_new(m, i, &spec);
        if (r >= 0)
                r = compose_format(spec, &text);
        if (r < 0 || has_text(spec->compose_path, text))
                return r;
        r = write_text(m, spec->compose_path, text);
        if (r >= 0)
                log_notice("%s was not what it should be and was written again", spec->compose_path);
        return r;
}

/* One at a time: the disk may be slow, and others wait for the loop. */
static int on_next(sd_event_source *source, void *userdata)
{
        Manager *m = userdata;
        const char *id = m->tending->ids[m->tending->next++];
        const Instance *i = id ? manager_find_instance(m, id) : NULL;
        int r = i && is_tended(i) ? tend(m, i) : 0;

        if (r < 0)
                log_warning_errno(r, "The compose file of %s cannot be made again: %m", id);
        if (!id)
                compose_tend_cancel(m);
        return 0;
}

void compose_tend_cancel(Manager *m)
{
        if (!m->tending)
                return;
        sd_event_source_disable_unref(m->tending->next_look);
        strv_free(m->tending->ids);
        m->tending = mfree(m->tending);
}

static int tend_later(Manager *m)
{
        struct ComposeTending *t = m->tending = new0(struct ComposeTending, 1);
        int r = t ? 0 : -ENOMEM;

        for (struct lh_entry *e = m->instances->head; e && r >= 0; e = e->next)
                if (is_tended(lh_entry_v(e)))
                        r = strv_extend(&t->ids, lh_entry_k(e));
        if (r < 0 || !t->ids)
                return r;
        r = sd_event_add_defer(m->event, &t->next_look, on_next, m);
        if (r >= 0)
                r = sd_event_source_set_priority(t->next_look, SD_EVENT_PRIORITY_IDLE);
        return r < 0 ? r : sd_event_source_set_enabled(t->next_look, SD_EVENT_ON);
}

void compose_tend(Manager *m)
{
        int r;

        remove_strays(m);
        compose_tend_cancel(m);
        r = tend_later(m);
        if (r < 0)
                log_warning_errno(r, "The compose files cannot be looked at: %m");
        if (r < 0 || !m->tending->ids)
                compose_tend_cancel(m);
}
