/* SPDX-License-Identifier: MIT */

/*
 * The engine client, answered with anything (fake_curl.h): each call ends exactly once and in time, with a reason that
 * can be shown, and removes nothing that was not seen to be ours. The input's first line has a letter for each call
 * that is made, all at once; "v" and "e" widen what is answered from the input, and after a digit so many more turns
 * are taken before all that is left is cancelled.
 */

#include <limits.h>

#include "basic/json-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "basic/utf8.h"
#include "core/model/instance-volume.h"
#include "core/names.h"
#include "core/ports.h"
#include "engine/port.h"
#include "fake_curl.h"
#include "fuzz.h"
#include "hurried_clock.h"

#define DEPLOYMENT "d1"
#define NAME       "client_abcdefghijkl"
static const LogPlace log_place = { .last = "2026-11-24T16:31:28Z", .unfinished = "2026-11-24T16:31:29Z" };

#define TIMEOUT      (20 * USEC_PER_SEC)
#define CALLS_MAX    4U
#define REFUSED_MAX  100U /* attempts that may follow the end of the input, the stream's own included */
#define TURNS_MAX    200000U
#define SILENT_TURNS 50U

typedef struct Call {
        Pending *pending;
        bool started, ended;
} Call;

static Call calls[CALLS_MAX];
static size_t n_calls;

/* ---- How calls end ----------------------------------------------------------------------------------------- */

static void check_text(const char *text)
{
        assert(text && utf8_is_valid(text, strlen(text)));
}

static void end(int error, const char *reason, void *userdata)
{
        Call *c = userdata;

        assert(c->started && !c->ended && error <= 0 && error > -4096);
        c->ended = true;
        c->pending = NULL;
        if (error < 0) {
                check_text(reason);
                assert(reason[0] && !strpbrk(reason, "\r\n"));
        }
}

static void on_state(int error, const char *reason, const ContainerState *state, void *userdata)
{
        end(error, reason, userdata);
        assert((error == 0) == (state != NULL));
        if (state && state->address)
                check_text(state->address);
}

static void on_usage(int error, const char *reason, const ContainerUsage *usage, void *userdata)
{
        end(error, reason, userdata);
        assert((error == 0) == (usage != NULL));
}

static void on_logs(int error, const char *reason, const char *text, void *userdata)
{
        end(error, reason, userdata);
        if (error == 0)
                check_text(text);
}

static void on_resources(int error, const char *reason, const Resource *items, size_t n, void *userdata)
{
        end(error, reason, userdata);
        assert(error == 0 || n == 0);
        for (size_t i = 0; i < n; i++) {
                check_text(items[i].name);
                check_text(items[i].instance_id);
                assert(items[i].running == false || items[i].kind == RESOURCE_CONTAINER);
        }
}

static void on_image(int error, const char *reason, const ImageInfo *info, void *userdata)
{
        end(error, reason, userdata);
        assert((error == 0) == (info != NULL));
        for (size_t i = 0; info && i < info->n_volumes; i++)
                check_text(info->volumes[i]);
}

static void on_changes(int error, const char *reason, const char *files, void *userdata)
{
        end(error, reason, userdata);
        if (files)
                check_text(files);
}

static void on_progress(uint64_t current, uint64_t total, void *userdata)
{
        assert(current <= total && !((Call *) userdata)->ended);
}

static void on_event(const char *instance_id, const char *role, const char *event, void *userdata)
{
        check_text(instance_id);
        check_text(role);
        check_text(event);
}

static void on_connected(bool connected, void *userdata)
{
        bool *was = userdata;

        assert(connected != *was);
        *was = connected;
}

/* ---- Calls ------------------------------------------------------------------------------------------------- */

static StringPairs labels;

static void make_labels(void)
{
        int r;

        if (labels.n > 0)
                return;
        r = string_pairs_add(&labels, ARK_LABEL_DEPLOYMENT, DEPLOYMENT);
        assert(r >= 0);
        r = string_pairs_add(&labels, ARK_LABEL_INSTANCE, NAME);
        assert(r >= 0);
        r = string_pairs_add(&labels, ARK_LABEL_HASH, "h1");
        assert(r >= 0);
}

static int create_network(EnginePort *e, Call *c)
{
        const NetworkSpec spec = { NAME "_net", "arkabcdefghijkl", "10.231.16.0/28", "10.231.16.1", true,
                false, &labels };

        return e->vtable->create_network(e, &spec, TIMEOUT, end, c, &c->pending);
}

static int create_volume(EnginePort *e, Call *c)
{
        const VolumeSpec spec = { NAME "_db_data", &labels };

        return e->vtable->create_volume(e, &spec, TIMEOUT, end, c, &c->pending);
}

static int create_container(EnginePort *e, Call *c)
{
        const StringPairs none = {};
        const ContainerSpec spec = {
                .name = NAME,
                .image = "example.org/shop:1",
                .env = &none,
                .labels = &labels,
                .capabilities = (char *const[]){ NULL },
                .slice = "ark-" NAME ".slice",
                .networks = { { NAME "_net", NULL }, { "ark_production", "10.231.0.7" } },
                .n_networks = 2,
        };

        return e->vtable->create_container(e, &spec, TIMEOUT, end, c, &c->pending);
}

