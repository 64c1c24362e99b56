/* SPDX-License-Identifier: MIT */
#include "engine/image.h"

#include <assert.h>
#include <errno.h>
#include <sys/queue.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "engine/pull.h"
#include "engine/reference.h"

#define PROGRESS_INTERVAL (200 * USEC_PER_MSEC)
/* Cut off, an engine forgets what it has fetched. So a pull that nobody waits for any more goes on, for who asks next, as
 * long as it makes progress. */
#define UNATTENDED_MAX (30 * USEC_PER_MINUTE)
#define SILENCE_MAX    USEC_PER_MINUTE

typedef struct SharedPull SharedPull;

/* One call: looks whether the image is there, and joins a pull where it is not. */
typedef struct Waiter {
        EngineTask task;
        EngineImages *images;
        PullProgress progress;
        SharedPull *pull;
        TAILQ_ENTRY(Waiter) next;
        unsigned told; /* the round of progress that it has been told of */
} Waiter;

struct SharedPull {
        EngineImages *images;
        char *image;
        Pending *pending;
        TAILQ_HEAD(, Waiter) waiters;
        TAILQ_ENTRY(SharedPull) next;
        uint64_t current, total;
        unsigned round;
        sd_event_source *timer; /* the next round; armed while there is news */
        uint64_t heard_usec; /* when it last told of progress, CLOCK_MONOTONIC */
        uint64_t left_usec; /* when its last waiter left */
        sd_event_source *patience; /* armed while nobody waits for it */
};

struct EngineImages {
        EngineClient *client;
        TAILQ_HEAD(, SharedPull) pulls;
        SharedPull *telling; /* whose waiters are being called; NULL once that is freed */
};

int engine_images_new(EngineClient *c, EngineImages **ret)
{
        EngineImages *images = new0(EngineImages, 1);

        if (!images)
                return -ENOMEM;
        images->client = c;
        TAILQ_INIT(&images->pulls);
        *ret = images;
        return 0;
}

/* ---- The pull that is shared ------------------------------------------------------------------------------- */

static SharedPull *shared_pull_free(SharedPull *p)
{
        if (!p)
                return NULL;
        if (p->images->telling == p)
                p->images->telling = NULL;
        TAILQ_REMOVE(&p->images->pulls, p, next);
        (void) pending_cancel(p->pending);
        (void) sd_event_source_disable_unref(p->timer);
        (void) sd_event_source_disable_unref(p->patience);
        free(p->image);
        return mfree(p);
}
DEFINE_CLEANUP_FUNC(SharedPull, shared_pull_free);

EngineImages *engine_images_free(EngineImages *images)
{
        SharedPull *p;

        while (images && (p = TAILQ_FIRST(&images->pulls))) {
                assert(TAILQ_EMPTY(&p->waiters));
                (void) shared_pull_free(p);
        }
        return mfree(images);
}

static Waiter *next_untold(SharedPull *p)
{
        Waiter *w;

        TAILQ_FOREACH(w, &p->waiters, next)
        {
                if (w->told != p->round)
                        return w;
        }
        return NULL;
}

/* Any waiter may give up in its callback, and with the last of them the pull is gone. */
static int on_round(sd_event_source *source, uint64_t usec, void *userdata)
{
        SharedPull *p = userdata;
        EngineImages *images = p->images;
        Waiter *w;

        p->round++;
        images->telling = p;
        while (images->telling && (w = next_untold(p))) {
                w->told = p->round;
                if (w->progress)
                        w->progress(p->current, p->total, w->task.userdata);
        }
        images->telling = NULL;
        return 0;
}

static void on_changed(const EnginePullState *state, void *userdata)
{
        SharedPull *p = userdata;
        uint64_t current, total;
        int enabled = SD_EVENT_OFF;

        p->heard_usec = now_monotonic();
        engine_pull_state_sum(state, &current, &total);
        if (current == p->current && total == p->total)
                return;
        p->current = current;
        p->total = total;
        (void) sd_event_source_get_enabled(p->timer, &enabled);
        if (enabled == SD_EVENT_OFF) {
                (void) sd_event_source_set_time_relative(p->timer, PROGRESS_INTERVAL);
                (void) sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
        }
}

