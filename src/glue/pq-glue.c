/* SPDX-License-Identifier: MIT */
#include "glue/pq-glue.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "basic/utf8.h"

#define MESSAGE_MAX 512

typedef enum PqStage {
        PQ_CONNECTING,
        PQ_SENDING, /* the query */
        PQ_RECEIVING, /* its result */
} PqStage;

typedef struct PqQuery {
        Pending pending;
        sd_event *event;
        sd_event_source *io, *timer, *defer;
        PGconn *connection;
        PGresult *row, *outcome; /* the first row; what the query ended with */
        char *query;
        PqStage stage;
        PqDone done;
        void *userdata;
} PqQuery;

static PqQuery *pq_query_free(PqQuery *q)
{
        if (!q)
                return NULL;
        /* The source goes before the descriptor that it watches. */
        (void) sd_event_source_disable_unref(q->io);
        (void) sd_event_source_disable_unref(q->timer);
        (void) sd_event_source_disable_unref(q->defer);
        PQclear(q->row);
        PQclear(q->outcome);
        PQfinish(q->connection);
        (void) sd_event_unref(q->event);
        free(q->query);
        return mfree(q);
}
DEFINE_CLEANUP_FUNC(PqQuery, pq_query_free);

static void query_cancel(Pending *pending)
{
        (void) pq_query_free(container_of(pending, PqQuery, pending));
}

/* q is freed. */
static void query_finish(PqQuery *q, int error, const char *reason, const char *text)
{
        /* Before the call, as it may run the loop down; reason and text may point into the rest. */
        q->io = sd_event_source_disable_unref(q->io);
        q->timer = sd_event_source_disable_unref(q->timer);
        q->defer = sd_event_source_disable_unref(q->defer);
        q->done(error, reason, text, q->userdata);
        (void) pq_query_free(q);
}

/*
 * The sentence in what libpq says, which is "connection to server at "10.0.0.1", port 5432 failed: " and the reason,
 * with advice for humans in the lines that follow.
 */
static void query_fail(PqQuery *q, int error, const char *message)
{
        const char *failed = strstr(message, " failed: ");
        _cleanup_free_ char *valid = NULL;
        char text[MESSAGE_MAX];
        size_t n = 0;

        if (startswith(message, "connection to server ") && failed)
                message = failed + strlen(" failed: ");
        for (const char *p = message; *p && *p != '\n' && n < sizeof text - 1; p++)
                if (*p != ' ' || (n > 0 && text[n - 1] != ' '))
                        text[n++] = *p;
        text[n] = '\0';
        if (n > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
                text[0] = (char) (text[0] - 'A' + 'a');
        valid = utf8_make_valid(text, n);
        query_finish(q, error, valid && valid[0] ? valid : "the server gave no reason", NULL);
}

static void query_advance(PqQuery *q);

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        query_advance(userdata);
        return 0;
}

/* libpq may close its socket and open another under the same number, so each wait has a source of its own. */
static int query_wait(PqQuery *q, uint32_t events)
{
        return sd_event_add_io(q->event, &q->io, PQsocket(q->connection), events, on_io, q);
}

/* > 0: wait for these events; 0: connected; -ECONNREFUSED. */
static int connect_advance(PqQuery *q)
{
        switch (PQconnectPoll(q->connection)) {
        case PGRES_POLLING_READING:
                return EPOLLIN;
        case PGRES_POLLING_WRITING:
                return EPOLLOUT;
        case PGRES_POLLING_OK:
                return 0;
        default:
                return -ECONNREFUSED;
        }
}

static int send_start(PqQuery *q)
{
        if (PQsetnonblocking(q->connection, 1) < 0 || !PQsendQuery(q->connection, q->query))
                return -ECONNRESET;
        /* So that a result of any length is read row by row and thrown away. */
        if (!PQsetSingleRowMode(q->connection))
                return -ECONNRESET;
        q->stage = PQ_SENDING;
        return 0;
}

static int send_advance(PqQuery *q)
{
        int r;

        if (!PQconsumeInput(q->connection))
                return -ECONNRESET;
        r = PQflush(q->connection);
        if (r < 0)
                return -ECONNRESET;
        if (r > 0)
                return EPOLLIN | EPOLLOUT;
        q->stage = PQ_RECEIVING;
        return 0;
}

