/* SPDX-License-Identifier: MIT */
#include "engine/changes.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/utf8.h"
#include "engine/renamed.h"

/* So many are named, each with so many bytes. */
#define NAMED_MAX  5
#define PATH_SHOWN 120

typedef struct ChangesTask {
        EngineTask task;
        char **elsewhere; /* paths of mounts, and of tmpfs */
        bool running;
        ChangesDone on_changes;
} ChangesTask;

static void changes_release(EngineTask *t)
{
        strv_free(container_of(t, ChangesTask, task)->elsewhere);
}

static void changes_end(EngineTask *t, int error, const char *reason)
{
        container_of(t, ChangesTask, task)->on_changes(error, reason, NULL, t->userdata);
}

static bool is_within(const char *path, const char *folder)
{
        const char *rest = startswith(path, folder);

        return rest && (*rest == '\0' || *rest == '/');
}

/*
 * What the engine puts there itself, and what Python makes again. /run holds what describes running processes, process
 * ids and sockets, which no other start of them has a use for: it has to be empty when a system starts (FHS 3.0, 3.15),
 * and nearly every image leaves something there, so that none would ever be made again if it counted. /tmp is not
 * promised to anybody either (3.18), yet people do find files there after a restart: they count. What is there while
 * it runs may be gone once it ends, so then they do not count yet.
 */
static bool is_fleeting(const char *path)
{
        static const char *const folders[] = { "/run", "/var/run", "/dev", "/proc", "/sys", "/etc/hosts",
                "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv", "/sbin/docker-init",
                "/usr/sbin/docker-init" /* where /sbin leads into /usr */ };

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (is_within(path, folders[i]))
                        return true;
        return strstr(path, "/__pycache__");
}

static bool is_lasting(const ChangesTask *c, const char *path)
{
        for (char **folder = c->elsewhere; folder && *folder; folder++)
                if (is_within(path, *folder))
                        return false;
        return !is_fleeting(path) && !(c->running && is_within(path, "/tmp"));
}

/* A folder comes right before what is in it. */
static int compare_paths(const void *a, const void *b)
{
        const char *p = *(const char *const *) a, *q = *(const char *const *) b;

        while (*p && *p == *q)
                p++, q++;
        if (*p == *q)
                return 0;
        if (!*p || !*q)
                return *p ? 1 : -1;
        return (*p == '/' ? 0 : (unsigned char) *p) - (*q == '/' ? 0 : (unsigned char) *q);
}

static int take_paths(struct json_object *list, const char ***ret, size_t *ret_n)
{
        size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0, k = 0;
        const char **paths = calloc(n + 1, sizeof *paths);

        if (!paths)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (json_get_string(json_object_array_get_idx(list, i), "Path", &paths[k]) >= 0)
                        k++;
        qsort(paths, k, sizeof *paths, compare_paths);
        *ret = paths;
        *ret_n = k;
        return 0;
}

static int add_name(char **text, const char *path)
{
        char *longer = str_printf("%s%s%.*s", strempty(*text), *text ? ", " : "", PATH_SHOWN, path);

        if (!longer)
                return -ENOMEM;
        free(*text);
        *text = longer;
        return 0;
}

/* A folder that changed because of what is in it is not named. */
static int name_changes(const ChangesTask *c, struct json_object *list, char **ret)
{
        _cleanup_free_ const char **paths = NULL;
        _cleanup_free_ char *text = NULL;
        size_t n, named = 0, more = 0;
        int r;

        r = take_paths(list, &paths, &n);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                if ((i + 1 < n && is_within(paths[i + 1], paths[i])) || !is_lasting(c, paths[i]))
                        continue;
                if (named == NAMED_MAX)
                        more++;
                else if ((r = add_name(&text, paths[i])) >= 0)
                        named++;
        }
        if (r < 0 || !text)
                return r;
        if (more > 0) {
                char *longer = str_printf("%s and %zu more", text, more);

                free(text);
                text = longer;
        }
        *ret = text ? utf8_make_valid(text, strlen(text)) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static void on_changes(EngineTask *t, const EngineReply *reply)
{
        ChangesTask *c = container_of(t, ChangesTask, task);
        _cleanup_free_ char *files = NULL;
        int r;

        if (reply->error < 0) {
                engine_task_fail(t, reply->error, "could not be searched for files of its own",
                                reply->message);
                return;
        }
        r = name_changes(c, reply->json, &files);
        if (r < 0) {
                engine_task_check(t, r);
                return;
        }
        c->on_changes(0, NULL, files, t->userdata);
        (void) engine_task_free(t);
}

static int take_mounts(ChangesTask *c, struct json_object *container)
{
        struct json_object *mounts = json_get(container, "Mounts"),
                           *tmpfs = json_get(json_get(container, "HostConfig"), "Tmpfs");
        size_t n = json_object_is_type(mounts, json_type_array) ? json_object_array_length(mounts) : 0;
        const char *path;
        int r = 0;

        c->elsewhere = strv_free(c->elsewhere);
        for (size_t i = 0; r >= 0 && i < n; i++)
                if (json_get_string(json_object_array_get_idx(mounts, i), "Destination", &path) >= 0)
                        r = strv_extend(&c->elsewhere, path);
        if (r < 0 || !json_object_is_type(tmpfs, json_type_object))
                return r;
        json_object_object_foreach (tmpfs, folder, unused) {
                (void) unused;
                r = strv_extend(&c->elsewhere, folder);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void on_looked(EngineTask *t, const EngineReply *reply)
{
        ChangesTask *c = container_of(t, ChangesTask, task);
        int r;

        if (reply->error < 0) {
                engine_task_fail(t, reply->error, "could not be inspected", reply->message);
                return;
        }
        (void) json_get_bool(json_get(reply->json, "State"), "Running", &c->running);
        r = take_mounts(c, reply->json);
        t->reply_max = ENGINE_LIST_MAX;
        if (r >= 0)
                r = engine_task_request(t, "GET", NULL, on_changes, "/containers/%s/changes", t->name);
        engine_task_check(t, r);
}

static int begin_changes(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_looked, "/containers/%s/json", t->name);
}

static const EngineTaskClass changes_class = {
        .size = ENGINE_TASK_SIZE(ChangesTask),
        .about = "container",
        .search = engine_task_search,
        .begin = begin_changes,
        .end = changes_end,
        .release = changes_release,
};

int engine_container_changes(EngineClient *c, const char *name, uint64_t timeout_usec, ChangesDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&changes_class, c, name, timeout_usec, NULL, userdata, &t);
        if (r < 0)
                return r;
        container_of(t, ChangesTask, task)->on_changes = done;
        return engine_task_start(t, 0, ret_pending);
}
