/* SPDX-License-Identifier: MIT */
#include "engine/task.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/names.h"
#include "engine/error.h"
#include "engine/json.h"
#include "engine/reference.h"

#define PAUSE_MIN (20 * USEC_PER_MSEC)
#define PAUSE_MAX USEC_PER_SEC

static int send_request(EngineTask *t);

static void on_cancel(Pending *pending)
{
        (void) engine_task_free(container_of(pending, EngineTask, pending));
}

int engine_task_new(const EngineTaskClass *class, EngineClient *client, const char *name,
                uint64_t timeout_usec, PortDone done, void *userdata, EngineTask **ret)
{
        uint64_t now = now_monotonic();
        EngineTask *t;

        if (!class->any_name && !engine_name_is_valid(name))
                return -EINVAL;
        t = calloc(1, class->size);
        if (!t)
                return -ENOMEM;
        t->pending.cancel = on_cancel;
        t->class = class;
        t->client = client;
        t->deadline = timeout_usec < UINT64_MAX - now ? now + timeout_usec : UINT64_MAX;
        t->done = done;
        t->userdata = userdata;
        if (name) {
                t->name = strdup(name);
                if (!t->name) {
                        (void) engine_task_free(t);
                        return -ENOMEM;
                }
        }
        *ret = t;
        return 0;
}

int engine_task_start(EngineTask *t, int r, Pending **ret_pending)
{
        if (r >= 0)
                r = t->class->begin(t);
        if (r < 0) {
                (void) engine_task_free(t);
                return r;
        }
        *ret_pending = &t->pending;
        return 0;
}

void engine_task_again(EngineTask *t)
{
        engine_task_check(t, t->class->begin(t));
}

void engine_task_child_ended(int error, const char *reason, void *userdata)
{
        EngineTask *t = userdata;

        t->child = NULL;
        if (error < 0)
                engine_task_end(t, error, reason);
        else
                engine_task_again(t);
}

EngineTask *engine_task_free(EngineTask *t)
{
        if (!t)
                return NULL;
        t->child = pending_cancel(t->child);
        t->timer = sd_event_source_disable_unref(t->timer);
        if (t->class->release)
                t->class->release(t);
        free(t->name);
        json_object_put(t->wanted);
        free(t->path);
        free(t->body);
        return mfree(t);
}

uint64_t engine_task_left(const EngineTask *t)
{
        uint64_t now = now_monotonic();

        if (t->deadline == UINT64_MAX)
                return UINT64_MAX;
        return t->deadline > now ? t->deadline - now : 0;
}

void engine_task_end(EngineTask *t, int error, const char *reason)
{
        if (t->class->end)
                t->class->end(t, error, reason);
        else
                t->done(error, reason, t->userdata);
        (void) engine_task_free(t);
}

/* "container client_x". */
static char *about(const EngineTask *t)
{
        return t->name ? str_printf("%s %s", t->class->about, t->name) : strdup(t->class->about);
}

void engine_task_fail(EngineTask *t, int error, const char *failed, const char *message)
{
        bool says_why = message && message[0];
        _cleanup_free_ char *what = about(t), *reason = NULL;

        if (what)
                reason = str_printf(
                                "%s %s%s%s", what, failed, says_why ? ": " : "", says_why ? message : "");
        engine_task_end(t, error, reason ? reason : failed);
}

void engine_task_check(EngineTask *t, int r)
{
        if (r < 0)
                engine_task_fail(t, r, "could not be worked on", strerror(-r));
}

/* The transfer itself went wrong. */
static void end_unanswered(EngineTask *t, const CurlReply *reply)
{
        _cleanup_free_ char *what = about(t), *reason = NULL;
        const char *socket_path = t->client->socket_path;
        int error = reply->error;

        if (error == -ENOTCONN || error == -ECONNRESET) {
                error = -ENOTCONN;
                t->client->negotiated = false;
                reason = str_printf("the engine at %s cannot be reached: %s", socket_path,
                                reply->os_error ? strerror(reply->os_error) : reply->reason);
        } else if (what && error == -ETIMEDOUT)
                reason = str_printf("%s was not done with in time by the engine; if that goes on, restart "
                                    "it (systemctl restart docker)",
                                what);
        else if (what)
                reason = str_printf(
                                "the engine's answer about %s was not understood: %s", what, reply->reason);
        engine_task_end(t, error, reason ? reason : reply->reason);
}

