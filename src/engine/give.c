/* SPDX-License-Identifier: MIT */
#include "engine/give.h"

#include <errno.h>

#include "basic/string-util.h"
#include "engine/filters.h"
#include "engine/tar.h"

/* The first entry of an archive is within so many bytes, further attributes included. */
#define HEAD_MAX ((size_t) 64 * 1024)

typedef struct GiveTask {
        EngineTask task;
        char *path, *escaped;
        uint32_t uid;
        bool filled; /* also one that has something in it */
        char *head; /* what has come of its archive */
        size_t n;
} GiveTask;

static void give_release(EngineTask *t)
{
        GiveTask *g = container_of(t, GiveTask, task);

        free(g->path);
        free(g->escaped);
        free(g->head);
}

static void fail(EngineTask *t, int error, const char *message)
{
        const GiveTask *g = container_of(t, GiveTask, task);
        _cleanup_free_ char *failed = str_printf(
                        "has a volume at %s that could not be given to its user %u", g->path, g->uid);

        engine_task_fail(t, error, failed ? failed : "could not be given a volume", message);
}

static void on_given(EngineTask *t, const EngineReply *reply)
{
        if (reply->error < 0)
                fail(t, reply->error, reply->message);
        else
                engine_task_end(t, 0, NULL);
}

/*
 * An entry for the mount point itself ("./") is left out by the engine where that exists, and nothing may be put into the
 * folder above it where the container's own files are read-only. But an entry may be named from there.
 */
static int give(EngineTask *t, const TarFolder *found)
{
        const GiveTask *g = container_of(t, GiveTask, task);
        _cleanup_free_ char *name = str_printf("../%s", strrchr(g->path, '/') + 1);
        TarFolder folder = *found;
        char archive[ENGINE_TAR_SIZE];
        int r;

        folder.uid = folder.gid = g->uid;
        r = name ? engine_tar_write_folder(name, &folder, archive) : -ENOMEM;
        if (r < 0)
                return r;
        return engine_task_upload(t, archive, sizeof archive, on_given,
                        "/containers/%s/archive?path=%s&noOverwriteDirNonDir=1", t->name, g->escaped);
}

static int take_head(GiveTask *g, const char *data, size_t n)
{
        char *grown = n > HEAD_MAX - g->n ? NULL : realloc(g->head, g->n + n);

        if (!grown)
                return n > HEAD_MAX - g->n ? -EBADMSG : -ENOMEM;
        memcpy(grown + g->n, data, n);
        g->head = grown;
        g->n += n;
        return 0;
}

/* Its first entry tells all: of a volume with much in it, no more than that is read. */
static int on_data(const char *data, size_t n, void *userdata)
{
        EngineTask *t = userdata;
        GiveTask *g = container_of(t, GiveTask, task);
        TarFolder folder;
        int r;

        n = n < HEAD_MAX - g->n ? n : HEAD_MAX - g->n;
        r = n > 0 ? take_head(g, data, n) : -EBADMSG;
        if (r >= 0)
                r = engine_tar_read_folder(g->head, g->n, &folder);
        if (r == 0)
                return 0;
        t->child = pending_cancel(t->child);
        t->on_data = NULL;
        if (r < 0)
                fail(t, r,
                                r == -ENOTDIR ? "it is no folder"
                                              : "the engine's archive of it was not understood");
        else if ((folder.uid == g->uid && folder.gid == g->uid) || (folder.filled && !g->filled))
                engine_task_end(t, 0, NULL);
        else
                engine_task_check(t, give(t, &folder));
        return 0;
}

/* The archive ended before its first entry was there, or there is none. */
static void on_archive(EngineTask *t, const EngineReply *reply)
{
        fail(t, reply->error < 0 ? reply->error : -EBADMSG,
                        reply->error < 0 ? reply->message : "the engine's archive of it was not understood");
}

static int begin_give(EngineTask *t)
{
        GiveTask *g = container_of(t, GiveTask, task);

        g->n = 0;
        t->on_data = on_data;
        return engine_task_request(
                        t, "GET", NULL, on_archive, "/containers/%s/archive?path=%s", t->name, g->escaped);
}

static const EngineTaskClass give_class = {
        .size = ENGINE_TASK_SIZE(GiveTask),
        .about = "container",
        .begin = begin_give,
        .release = give_release,
};

/* Without slashes at its end, as images may declare it. */
static int take_path(GiveTask *g, const char *path)
{
        size_t n = strlen(path);

        while (n > 1 && path[n - 1] == '/')
                n--;
        g->path = strndup(path, n);
        g->escaped = engine_escape(g->path);
        return g->escaped ? 0 : -ENOMEM;
}

int engine_volume_give(EngineClient *c, const char *container, const char *path, uint32_t uid, bool filled,
                uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        GiveTask *g;
        int r;

        if (!strrchr(path, '/'))
                return -EINVAL;
        r = engine_task_new(&give_class, c, container, timeout_usec, done, userdata, &t);
        if (r < 0)
                return r;
        g = container_of(t, GiveTask, task);
        g->uid = uid;
        g->filled = filled;
        r = take_path(g, path);
        return engine_task_start(t, r, ret_pending);
}