static int receive_advance(PqQuery *q)
{
        if (!PQconsumeInput(q->connection))
                return -ECONNRESET;
        while (!PQisBusy(q->connection)) {
                PGresult *result = PQgetResult(q->connection);
                PGresult **place = PQresultStatus(result) == PGRES_SINGLE_TUPLE ? &q->row : &q->outcome;

                if (!result)
                        return q->outcome ? 0 : -ECONNRESET;
                if (*place)
                        PQclear(result);
                else
                        *place = result;
                switch (PQresultStatus(q->outcome)) {
                case PGRES_COPY_IN:
                case PGRES_COPY_OUT:
                case PGRES_COPY_BOTH:
                        return 0; /* never comes to an end by itself */
                default:
                        break;
                }
        }
        return EPOLLIN;
}

static void query_deliver(PqQuery *q)
{
        const char *text = NULL;

        switch (PQresultStatus(q->outcome)) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
                if (q->row && PQnfields(q->row) > 0 && !PQgetisnull(q->row, 0, 0))
                        text = PQgetvalue(q->row, 0, 0);
                query_finish(q, 0, NULL, text);
                break;
        default:
                query_fail(q, PQstatus(q->connection) == CONNECTION_BAD ? -ECONNRESET : -EBADMSG,
                                PQresultErrorMessage(q->outcome));
        }
}

static void query_advance(PqQuery *q)
{
        int r;

        q->io = sd_event_source_disable_unref(q->io);
        r = q->stage == PQ_CONNECTING ? connect_advance(q) : 0;
        if (r == 0 && q->stage == PQ_CONNECTING)
                r = send_start(q);
        if (r == 0 && q->stage == PQ_SENDING)
                r = send_advance(q);
        if (r == 0 && q->stage == PQ_RECEIVING)
                r = receive_advance(q);
        if (r < 0) {
                query_fail(q, r, PQerrorMessage(q->connection));
                return;
        }
        if (r == 0) {
                query_deliver(q);
                return;
        }
        r = query_wait(q, (uint32_t) r);
        if (r < 0)
                query_fail(q, r, strerror(-r));
}

static int on_defer(sd_event_source *s, void *userdata)
{
        PqQuery *q = userdata;

        query_fail(q, -ECONNREFUSED, PQerrorMessage(q->connection));
        return 0;
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
        PqQuery *q = userdata;

        if (q->stage != PQ_CONNECTING)
                query_fail(q, -ETIMEDOUT, "the query was not answered in time");
        else if (PQstatus(q->connection) == CONNECTION_STARTED)
                query_fail(q, -ETIMEDOUT, "the connection was not accepted in time");
        else
                query_fail(q, -ETIMEDOUT, "the login was not answered in time");
        return 0;
}

static void ignore_notice(void *userdata, const PGresult *result)
{
}

static PGconn *connect_start(const PqLogin *login)
{
        char port[8];
        const char *const words[][2] = {
                { "hostaddr", login->address },
                { "port", port },
                { "dbname", login->database },
                { "user", login->user },
                { "password", login->password },
                { "passfile", "/dev/null" },
                { "sslmode", "disable" }, /* the bridge between is private to this host */
                { "gssencmode", "disable" },
                { "client_encoding", "UTF8" },
                { "application_name", "arkd" },
        };
        const char *keys[ELEMENTSOF(words) + 1] = { 0 }, *values[ELEMENTSOF(words) + 1] = { 0 };

        (void) snprintf(port, sizeof port, "%u", (unsigned) login->port);
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                keys[i] = words[i][0];
                values[i] = words[i][1];
        }
        return PQconnectStartParams(keys, values, 0);
}

int pq_query(sd_event *event, const PqLogin *login, const char *query, uint64_t timeout_usec, PqDone done,
                void *userdata, Pending **ret_pending)
{
        _cleanup_(pq_query_freep) PqQuery *q = new0(PqQuery, 1);
        int r;

        if (!q)
                return -ENOMEM;
        q->pending.cancel = query_cancel;
        q->event = sd_event_ref(event);
        q->done = done;
        q->userdata = userdata;
        q->query = strdup(query);
        if (!q->query)
                return -ENOMEM;
        r = sd_event_add_time_relative(
                        event, &q->timer, CLOCK_MONOTONIC, timeout_usec, USEC_PER_MSEC, on_deadline, q);
        if (r < 0)
                return r;
        q->connection = connect_start(login);
        if (!q->connection)
                return -ENOMEM;
        if (PQstatus(q->connection) == CONNECTION_BAD)
                r = sd_event_add_defer(event, &q->defer, on_defer, q);
        else {
                (void) PQsetNoticeReceiver(q->connection, ignore_notice, NULL);
                r = query_wait(q, EPOLLOUT);
        }
        if (r < 0)
                return r;
        *ret_pending = &TAKE_PTR(q)->pending;
        return 0;
}
