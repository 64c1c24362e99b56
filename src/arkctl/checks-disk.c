/* SPDX-License-Identifier: MIT */

/* Whether there is room where the engine, its volumes, arkd and the journal write: each file system once. */

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "arkctl/checks.h"
#include "arkctl/client.h"
#include "arkctl/objects.h"
#include "arkctl/text.h"
#include "basic/string-util.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

#define ENGINE_DIRECTORY "/var/lib/docker"

Verdict verdict_of_free(uint64_t free, uint64_t enough, uint64_t least)
{
        if (free < least)
                return VERDICT_FAILED;
        return free < enough ? VERDICT_WARNING : VERDICT_OK;
}

char *engine_directory(Ctl *ctl)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path = "";
        int r;

        r = ctl_try(ctl, ARK_BUS_PATH, PROPERTIES_INTERFACE, "Get", &error, &reply, "ss",
                        ARK_MANAGER_INTERFACE, "EngineDirectory");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'v', "s");
        if (r >= 0)
                (void) sd_bus_message_read_basic(reply, 's', &path);
        return strdup(*path ? path : ENGINE_DIRECTORY);
}

/* A file system, by the places on it. */
typedef struct Disk {
        dev_t device;
        uint64_t left, enough, least;
        char *names;
        bool logs; /* of the journal alone */
} Disk;

static void disks_done(Disk *disks, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(disks[i].names);
}

static Disk *disk_of(Disk *disks, size_t *n, dev_t device)
{
        for (size_t i = 0; i < *n; i++)
                if (disks[i].device == device)
                        return disks + i;
        disks[*n] = (Disk){ .device = device, .logs = true };
        return disks + (*n)++;
}

/* Whether it is below the place that was named first. */
static bool is_named(const Disk *disk, const char *path)
{
        const char *rest = disk->names ? startswith(path, disk->names) : NULL;

        return rest && *rest == '/';
}

static int disk_add(Disk *disk, const DiskPlace *place, const struct statvfs *fs)
{
        _cleanup_free_ char *names =
                        disk->names ? str_printf("%s, %s", disk->names, place->path) : strdup(place->path);

        if (!names)
                return -ENOMEM;
        if (!is_named(disk, place->path)) {
                free(disk->names);
                disk->names = TAKE_PTR(names);
        }
        disk->left = (uint64_t) fs->f_bavail * fs->f_frsize;
        disk->logs = disk->logs && place->logs;
        disk->enough = place->enough > disk->enough ? place->enough : disk->enough;
        disk->least = place->least > disk->least ? place->least : disk->least;
        return 0;
}

static int disk_check(Checks *checks, const Disk *disk)
{
        Verdict verdict = verdict_of_free(disk->left, disk->enough, disk->least);
        char text[TEXT_SHORT_MAX];
        const char *remedy =
                        disk->logs ? "Have the journal keep less: \"journalctl --vacuum-size=500M\", and "
                                     "SystemMaxUse= in journald.conf(5)."
                                   : "Delete instances that are no longer needed, or unused images with "
                                     "\"docker image prune\".";

        return checks_add(checks, "disk", verdict, verdict == VERDICT_OK ? NULL : remedy, "%s free under %s",
                        text_bytes(disk->left, text), disk->names);
}

int checks_add_disks(Checks *checks, const DiskPlace *places, size_t n)
{
        Disk disks[DISK_PLACES_MAX];
        size_t n_disks = 0;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                struct statvfs fs;
                struct stat st;

                if (stat(places[i].path, &st) >= 0 && statvfs(places[i].path, &fs) >= 0)
                        r = disk_add(disk_of(disks, &n_disks, st.st_dev), places + i, &fs);
        }
        for (size_t i = 0; r >= 0 && i < n_disks; i++)
                r = disk_check(checks, disks + i);
        if (r >= 0 && n_disks == 0)
                r = checks_add(checks, "disk", VERDICT_SKIPPED, NULL, "It cannot be seen from here");
        disks_done(disks, n_disks);
        return r;
}

/* What is written there by default is kept in memory where there is no folder for it on disk. */
static DiskPlace place_of_journal(void)
{
        if (access("/var/log/journal", F_OK) >= 0)
                return (DiskPlace){ "/var/log/journal", GIB, 128 * MIB, true };
        return (DiskPlace){ "/run/log/journal", 32 * MIB, 8 * MIB, true };
}

int check_disk(Ctl *ctl, Checks *checks)
{
        _cleanup_free_ char *engine = ctl_is_local(ctl) ? engine_directory(ctl) : NULL, *volumes = NULL;

        if (!ctl_is_local(ctl))
                return checks_add_disks(checks, NULL, 0);
        volumes = engine ? str_printf("%s/volumes", engine) : NULL;
        if (!volumes)
                return -ENOMEM;
        return checks_add_disks(checks,
                        (const DiskPlace[]){
                                        { engine, 5 * GIB, GIB, false },
                                        { volumes, 5 * GIB, GIB, false },
                                        { "/var/lib/containerd", 5 * GIB, GIB, false },
                                        { "/var/lib/arkd", 5 * GIB, GIB, false },
                                        place_of_journal(),
                        },
                        5);
}