static void on_reply(const CurlReply *reply, void *userdata)
{
        EngineTask *t = userdata;
        _cleanup_json_ struct json_object *json = NULL;
        _cleanup_free_ char *message = NULL;
        EngineStep step = t->step;
        EngineReply r = { .error = engine_error_of_status(reply->status), .status = reply->status };

        t->child = NULL;
        if (reply->error < 0) {
                end_unanswered(t, reply);
                return;
        }
        if (reply->size > 0 && json_parse(reply->body, reply->size, &json, NULL) == -ENOMEM) {
                engine_task_check(t, -ENOMEM);
                return;
        }
        if (r.error < 0)
                message = engine_error_message(json, reply->body, reply->size);
        r.json = json;
        r.message = message ? message : "";
        t->on_data = NULL;
        t->reply_max = 0;
        t->fresh = false;
        if (!t->class->search || !t->class->search(t, &r))
                step(t, &r);
}

/* versioned: it is the task's own request, and not one about the engine. */
static int transfer(EngineTask *t, const char *method, const char *url, bool versioned, CurlDone done)
{
        static const char *const json_headers[] = { "Content-Type: application/json", NULL },
                                 *const tar_headers[] = { "Content-Type: application/x-tar", NULL };
        const char *body = versioned ? t->body : NULL;
        CurlRequest request = {
                .method = method,
                .url = url,
                .unix_path = t->client->socket_path,
                .headers = !body           ? NULL
                           : t->is_archive ? tar_headers
                                           : json_headers,
                .body = body,
                .body_size = body ? t->body_size : 0,
                .timeout_usec = engine_task_left(t),
                .reply_max = t->reply_max > 0 ? t->reply_max : ENGINE_REPLY_MAX,
                .fresh = t->fresh,
                .on_data = versioned ? t->on_data : NULL,
                .done = done,
                .userdata = t,
        };

        return curl_glue_start(t->client->glue, &request, &t->child);
}

/* An answer to a question about the engine itself: parsed, or the task ended and NULL. */
static struct json_object *take_about(EngineTask *t, const CurlReply *reply)
{
        _cleanup_json_ struct json_object *json = NULL;
        int r;

        t->child = NULL;
        if (reply->error < 0) {
                end_unanswered(t, reply);
                return NULL;
        }
        r = json_parse(reply->body, reply->size, &json, NULL);
        if (r == -ENOMEM)
                engine_task_check(t, r);
        else if (reply->status != 200 || r < 0 || !json_object_is_type(json, json_type_object))
                engine_task_end(t, -EPROTO, "what answers on the engine's socket does not speak its API");
        else
                return TAKE_PTR(json);
        return NULL;
}

static void on_info(const CurlReply *reply, void *userdata)
{
        EngineTask *t = userdata;
        _cleanup_json_ struct json_object *info = take_about(t, reply);

        if (!info)
                return;
        if (engine_client_take_info(t->client, info) < 0)
                engine_task_end(t, -EPROTO, "what the engine says about itself was not understood");
        else
                engine_task_check(t, send_request(t));
}

static void on_version(const CurlReply *reply, void *userdata)
{
        EngineTask *t = userdata;
        _cleanup_json_ struct json_object *version = take_about(t, reply);
        char url[64];
        int r;

        if (!version)
                return;
        r = engine_client_take_version(t->client, version);
        if (r < 0) {
                engine_task_end(t, r,
                                r == -EOPNOTSUPP ? "the engine is too old: API 1.41 (Docker 20.10) is the "
                                                   "oldest that is supported; upgrade it"
                                                 : "the engine's version was not understood");
                return;
        }
        (void) snprintf(url, sizeof(url), "http://engine/v%s/info", t->client->api);
        engine_task_check(t, transfer(t, "GET", url, false, on_info));
}

static int send_request(EngineTask *t)
{
        _cleanup_free_ char *url = NULL;

        if (!t->client->negotiated)
                return transfer(t, "GET", "http://engine/version", false, on_version);
        if (asprintf(&url, "http://engine/v%s%s", t->client->api, t->path) < 0)
                return -ENOMEM;
        return transfer(t, t->method, url, true, on_reply);
}