/* With pending gone it is no longer joined, nor freed by the last waiter that leaves. */
static void on_pulled(int error, const char *reason, void *userdata)
{
        SharedPull *p = userdata;
        Waiter *w;

        p->pending = NULL;
        if (TAILQ_EMPTY(&p->waiters))
                log_info("The pull of image %s, for which nobody waits any more, %s%s", p->image,
                                error < 0 ? "has failed: " : "is done", error < 0 ? strempty(reason) : "");
        while ((w = TAILQ_FIRST(&p->waiters)))
                engine_task_end(&w->task, error, reason);
        (void) shared_pull_free(p);
}

static int shared_pull_new(EngineImages *images, const char *image, SharedPull **ret)
{
        _cleanup_(shared_pull_freep) SharedPull *p = new0(SharedPull, 1);
        int r;

        if (!p)
                return -ENOMEM;
        p->images = images;
        p->heard_usec = now_monotonic();
        TAILQ_INIT(&p->waiters);
        TAILQ_INSERT_TAIL(&images->pulls, p, next);
        p->image = strdup(image);
        if (!p->image)
                return -ENOMEM;
        r = sd_event_add_time(images->client->event, &p->timer, CLOCK_MONOTONIC, 0, 0, on_round, p);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = engine_pull(images->client, image, on_changed, on_pulled, p, &p->pending);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata);

/* Answers whether it goes on. */
static bool goes_on_unattended(SharedPull *p)
{
        uint64_t now = now_monotonic();

        p->patience = sd_event_source_disable_unref(p->patience);
        if (now >= p->heard_usec + SILENCE_MAX || now >= p->left_usec + UNATTENDED_MAX)
                return false;
        return sd_event_add_time_relative(p->images->client->event, &p->patience, CLOCK_MONOTONIC,
                               SILENCE_MAX, USEC_PER_SEC, on_patience, p) >= 0;
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        SharedPull *p = userdata;

        if (!goes_on_unattended(p)) {
                log_info("The pull of image %s, for which nobody waits any more, is given up", p->image);
                (void) shared_pull_free(p);
        }
        return 0;
}

static int find_or_start_pull(EngineImages *images, const char *image, SharedPull **ret)
{
        SharedPull *p;

        TAILQ_FOREACH(p, &images->pulls, next)
        {
                if (p->pending && streq(p->image, image)) {
                        *ret = p;
                        return 0;
                }
        }
        return shared_pull_new(images, image, ret);
}

/* ---- One call ---------------------------------------------------------------------------------------------- */

static void waiter_release(EngineTask *t)
{
        Waiter *w = container_of(t, Waiter, task);
        SharedPull *p = w->pull;

        if (p) {
                TAILQ_REMOVE(&p->waiters, w, next);
                if (!p->pending || !TAILQ_EMPTY(&p->waiters))
                        return;
                p->left_usec = now_monotonic();
                if (!goes_on_unattended(p))
                        (void) shared_pull_free(p);
        }
}

static int join(Waiter *w)
{
        SharedPull *p;
        int r;

        r = find_or_start_pull(w->images, w->task.name, &p);
        if (r < 0)
                return r;
        w->told = p->round;
        w->pull = p;
        TAILQ_INSERT_TAIL(&p->waiters, w, next);
        p->patience = sd_event_source_disable_unref(p->patience);
        return engine_task_wait(&w->task, "could not be pulled in time");
}

static void on_inspected(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0)
                engine_task_end(t, 0, NULL);
        else if (reply->error == -ENOENT)
                engine_task_check(t, join(container_of(t, Waiter, task)));
        else
                engine_task_fail(t, reply->error, "could not be inspected", reply->message);
}

static int waiter_begin(EngineTask *t)
{
        EngineReference reference;
        int r;

        r = engine_reference_parse(t->name, &reference); /* or it could not stand in a path */
        if (r < 0)
                return r;
        engine_reference_done(&reference);
        return engine_task_request(t, "GET", NULL, on_inspected, "/images/%s/json", t->name);
}

static const EngineTaskClass waiter_class = {
        .size = ENGINE_TASK_SIZE(Waiter),
        .about = "image",
        .any_name = true,
        .begin = waiter_begin,
        .release = waiter_release,
};

int engine_image_ensure(EngineImages *images, const char *image, uint64_t timeout_usec,
                PullProgress progress, PortDone done, void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        Waiter *w;
        int r;

        r = engine_task_new(&waiter_class, images->client, image, timeout_usec, done, userdata, &t);
        if (r < 0)
                return r;
        w = container_of(t, Waiter, task);
        w->images = images;
        w->progress = progress;
        return engine_task_start(t, 0, ret_pending);
}
