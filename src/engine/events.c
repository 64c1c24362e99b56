/* SPDX-License-Identifier: MIT */
#include "engine/events.h"

#include <errno.h>
#include <inttypes.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/time-util.h"
#include "basic/utf8.h"
#include "core/names.h"
#include "engine/filters.h"
#include "engine/stream.h"
#include "engine/task.h"

#define RETRY_MIN      (100 * USEC_PER_MSEC)
#define RETRY_MAX      (5 * USEC_PER_SEC)
#define PING_TIMEOUT   (10 * USEC_PER_SEC)
#define CHECK_INTERVAL (30 * USEC_PER_SEC)
#define OVERLAP        (2 * USEC_PER_SEC)
#define SEEN_MAX       512U

struct EngineEvents {
        EngineClient *client;
        Pending *stream; /* connecting, or connected */
        Pending *check; /* asks whether it still answers, now and then while connected */
        sd_event_source *retry, *check_timer;
        sd_event_source *notify; /* tells a new watcher that it is connected */
        uint64_t pause;
        uint64_t opened_usec; /* when it was last connected, CLOCK_MONOTONIC */
        bool connected, complained;
        uint64_t begun_usec; /* what happened before is of no interest, CLOCK_REALTIME */
        uint64_t last_usec; /* when the newest event was that was told of; 0 for none */
        uint64_t seen[SEEN_MAX]; /* the last events that were told of, as hashes */
        size_t n_seen;
        ConnectedHandler on_connected;
        EngineEventHandler on_event;
        void *userdata;
};

typedef struct StreamTask {
        EngineTask task;
        EngineEvents *events;
        EngineJsonStream stream;
        char *filters;
} StreamTask;

static int connect_to_engine(EngineEvents *e);

static void set_connected(EngineEvents *e, bool connected)
{
        if (e->connected == connected)
                return;
        e->connected = connected;
        (void) sd_event_source_set_enabled(e->notify, SD_EVENT_OFF);
        if (e->on_connected)
                e->on_connected(connected, e->userdata);
}

static void arm(sd_event_source *timer, uint64_t usec)
{
        (void) sd_event_source_set_time_relative(timer, usec);
        (void) sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* ---- The stream -------------------------------------------------------------------------------------------- */

static void stream_release(EngineTask *t)
{
        StreamTask *s = container_of(t, StreamTask, task);

        engine_json_stream_done(&s->stream);
        free(s->filters);
}

static uint64_t hash_event(uint64_t nsec, const char *id, const char *action)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ nsec;

        for (const char *p = id; *p; p++)
                hash = (hash ^ (unsigned char) *p) * UINT64_C(0x100000001b3);
        for (const char *p = action; *p; p++)
                hash = (hash ^ (unsigned char) *p) * UINT64_C(0x100000001b3);
        return hash;
}

/* Notes an event; answers whether it was told of before. */
static bool was_seen(EngineEvents *e, uint64_t hash)
{
        size_t n = e->n_seen < SEEN_MAX ? e->n_seen : SEEN_MAX;

        for (size_t i = 0; i < n; i++)
                if (e->seen[i] == hash)
                        return true;
        e->seen[e->n_seen % SEEN_MAX] = hash;
        e->n_seen = e->n_seen + 1 < 2 * SEEN_MAX ? e->n_seen + 1 : SEEN_MAX;
        return false;
}

/* The stream's documents are not looked at as a whole: what is no text in them is as if it were not there. */
static int get_text(struct json_object *object, const char *name, const char **ret)
{
        const char *text;
        int r;

        r = json_get_string(object, name, &text);
        if (r < 0)
                return r;
        if (!utf8_is_valid(text, strlen(text)))
                return -EINVAL;
        *ret = text;
        return 0;
}

