/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "basic/log.h"
#include "glue/mhd-internal.h"

/* What is read and thrown away of a body that nobody wants, so that its sender gets to see the answer. */
#define DISCARD_MAX ((size_t) 1024 * 1024)

enum {
        STAGE_NEW, /* the head is not here yet */
        STAGE_BODY,
        STAGE_WAITING, /* for an answer */
        STAGE_ANSWERED,
};

/* libmicrohttpd hands out the path decoded; this is the only place where it can be had as it came. */
void *mhd_exchange_on_target(void *userdata, const char *target, struct MHD_Connection *connection)
{
        MhdGlue *g = userdata;
        MhdExchange *e = new0(MhdExchange, 1);

        if (!e)
                return NULL;
        e->glue = g;
        e->connection = connection;
        e->target = strdup(target);
        if (!e->target) {
                free(e);
                return NULL;
        }
        LIST_INSERT_HEAD(&g->exchanges, e, list);
        return e;
}

void mhd_exchange_on_completed(void *userdata, struct MHD_Connection *connection, void **cls,
                enum MHD_RequestTerminationCode code)
{
        MhdExchange *e = *cls;
        MhdGlue *g = userdata;

        *cls = NULL;
        mhd_connection_set_deadline(connection, g->limits.transfer_usec);
        if (!e)
                return;
        if (e->stage != STAGE_NEW)
                g->handlers.on_end(e, g->userdata);
        LIST_REMOVE(e, list);
        sd_event_source_disable_unref(e->hangup);
        if (e->response)
                MHD_destroy_response(e->response);
        free(e->target);
        free(e->body);
        free(e);
}

static int exchange_on_hangup(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        MhdExchange *e = userdata;

        e->gone = true;
        mhd_exchange_resume(e);
        return 0;
}

/*
 * libmicrohttpd does not look at a suspended connection, so we do. An ordinary request is lost only when both
 * directions are: a client that has merely said its last word still gets its answer. A stream ends at the first.
 */
