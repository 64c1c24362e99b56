/* SPDX-License-Identifier: MIT */

/*
 * Whoever writes a compose file does not wait for the disk, which is the loop's bane; so after a power cut some may be
 * empty or missing, and a daemon that was killed may have left one half written, with the secrets of an instance that
 * nobody owns. All that is put right at the start.
 */

#include "core/upkeep/compose-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "basic/log.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/doubts.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/spec/archive.h"
#include "core/spec/compose-file.h"
#include "core/spec/compose-read.h"
#include "core/spec/compose-text.h"
#include "core/spec/deletion-mark.h"
#include "core/spec/spec.h"

/* ---- Files of nobody ---- */

/* No write is under way between two events. What is damaged, or not known, is left: it may be the last that knows of
 * an instance, unless that has been deleted. */
static bool is_ownerless(Manager *m, const char *id, bool temporary)
{
        const Instance *i = manager_find_instance(m, id);

        if (strv_contains(m->damaged, id))
                return false;
        if (!i)
                return deletion_is_marked(m, id);
        return temporary || (!i->job && !instance_has_resources(i));
}

static void remove_if_ownerless(Manager *m, DIR *directory, const char *name)
{
        char id[INSTANCE_ID_LENGTH + 1];
        bool temporary;

        if (!compose_read_name(name, id, &temporary) || !is_ownerless(m, id, temporary))
                return;
        if (unlinkat(dirfd(directory), name, 0) < 0)
                log_warning_errno(-errno, "%s/%s belongs to no instance, but cannot be removed: %m",
                                m->compose_dir, name);
        else
                log_notice("%s/%s belonged to no instance and was removed", m->compose_dir, name);
}

static void remove_ownerless(Manager *m)
{
        DIR *directory = opendir(m->compose_dir);

        if (!directory) {
                if (errno != ENOENT)
                        log_warning_errno(-errno, "%s cannot be read: %m", m->compose_dir);
                return;
        }
        for (struct dirent *e = readdir(directory); e; e = readdir(directory))
                remove_if_ownerless(m, directory, e->d_name);
        closedir(directory);
}

/* ---- Files that are not what they should be ---- */

struct ComposeTending {
        sd_event_source *next_look;
        char **ids;
        size_t next;
};

/* A job that makes or deletes the instance sees to its file itself. What a newer version has made stays as it wrote it. */
static bool is_tended(const Instance *i)
{
        if (i->status == INSTANCE_NEWER || (i->product && i->product->newer_field))
                return false;
        return instance_has_resources(i) && i->timeline[PHASE_READY] != TIMELINE_UNSET &&
               (!i->job || (!i->job->plan->makes && !i->job->plan->removes));
}

static bool has_text(const char *path, const char *text)
{
        _cleanup_(str_erase_freep) char *found = NULL;

        return read_file(path, strlen(text), &found, NULL) >= 0 && streq(found, text);
}

/* A store that is behind may have an older expiry than the file. */
static void take_newer_expiry(Manager *m, Instance *i)
{
        _cleanup_json_ struct json_object *compose = NULL;
        uint64_t expires_usec;
        bool kept;

        if (m->generation.expected == 0 || compose_read(m->compose_dir, i->id, &compose) < 0 ||
                        !archive_read_expiry(compose, &expires_usec, &kept) ||
                        (expires_usec == i->expires_usec && kept == i->kept))
                return;
        log_notice("The expiry of %s is taken from its compose file, as the store is older", i->id);
        i->expires_usec = expires_usec;
        i->kept = kept;
        manager_doubt(m, STORE_INSTANCE, i->id);
        manager_notify(m, MANAGER_INSTANCE_CHANGED, i, NULL);
}

static int tend(Manager *m, const Instance *i)
{
        _cleanup_(instance_spec_freep) InstanceSpec *spec = NULL;
        _cleanup_(str_erase_freep) char *text = NULL;
        int r;

        r = instance_spec_new(m, i, &spec);
        if (r >= 0 && !spec->log_known) {
                m->compose_waits = true;
                return 0;
        }
        if (r >= 0)
                r = compose_format(spec, &text);
        if (r < 0 || has_text(spec->compose_path, text))
                return r;
        r = compose_write(m, spec);
        if (r >= 0)
                log_notice("%s was not what it should be and was written again", spec->compose_path);
        return r;
}

/* What is gone keeps its mark, where a power cut took it, and what was deleted before there were marks gets one. */
static bool is_buried(const Instance *i)
{
        return i->stored && !i->job && i->status == INSTANCE_DELETED;
}

/* One at a time: the disk may be slow, and others wait for the loop. */
static int on_next(sd_event_source *source, void *userdata)
{
        Manager *m = userdata;
        const char *id = m->tending->ids[m->tending->next++];
        Instance *i = id ? manager_find_instance(m, id) : NULL;
        int r = 0;

        if (i && is_tended(i)) {
                take_newer_expiry(m, i);
                r = tend(m, i);
        } else if (i && is_buried(i) && !deletion_is_marked(m, i->id))
                deletion_mark(m, i->id, i->deleted_usec);
        if (r < 0)
                log_warning_errno(r, "The compose file of %s cannot be made again: %m", id);
        if (!id) {
                compose_tend_cancel(m);
                m->hooks->settled(m);
        }
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
                if (is_tended(lh_entry_v(e)) || is_buried(lh_entry_v(e)))
                        r = strv_extend(&t->ids, lh_entry_k(e));
        if (r < 0 || !t->ids)
                return r;
        r = sd_event_add_defer(m->event, &t->next_look, on_next, m);
        if (r >= 0)
                r = sd_event_source_set_priority(t->next_look, SD_EVENT_PRIORITY_IDLE);
        return r < 0 ? r : sd_event_source_set_enabled(t->next_look, SD_EVENT_ON);
}

void compose_tend_instance(Manager *m, const Instance *i)
{
        int r = is_tended(i) ? tend(m, i) : 0;

        if (r < 0)
                log_warning_errno(r, "The compose file of %s cannot be made again: %m", i->id);
}

static void tend_all(Manager *m)
{
        int r;

        m->compose_waits = false;
        compose_tend_cancel(m);
        r = tend_later(m);
        if (r < 0)
                log_warning_errno(r, "The compose files cannot be looked at: %m");
        if (r < 0 || !m->tending->ids)
                compose_tend_cancel(m);
}

void compose_tend(Manager *m)
{
        remove_ownerless(m);
        deletion_prune(m);
        tend_all(m);
}

void compose_on_engine_connected(Manager *m)
{
        if (m->compose_waits)
                tend_all(m);
}
