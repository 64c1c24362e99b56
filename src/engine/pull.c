/* SPDX-License-Identifier: MIT */
#include "engine/pull.h"

#include <errno.h>

#include "basic/json-util.h"
#include "engine/error.h"

#define LAYERS_MAX 256U

typedef struct Layer {
        char id[32];
        uint64_t total, downloaded, extracted;
} Layer;

struct EnginePullState {
        Layer layers[LAYERS_MAX]; /* what an image has beyond that is pulled all the same, but not counted */
        size_t n_layers;
        char *error;
};

EnginePullState *engine_pull_state_new(void)
{
        return new0(EnginePullState, 1);
}

EnginePullState *engine_pull_state_free(EnginePullState *s)
{
        if (s)
                free(s->error);
        return mfree(s);
}

static Layer *find_layer(EnginePullState *s, const char *id)
{
        size_t n = strlen(id);

        for (size_t i = 0; i < s->n_layers; i++)
                if (streq(s->layers[i].id, id))
                        return &s->layers[i];
        if (s->n_layers == LAYERS_MAX || n == 0 || n >= sizeof(s->layers[0].id))
                return NULL;
        memcpy(s->layers[s->n_layers].id, id, n + 1);
        return &s->layers[s->n_layers++];
}

static void take_layer(Layer *l, const char *status, struct json_object *detail)
{
        uint64_t current = 0, total = 0;

        (void) json_get_u64(detail, "current", &current);
        (void) json_get_u64(detail, "total", &total);
        if (streq(status, "Downloading")) {
                if (total > 0)
                        l->total = total;
                l->downloaded = current;
        } else if (streq(status, "Extracting")) {
                l->downloaded = l->total;
                if (!json_get(detail, "units")) /* newer engines count seconds here */
                        l->extracted = current;
        } else if (streq(status, "Download complete") || streq(status, "Verifying Checksum"))
                l->downloaded = l->total;
        else if (streq(status, "Pull complete") || streq(status, "Already exists"))
                l->downloaded = l->extracted = l->total;
        l->downloaded = l->downloaded < l->total ? l->downloaded : l->total;
        l->extracted = l->extracted < l->total ? l->extracted : l->total;
}

int engine_pull_state_take(EnginePullState *s, struct json_object *document)
{
        const char *id, *status, *error = NULL;
        Layer *layer;

        if (json_get_string(json_get(document, "errorDetail"), "message", &error) < 0)
                (void) json_get_string(document, "error", &error);
        if (error) {
                free(s->error);
                s->error = engine_error_line(error, strlen(error));
                return s->error ? 0 : -ENOMEM;
        }
        if (json_get_string(document, "id", &id) < 0 || json_get_string(document, "status", &status) < 0)
                return 0;
        if (startswith(status, "Pulling from")) /* there, the id is the tag */
                return 0;
        layer = find_layer(s, id);
        if (layer)
                take_layer(layer, status, json_get(document, "progressDetail"));
        return 0;
}

void engine_pull_state_sum(const EnginePullState *s, uint64_t *ret_current, uint64_t *ret_total)
{
        uint64_t current = 0, total = 0;

        for (size_t i = 0; i < s->n_layers; i++) {
                current += s->layers[i].downloaded / 2 + s->layers[i].extracted / 2;
                total += s->layers[i].total;
        }
        *ret_current = current < total ? current : total;
        *ret_total = total;
}

const char *engine_pull_state_error(const EnginePullState *s)
{
        return s->error;
}

/* ---- The pull ---------------------------------------------------------------------------------------------- */

typedef struct Pull {
        EngineTask task;
        EngineJsonStream stream;
        EnginePullState *state;
        void (*changed)(const EnginePullState *s, void *userdata);
} Pull;

static void pull_release(EngineTask *t)
{
        Pull *p = container_of(t, Pull, task);

        engine_json_stream_done(&p->stream);
        (void) engine_pull_state_free(p->state);
}

static int on_document(struct json_object *document, void *userdata)
{
        Pull *p = userdata;

        return engine_pull_state_take(p->state, document);
}

static int on_data(const char *data, size_t n, void *userdata)
{
        EngineTask *t = userdata;
        Pull *p = container_of(t, Pull, task);
        int r;

        r = engine_json_stream_feed(&p->stream, data, n, on_document, p);
        if (r >= 0)
                p->changed(p->state, t->userdata);
        return r;
}

static void fail(EngineTask *t, int error, const char *message)
{
        const char *failed =
                        error == -ENOENT   ? "was not found in the registry"
                        : error == -EACCES ? "was refused by the registry: it is not there, or wants a login"
                        : error == -EDQUOT ? "could not be pulled: its registry has had too many pulls from "
                                             "here; try again later"
                        : error == -ENOEXEC      ? "is not there for this host's kind of processor"
                        : error == -EHOSTUNREACH ? "could not be pulled: its registry cannot be reached"
                                                 : "could not be pulled";

        engine_task_fail(t, error, failed, message);
}

static void on_confirmed(EngineTask *t, const EngineReply *reply)
{
        if (reply->error < 0)
                engine_task_fail(t, -EIO, "was pulled, but is not there", reply->message);
        else
                engine_task_end(t, 0, NULL);
}

/* The status is 200 whatever comes of it: errors are in the stream. Those before its first word have a status. */
static void on_pulled(EngineTask *t, const EngineReply *reply)
{
        Pull *p = container_of(t, Pull, task);
        const char *error = engine_pull_state_error(p->state);

        if (reply->error < 0)
                fail(t, engine_error_of_pull(reply->status, reply->message), reply->message);
        else if (error)
                fail(t, engine_error_of_pull(0, error), error);
        else if (!engine_json_stream_is_between(&p->stream))
                fail(t, -EIO, "the engine stopped in the middle of it");
        else
                engine_task_check(t, engine_task_request(t, "GET", NULL, on_confirmed, "/images/%s/json",
                                                     t->name));
}

static int pull_begin(EngineTask *t)
{
        EngineReference reference;
        int r;

        r = engine_reference_parse(t->name, &reference);
        if (r < 0)
                return r;
        t->on_data = on_data;
        r = engine_task_request(t, "POST", NULL, on_pulled, "/images/create?fromImage=%s&tag=%s",
                        reference.name, reference.tag);
        engine_reference_done(&reference);
        return r;
}

static const EngineTaskClass pull_class = {
        .size = ENGINE_TASK_SIZE(Pull),
        .about = "image",
        .any_name = true,
        .begin = pull_begin,
        .release = pull_release,
};

int engine_pull(EngineClient *c, const char *image,
                void (*changed)(const EnginePullState *s, void *userdata), PortDone done, void *userdata,
                Pending **ret_pending)
{
        EngineTask *t;
        Pull *p;
        int r;

        r = engine_task_new(&pull_class, c, image, UINT64_MAX, done, userdata, &t);
        if (r < 0)
                return r;
        p = container_of(t, Pull, task);
        p->changed = changed;
        p->state = engine_pull_state_new();
        return engine_task_start(t, p->state ? 0 : -ENOMEM, ret_pending);
}