static void exchange_suspend(MhdExchange *e)
{
        const union MHD_ConnectionInfo *info =
                        MHD_get_connection_info(e->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        MHD_suspend_connection(e->connection);
        e->suspended = true;
        if (!info || sd_event_add_io(e->glue->event, &e->hangup, info->connect_fd, e->fill ? EPOLLRDHUP : 0,
                                     exchange_on_hangup, e) < 0)
                log_debug("A waiting client's hang-up will not be noticed");
}

void mhd_exchange_resume(MhdExchange *e)
{
        if (!e->suspended)
                return;
        e->suspended = false;
        e->hangup = sd_event_source_disable_unref(e->hangup);
        MHD_resume_connection(e->connection);
        mhd_glue_kick(e->glue);
}

static enum MHD_Result exchange_send(MhdExchange *e)
{
        MhdGlue *g = e->glue;

        e->stage = STAGE_ANSWERED;
        if (!e->response)
                return MHD_NO;
        mhd_connection_set_deadline(
                        e->connection, e->fill ? g->limits.stream_usec : g->limits.transfer_usec);
        return MHD_queue_response(e->connection, e->status, e->response);
}

/* How the body is framed must not be open to two readings. */
static bool exchange_framing_is_clear(MhdExchange *e, uint64_t *ret_length)
{
        const char *length, *encoding;
        char *end;
        int r, q;

        r = mhd_exchange_header(e, MHD_HTTP_HEADER_CONTENT_LENGTH, &length);
        q = mhd_exchange_header(e, MHD_HTTP_HEADER_TRANSFER_ENCODING, &encoding);
        if (r == -ENOTUNIQ || q == -ENOTUNIQ || (r == 0 && q == 0))
                return false;
        *ret_length = 0;
        if (r == 0) {
                errno = 0;
                *ret_length = strtoull(length, &end, 10);
                return errno == 0 && *end == 0 && end != length;
        }
        return q < 0 || strcasecmp(encoding, "chunked") == 0;
}

static enum MHD_Result exchange_begin(MhdExchange *e, const char *method)
{
        MhdGlue *g = e->glue;
        uint64_t length;

        e->stage = STAGE_BODY;
        (void) snprintf(e->method, sizeof e->method, "%s", method);
        if (!exchange_framing_is_clear(e, &length)) {
                e->stage = STAGE_NEW;
                return MHD_NO;
        }
        g->handlers.on_head(e, g->userdata);
        if (!mhd_exchange_is_answered(e) && length > g->limits.body) {
                e->too_large = true;
                g->handlers.on_too_large(e, g->userdata);
        }
        /* An answer in place of the body ends the connection; so only where the body is not to be had. */
        if (mhd_exchange_is_answered(e) &&
                        (length > DISCARD_MAX || mhd_exchange_header(e, MHD_HTTP_HEADER_EXPECT,
                                                                 &(const char *){ NULL }) != -ENOENT))
                return exchange_send(e);
        return MHD_YES;
}

static int exchange_grow(MhdExchange *e, size_t n)
{
        size_t capacity = e->n_capacity ? e->n_capacity : 1024;
        char *p;

        while (capacity < n + 1)
                capacity *= 2;
        if (capacity == e->n_capacity)
                return 0;
        p = realloc(e->body, capacity);
        if (!p)
                return -ENOMEM;
        e->body = p;
        e->n_capacity = capacity;
        return 0;
}

static enum MHD_Result exchange_take_body(MhdExchange *e, const char *data, size_t n)
{
        if (!e->too_large && n > e->glue->limits.body - e->n_body)
                e->too_large = true;
        if (e->too_large || mhd_exchange_is_answered(e)) {
                e->body = mfree(e->body);
                e->n_capacity = 0;
                e->n_discarded += n;
                return e->n_discarded > DISCARD_MAX ? MHD_NO : MHD_YES;
        }
        if (exchange_grow(e, e->n_body + n) < 0)
                return MHD_NO;
        memcpy(e->body + e->n_body, data, n);
        e->n_body += n;
        e->body[e->n_body] = 0;
        return MHD_YES;
}

static enum MHD_Result exchange_end_of_request(MhdExchange *e)
{
        MhdGlue *g = e->glue;

        mhd_connection_set_asked(e->connection);
        if (e->stage == STAGE_BODY && !mhd_exchange_is_answered(e)) {
                e->stage = STAGE_WAITING;
                if (e->too_large)
                        g->handlers.on_too_large(e, g->userdata);
                else
                        g->handlers.on_request(e, g->userdata);
        }
        if (mhd_exchange_is_answered(e))
                return exchange_send(e);
        if (g->stopping)
                return MHD_NO;
        /* The owner's deadline counts from here. */
        mhd_connection_set_deadline(e->connection, UINT64_MAX);
        exchange_suspend(e);
        return MHD_YES;
}

/* Called with the head, then with each piece of the body, then with the end, then again after each resume. */
enum MHD_Result mhd_exchange_on_access(void *userdata, struct MHD_Connection *connection, const char *url,
                const char *method, const char *version, const char *data, size_t *n_data, void **cls)
{
        MhdExchange *e = *cls;
        size_t n;

        if (!e || e->gone || (e->glue->stopping && e->stage != STAGE_WAITING))
                return MHD_NO;
        if (e->stage == STAGE_NEW)
                return exchange_begin(e, method);
        if (*n_data == 0)
                return exchange_end_of_request(e);
        n = *n_data;
        *n_data = 0;
        return exchange_take_body(e, data, n);
}

void mhd_exchange_reply(MhdExchange *e, unsigned status, struct MHD_Response *response)
{
        if (mhd_exchange_is_answered(e)) {
                if (response)
                        MHD_destroy_response(response);
                return;
        }
        e->status = status;
        e->response = response;
        if (!response)
                e->gone = true;
        mhd_exchange_resume(e);
}

bool mhd_exchange_is_answered(const MhdExchange *e)
{
        return e->response || e->gone;
}

typedef struct HeaderSearch {
        const char *name, *value;
        unsigned n;
} HeaderSearch;

static enum MHD_Result search_on_header(
                void *userdata, enum MHD_ValueKind kind, const char *name, const char *value)
{
        HeaderSearch *search = userdata;

        if (strcasecmp(name, search->name) == 0) {
                search->n++;
                search->value = strempty(value);
        }
        return MHD_YES;
}

int mhd_exchange_header(MhdExchange *e, const char *name, const char **ret)
{
        HeaderSearch search = { .name = name };

        (void) MHD_get_connection_values(e->connection, MHD_HEADER_KIND, search_on_header, &search);
        if (search.n != 1)
                return search.n == 0 ? -ENOENT : -ENOTUNIQ;
        *ret = search.value;
        return 0;
}

static ssize_t exchange_on_fill(void *userdata, uint64_t position, char *buffer, size_t max)
{
        MhdExchange *e = userdata;
        ssize_t n;

        if (e->gone || e->glue->stopping)
                return MHD_CONTENT_READER_END_OF_STREAM;
        n = e->fill(e, buffer, max, e->fill_userdata);
        if (n < 0)
                return MHD_CONTENT_READER_END_OF_STREAM;
        if (n == 0)
                exchange_suspend(e);
        return n;
}

struct MHD_Response *mhd_exchange_stream(MhdExchange *e,
                ssize_t (*fill)(MhdExchange *exchange, char *buffer, size_t max, void *userdata),
                void *userdata)
{
        e->fill = fill;
        e->fill_userdata = userdata;
        return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, exchange_on_fill, e, NULL);
}

void mhd_exchange_wake(MhdExchange *e)
{
        if (e->stage == STAGE_ANSWERED)
                mhd_exchange_resume(e);
}
