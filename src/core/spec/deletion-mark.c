/* SPDX-License-Identifier: MIT */
#include "core/spec/deletion-mark.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/spec/compose-file.h"

#define NAME_PREFIX "deleted."
#define KEPT_USEC   (366 * USEC_PER_DAY) /* at least, and four times as long as the record */

void deletion_mark(Manager *m, const char *instance_id, uint64_t when_usec)
{
        _cleanup_free_ char *name = str_printf(NAME_PREFIX "%s", instance_id), *text = NULL;
        char time[TIMESTAMP_MAX];
        int r;

        text = str_printf("%s\n", format_timestamp(when_usec, time));
        r = name && text ? compose_write_text(m, name, text) : -ENOMEM;
        if (r < 0)
                log_warning_errno(r,
                                "That %s has been deleted cannot be noted in %s, so an older copy of the "
                                "store would bring its record back: %m",
                                instance_id, m->compose_dir);
}

bool deletion_is_marked(const Manager *m, const char *instance_id)
{
        _cleanup_free_ char *path = NULL;

        if (!instance_id_is_valid(instance_id))
                return false;
        path = str_printf("%s/" NAME_PREFIX "%s", m->compose_dir, instance_id);
        return path && access(path, F_OK) == 0;
}

static uint64_t kept_usec(const Manager *m)
{
        return m->tombstone_usec > KEPT_USEC / 4 ? m->tombstone_usec * 4 : KEPT_USEC;
}

static void prune(const Manager *m, DIR *directory, const char *name, uint64_t now)
{
        struct stat st;

        if (!startswith(name, NAME_PREFIX) ||
                        fstatat(dirfd(directory), name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                        !S_ISREG(st.st_mode) || st.st_mtim.tv_sec < 0)
                return;
        if (usec_between((uint64_t) st.st_mtim.tv_sec * USEC_PER_SEC, now) > kept_usec(m))
                (void) unlinkat(dirfd(directory), name, 0);
}

void deletion_prune(Manager *m)
{
        uint64_t now = now_realtime();
        DIR *directory;

        if (m->pruned_usec != 0 && now_monotonic() < m->pruned_usec + USEC_PER_DAY)
                return;
        m->pruned_usec = now_monotonic();
        directory = opendir(m->compose_dir);
        if (!directory)
                return;
        for (struct dirent *e = readdir(directory); e; e = readdir(directory))
                prune(m, directory, e->d_name, now);
        closedir(directory);
}