static int on_document(struct json_object *document, void *userdata)
{
        EngineEvents *e = userdata;
        struct json_object *actor = json_get(document, "Actor"), *attributes = json_get(actor, "Attributes");
        const char *action, *id = "", *instance = "", *role = "";
        uint64_t nsec = 0;

        /* Compared once more: filters of engines other than Docker's may know less. */
        if (!engine_client_owns(e->client, attributes) || get_text(document, "Action", &action) < 0)
                return 0;
        (void) json_get_string(actor, "ID", &id);
        (void) get_text(attributes, ARK_LABEL_INSTANCE, &instance);
        (void) get_text(attributes, ARK_LABEL_ROLE, &role);
        (void) json_get_u64(document, "timeNano", &nsec);
        if (nsec / 1000 > e->last_usec)
                e->last_usec = nsec / 1000;
        /* First what comes with every health check, or it would drive out what is to be remembered. */
        if (startswith(action, "exec_") || was_seen(e, hash_event(nsec, id, action)))
                return 0;
        if (e->on_event)
                e->on_event(instance, role, action, e->userdata);
        return 0;
}

static int on_data(const char *data, size_t n, void *userdata)
{
        StreamTask *s = container_of((EngineTask *) userdata, StreamTask, task);

        return engine_json_stream_feed(&s->stream, data, n, on_document, s->events);
}

static void on_stream_end(EngineTask *t, const EngineReply *reply)
{
        if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be read", reply->message);
        else
                engine_task_fail(t, -ENOTCONN, "was closed by the engine", NULL);
}

static void on_pong(EngineTask *t, const EngineReply *reply)
{
        StreamTask *s = container_of(t, StreamTask, task);
        EngineEvents *e = s->events;
        uint64_t since = e->last_usec > e->begun_usec + OVERLAP ? e->last_usec - OVERLAP : e->begun_usec;
        int r;

        if (reply->error < 0) {
                engine_task_fail(t, reply->error, "could not be opened", reply->message);
                return;
        }
        t->deadline = UINT64_MAX;
        t->on_data = on_data;
        r = engine_task_request(t, "GET", NULL, on_stream_end,
                        "/events?since=%" PRIu64 ".%06" PRIu64 "000&filters=%s", since / USEC_PER_SEC,
                        since % USEC_PER_SEC, s->filters);
        if (r < 0) {
                engine_task_check(t, r);
                return;
        }
        if (!e->connected)
                log_info("Connected to the engine at %s, API %s", e->client->socket_path, e->client->api);
        e->opened_usec = now_monotonic();
        arm(e->check_timer, CHECK_INTERVAL);
        set_connected(e, true);
}

/* ---- The connection ---------------------------------------------------------------------------------------- */

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        EngineEvents *e = userdata;
        int r;

        r = connect_to_engine(e);
        if (r < 0) {
                log_warning_errno(r, "Failed to ask for the engine: %m");
                arm(e->retry, RETRY_MAX);
        }
        return 0;
}

static void on_lost(int error, const char *reason, void *userdata)
{
        EngineEvents *e = userdata;

        /* An engine that breaks the stream off as soon as it is opened is asked ever more rarely, too. */
        if (e->connected && now_monotonic() - e->opened_usec >= RETRY_MAX) {
                e->pause = RETRY_MIN;
                e->complained = false;
        }
        e->stream = NULL;
        e->check = pending_cancel(e->check);
        (void) sd_event_source_set_enabled(e->check_timer, SD_EVENT_OFF);
        e->client->negotiated = false; /* another version may come back */
        if (!e->complained)
                log_warning("The engine is away, will ask again: %s", reason);
        e->complained = true;
        arm(e->retry, e->pause);
        e->pause = e->pause * 2 < RETRY_MAX ? e->pause * 2 : RETRY_MAX;
        set_connected(e, false);
}

static int stream_begin(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_pong, "/_ping");
}

static const EngineTaskClass stream_class = {
        .size = ENGINE_TASK_SIZE(StreamTask),
        .about = "the event stream",
        .any_name = true,
        .begin = stream_begin,
        .release = stream_release,
};