static int call(EnginePort *e, char letter, Call *c)
{
        const EngineVTable *v = e->vtable;

        switch (letter) {
        case 'a':
                return v->ensure_image(e, "example.org/shop:1", TIMEOUT, on_progress, end, c, &c->pending);
        case 'b':
                return v->inspect_image(e, "example.org/shop:1", TIMEOUT, on_image, c, &c->pending);
        case 'd':
                return v->list_of_instance(e, NAME, TIMEOUT, on_resources, c, &c->pending);
        case 'e':
                return v->find_volume(e, NAME "_data", TIMEOUT, end, c, &c->pending);
        case 'f':
                return v->container_changes(e, NAME, TIMEOUT, on_changes, c, &c->pending);
        case 'c':
                return create_container(e, c);
        case 'g':
                return v->container_log_since(e, NAME, &log_place, 100, TIMEOUT, on_logs, c, &c->pending);
        case 'h':
                return v->clear_container(e, NAME, TIMEOUT, end, c, &c->pending);
        case 'i':
                return v->inspect_container(e, NAME, NAME "_net", TIMEOUT, on_state, c, &c->pending);
        case 'l':
                return v->container_logs(e, NAME, 100, TIMEOUT, on_logs, c, &c->pending);
        case 'n':
                return create_network(e, c);
        case 'p':
                return v->list_resources(e, TIMEOUT, on_resources, c, &c->pending);
        case 'r':
                return v->restart_container(e, NAME, 5, TIMEOUT, end, c, &c->pending);
        case 's':
                return v->start_container(e, NAME, TIMEOUT, end, c, &c->pending);
        case 't':
                return v->stop_container(e, NAME, 5, TIMEOUT, end, c, &c->pending);
        case 'u':
                return v->container_usage(e, NAME, TIMEOUT, on_usage, c, &c->pending);
        case 'w':
                return create_volume(e, c);
        case 'x':
                return v->remove_container(e, NAME, TIMEOUT, end, c, &c->pending);
        case 'y':
                return v->remove_network(e, NAME "_net", TIMEOUT, end, c, &c->pending);
        case 'z':
                return v->remove_volume(e, NAME "_db_data", TIMEOUT, end, c, &c->pending);
        default:
                return 1;
        }
}

/* ---- What is asked ----------------------------------------------------------------------------------------- */

static bool is_ours(struct json_object *labelled)
{
        const char *deployment = "";

        (void) json_get_string(json_get(labelled, "Labels"), ARK_LABEL_DEPLOYMENT, &deployment);
        return streq(deployment, DEPLOYMENT);
}

/* What was last found is what is removed; with other calls under way it may have been found for one of those. */
static void check_removal(void)
{
        _cleanup_json_ struct json_object *found = NULL;
        int r;

        if (n_calls > 1 || fake_curl.all || fake_curl.events)
                return;
        assert(fake_curl.last_found);
        r = json_parse(fake_curl.last_found, strlen(fake_curl.last_found), &found, NULL);
        assert(r >= 0 && (is_ours(found) || is_ours(json_get(found, "Config"))));
}

static void on_request(const CurlRequest *request)
{
        for (const char *p = request->url; *p; p++)
                assert(*p > ' ' && *p < 0x7f);
        assert(startswith(request->url, "http://engine/"));
        if (streq(request->method, "DELETE"))
                check_removal();
}

/* ---- A run ------------------------------------------------------------------------------------------------- */

static bool all_ended(void)
{
        for (size_t i = 0; i < n_calls; i++)
                if (!calls[i].ended)
                        return false;
        return true;
}

static void start(EnginePort *e, const char *line, size_t n)
{
        n_calls = 0;
        for (size_t i = 0; i < n && n_calls < CALLS_MAX; i++) {
                Call *c = &calls[n_calls];
                int r;

                *c = (Call){};
                r = call(e, line[i], c);
                assert(r >= 0 && !c->ended);
                c->started = r == 0;
                n_calls += c->started;
        }
}

/* The stream of events is tried again for ever: after the input it has its time, and no more. */
static void run(sd_event *event, unsigned turns)
{
        uint64_t deadline = hurried_now() + TIMEOUT + USEC_PER_SEC;
        unsigned silent = 0, n_told = 0;

        for (unsigned n = 0; n < turns && silent < SILENT_TURNS; n++) {
                if (!hurried_step(event))
                        break;
                assert(n < TURNS_MAX && fake_curl.n_refused <= REFUSED_MAX);
                assert(all_ended() || hurried_now() <= deadline);
                silent = all_ended() && n_told == fake_curl.n_told ? silent + 1 : 0;
                n_told = fake_curl.n_told;
        }
}

static void finish(unsigned turns)
{
        assert(turns != UINT_MAX || all_ended());
        for (size_t i = 0; i < n_calls; i++)
                if (!calls[i].ended)
                        calls[i].pending = pending_cancel(calls[i].pending);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
        const char *data = (const char *) input, *stop = memchr(data, '\n', size);
        size_t n = stop ? (size_t) (stop - data) : size;
        sd_event *event = hurried_event();
        unsigned turns = UINT_MAX;
        bool connected = false;
        Engine *engine = NULL;
        CurlGlue *glue = NULL;
        int r;

        fuzz_quiet();
        make_labels();
        hurried_reset();
        fake_curl_begin(stop ? stop + 1 : data + size, stop ? size - n - 1 : 0);
        fake_curl.all = memchr(data, 'v', n);
        fake_curl.events = memchr(data, 'e', n);
        fake_curl.on_request = on_request;
        for (size_t i = 0; i < n; i++)
                if (data[i] >= '0' && data[i] <= '9')
                        turns = turns == UINT_MAX ? (unsigned) (data[i] - '0') : turns * 2;
        r = curl_glue_new(event, &glue);
        assert(r >= 0);
        r = engine_new(event, glue, "/run/engine.sock", DEPLOYMENT, &engine);
        assert(r >= 0);
        engine_port(engine)->vtable->watch(engine_port(engine), on_connected, on_event, &connected);
        start(engine_port(engine), data, n);
        run(event, turns);
        finish(turns);
        (void) engine_free(engine);
        (void) curl_glue_free(glue);
        fake_curl_end();
        return 0;
}