static int _printf_(2, 0) set_path(EngineTask *t, const char *format, va_list ap)
{
        assert(!t->child && !t->timer);
        t->path = mfree(t->path);
        t->body = mfree(t->body);
        if (vasprintf(&t->path, format, ap) < 0) {
                t->path = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int request(EngineTask *t, const char *method, EngineStep step)
{
        t->method = method;
        t->step = step;
        return send_request(t);
}

int engine_task_request(EngineTask *t, const char *method, struct json_object *body, EngineStep step,
                const char *path_format, ...)
{
        va_list ap;
        int r;

        va_start(ap, path_format);
        r = set_path(t, path_format, ap);
        va_end(ap);
        if (r < 0)
                return r;
        if (body) {
                const char *text = json_text(body);

                t->body = text ? strdup(text) : NULL;
                if (!t->body)
                        return -ENOMEM;
                t->body_size = strlen(t->body);
                t->is_archive = false;
        }
        return request(t, method, step);
}

int engine_task_upload(EngineTask *t, const char *archive, size_t size, EngineStep step,
                const char *path_format, ...)
{
        va_list ap;
        int r;

        va_start(ap, path_format);
        r = set_path(t, path_format, ap);
        va_end(ap);
        if (r < 0)
                return r;
        t->body = malloc(size);
        if (!t->body)
                return -ENOMEM;
        memcpy(t->body, archive, size);
        t->body_size = size;
        t->is_archive = true;
        return request(t, "PUT", step);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        EngineTask *t = userdata;

        t->timer = sd_event_source_disable_unref(t->timer);
        t->resume(t);
        return 0;
}

int engine_task_pause(EngineTask *t, EngineResume resume)
{
        uint64_t pause = PAUSE_MIN << (t->attempts < 6 ? t->attempts : 6);

        if (pause > PAUSE_MAX)
                pause = PAUSE_MAX;
        if (engine_task_left(t) <= pause)
                return -ETIMEDOUT;
        assert(!t->timer);
        t->attempts++;
        t->resume = resume;
        return sd_event_add_time_relative(
                        t->client->event, &t->timer, CLOCK_MONOTONIC, pause, 5 * USEC_PER_MSEC, on_timer, t);
}

/* What an arkd made that has another deployment's id, or had. */
static bool is_of_another(const EngineClient *client, struct json_object *labels)
{
        return json_get(labels, ARK_LABEL_DEPLOYMENT) && !engine_client_owns(client, labels);
}

/* It is somebody else's. */
static void fail_found(EngineTask *t, struct json_object *labels)
{
        if (t->wanted && is_of_another(t->client, labels))
                engine_task_fail(t, -EEXIST,
                                "exists already and is another deployment's; one engine (Docker) serves one "
                                "deployment only",
                                json_object_get_string(json_get(labels, ARK_LABEL_DEPLOYMENT)));
        else if (t->wanted)
                engine_task_fail(t, -EEXIST,
                                "exists already and is not this deployment's; remove or rename it", NULL);
        else if (json_get(labels, ARK_LABEL_INSTANCE) && is_of_another(t->client, labels))
                engine_task_fail(t, -EXDEV,
                                "is an instance's of another deployment and was left alone; if that is what "
                                "this one was called before, set Deployment= to it again",
                                json_object_get_string(json_get(labels, ARK_LABEL_DEPLOYMENT)));
        else
                engine_task_fail(t, -EEXIST, "is not this deployment's and was left alone", NULL);
}

EngineFound engine_task_found(EngineTask *t, const EngineReply *reply)
{
        struct json_object *config = json_get(reply->json, "Config"), *labels;

        if (reply->error == -ENOENT)
                return ENGINE_FOUND_NOTHING;
        if (reply->error < 0) {
                engine_task_fail(t, reply->error, "could not be inspected", reply->message);
                return ENGINE_FOUND_FAILURE;
        }
        /* What is not understood must not pass for a stranger's, which deleting leaves alone. */
        if (!json_object_is_type(reply->json, json_type_object)) {
                engine_task_fail(t, -EPROTO, "could not be inspected",
                                "the engine's answer was not understood");
                return ENGINE_FOUND_FAILURE;
        }
        /* Of a container they are in its Config. */
        labels = json_get(json_object_is_type(config, json_type_object) ? config : reply->json, "Labels");
        if (engine_client_owns(t->client, labels) &&
                        (!t->wanted || engine_json_same_string(labels, json_get(t->wanted, "Labels"),
                                                       ARK_LABEL_INSTANCE)))
                return ENGINE_FOUND_OURS;
        fail_found(t, labels);
        return ENGINE_FOUND_FAILURE;
}

bool engine_task_found_ours(EngineTask *t, const EngineReply *reply)
{
        EngineFound found = engine_task_found(t, reply);

        if (found == ENGINE_FOUND_NOTHING)
                engine_task_end(t, 0, NULL);
        return found == ENGINE_FOUND_OURS;
}

static void on_late(EngineTask *t)
{
        engine_task_fail(t, -ETIMEDOUT, t->late, NULL);
}

int engine_task_wait(EngineTask *t, const char *failed)
{
        assert(!t->timer);
        if (t->deadline == UINT64_MAX)
                return 0;
        t->late = failed;
        t->resume = on_late;
        return sd_event_add_time(t->client->event, &t->timer, CLOCK_MONOTONIC, t->deadline, USEC_PER_MSEC,
                        on_timer, t);
}