static int connect_to_engine(EngineEvents *e)
{
        EngineTask *t;
        StreamTask *s;
        int r;

        r = engine_task_new(&stream_class, e->client, NULL, PING_TIMEOUT, on_lost, e, &t);
        if (r < 0)
                return r;
        s = container_of(t, StreamTask, task);
        s->events = e;
        s->filters = engine_filters(e->client, true);
        return engine_task_start(t, s->filters ? 0 : -ENOMEM, &e->stream);
}

/* ---- An engine that hangs keeps its end of the stream open --------------------------------------------------- */

static void on_check_answered(EngineTask *t, const EngineReply *reply)
{
        if (reply->error < 0)
                engine_task_fail(t, reply->error, "was refused", reply->message);
        else
                engine_task_end(t, 0, NULL);
}

static int check_begin(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_check_answered, "/_ping");
}

static const EngineTaskClass check_class = {
        .size = sizeof(EngineTask),
        .about = "a ping",
        .any_name = true,
        .begin = check_begin,
};

static void on_checked(int error, const char *reason, void *userdata)
{
        EngineEvents *e = userdata;

        e->check = NULL;
        if (error >= 0) {
                arm(e->check_timer, CHECK_INTERVAL);
                return;
        }
        (void) pending_cancel(e->stream);
        on_lost(error, error == -ETIMEDOUT ? "it does not answer" : reason, e);
}

static int on_check(sd_event_source *source, uint64_t usec, void *userdata)
{
        EngineEvents *e = userdata;
        EngineTask *t;
        int r;

        r = engine_task_new(&check_class, e->client, NULL, PING_TIMEOUT, on_checked, e, &t);
        if (r >= 0)
                r = engine_task_start(t, 0, &e->check);
        if (r < 0) {
                log_warning_errno(r, "Failed to ask whether the engine answers: %m");
                arm(e->check_timer, CHECK_INTERVAL);
        }
        return 0;
}

/* ---- Life ------------------------------------------------------------------------------------------------- */

static int on_notify(sd_event_source *source, void *userdata)
{
        EngineEvents *e = userdata;

        if (e->connected && e->on_connected)
                e->on_connected(true, e->userdata);
        return 0;
}

static int add_timer(EngineEvents *e, sd_event_time_handler_t handler, sd_event_source **ret)
{
        int r = sd_event_add_time(e->client->event, ret, CLOCK_MONOTONIC, 0, 50 * USEC_PER_MSEC, handler, e);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int engine_events_new(EngineClient *c, EngineEvents **ret)
{
        _cleanup_(engine_events_freep) EngineEvents *e = new0(EngineEvents, 1);
        int r;

        if (!e)
                return -ENOMEM;
        e->client = c;
        e->pause = RETRY_MIN;
        e->begun_usec = now_realtime();
        r = add_timer(e, on_retry, &e->retry);
        if (r >= 0)
                r = add_timer(e, on_check, &e->check_timer);
        if (r >= 0)
                r = sd_event_add_defer(c->event, &e->notify, on_notify, e);
        if (r >= 0)
                r = sd_event_source_set_enabled(e->notify, SD_EVENT_OFF);
        if (r >= 0)
                r = connect_to_engine(e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(e);
        return 0;
}

EngineEvents *engine_events_free(EngineEvents *e)
{
        if (!e)
                return NULL;
        (void) pending_cancel(e->stream);
        (void) pending_cancel(e->check);
        (void) sd_event_source_disable_unref(e->retry);
        (void) sd_event_source_disable_unref(e->check_timer);
        (void) sd_event_source_disable_unref(e->notify);
        return mfree(e);
}

void engine_events_watch(
                EngineEvents *e, ConnectedHandler on_connected, EngineEventHandler on_event, void *userdata)
{
        e->on_connected = on_connected;
        e->on_event = on_event;
        e->userdata = userdata;
        (void) sd_event_source_set_enabled(e->notify, e->connected ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

bool engine_events_is_connected(const EngineEvents *e)
{
        return e->connected;
}
