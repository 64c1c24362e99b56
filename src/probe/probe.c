/* SPDX-License-Identifier: MIT */
#include "probe/probe.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "basic/string-util.h"
#include "glue/pq-glue.h"

struct Probe {
        ProbePort port;
        sd_event *event;
        CurlGlue *curl;
};

/* One attempt that is under way, of either kind. */
typedef struct Attempt {
        Pending pending;
        Pending *work;
        PortDone done; /* of a login, or NULL */
        HttpProbeDone http_done; /* else */
        HttpAnswer answer;
        void *userdata;
} Attempt;

static void attempt_cancel(Pending *pending)
{
        Attempt *a = container_of(pending, Attempt, pending);

        (void) pending_cancel(a->work);
        free(a);
}

static Attempt *attempt_new(PortDone done, HttpProbeDone http_done, void *userdata)
{
        Attempt *a = new0(Attempt, 1);

        if (a)
                *a = (Attempt){ .pending.cancel = attempt_cancel,
                        .done = done,
                        .http_done = http_done,
                        .userdata = userdata };
        return a;
}

/* a is freed. */
static void attempt_finish(Attempt *a, int error, const char *reason)
{
        const Attempt ended = *a;

        free(a);
        if (ended.done)
                ended.done(error, reason, ended.userdata);
        else
                ended.http_done(error, reason, error == 0 ? &ended.answer : NULL, ended.userdata);
}

static void on_login(int error, const char *reason, const char *text, void *userdata)
{
        if (error == 0 && !streq_ptr(text, "1"))
                attempt_finish(userdata, -EBADMSG, "the database's answer to SELECT 1 is not 1");
        else
                attempt_finish(userdata, error, reason);
}

static int database_login(ProbePort *port, const DatabaseLogin *login, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        Probe *p = container_of(port, Probe, port);
        const PqLogin pq = {
                .address = login->address,
                .port = login->port,
                .database = login->database,
                .user = login->user,
                .password = login->password,
        };
        _cleanup_free_ Attempt *a = attempt_new(done, NULL, userdata);
        int r;

        if (!a)
                return -ENOMEM;
        r = pq_query(p->event, &pq, "SELECT 1", timeout_usec, on_login, a, &a->work);
        if (r < 0)
                return r;
        *ret_pending = &TAKE_PTR(a)->pending;
        return 0;
}

/* Among the attributes, which follow the cookie's name and value. */
static bool has_attribute(const char *cookie, size_t n, const char *name)
{
        for (const char *p = memchr(cookie, ';', n), *end = cookie + n; p;
                        p = memchr(p, ';', (size_t) (end - p))) {
                size_t length = strlen(name);

                for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
                        ;
                if ((size_t) (end - p) < length || strncasecmp(p, name, length) != 0)
                        continue;
                for (p += length; p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'); p++)
                        ;
                if (p == end || *p == ';')
                        return true;
        }
        return false;
}

static void on_header(const char *line, size_t n, void *userdata)
{
        static const char name[] = "Set-Cookie:";
        const size_t length = sizeof name - 1;
        Attempt *a = userdata;

        if (n > length && strncasecmp(line, name, length) == 0 &&
                        has_attribute(line + length, n - length, "Secure"))
                a->answer.secure_cookies = true;
}

static void finish_unconnected(Attempt *a, int os_error)
{
        char text[128];

        (void) snprintf(text, sizeof text, "%s", strerror(os_error));
        text[0] = (char) tolower((unsigned char) text[0]); /* "Connection refused" */
        attempt_finish(a, -ENOTCONN, text);
}

static void on_http(const CurlReply *reply, void *userdata)
{
        char text[32];

        if (reply->error == -ENOTCONN && reply->os_error > 0)
                finish_unconnected(userdata, reply->os_error);
        else if (reply->error == -ETIMEDOUT)
                attempt_finish(userdata, -ETIMEDOUT, "no answer in time");
        else if (reply->error == -EPROTO || reply->error == -EINVAL) /* libcurl takes it for HTTP/0.9 */
                attempt_finish(userdata, -EPROTO, "what it answered is not HTTP");
        else if (reply->error < 0)
                attempt_finish(userdata, reply->error, reply->reason);
        else if (reply->status >= 500) {
                (void) snprintf(text, sizeof text, "HTTP status %ld", reply->status);
                attempt_finish(userdata, -EBADMSG, text);
        } else
                attempt_finish(userdata, 0, NULL);
}

static int http_get(ProbePort *port, const HttpProbe *probe, uint64_t timeout_usec, HttpProbeDone done,
                void *userdata, Pending **ret_pending)
{
        Probe *p = container_of(port, Probe, port);
        bool is_ipv6 = strchr(probe->address, ':');
        _cleanup_free_ char *host = str_printf("Host: %s", probe->host);
        _cleanup_free_ char *url = str_printf("http://%s%s%s:%u%s", is_ipv6 ? "[" : "", probe->address,
                        is_ipv6 ? "]" : "", (unsigned) probe->port, probe->path);
        _cleanup_free_ Attempt *a = attempt_new(NULL, done, userdata);
        int r;

        if (!host || !url || !a)
                return -ENOMEM;
        r = curl_glue_start(p->curl,
                        &(CurlRequest){
                                        .method = "GET",
                                        .url = url,
                                        .headers = (const char *const[]){ host, "User-Agent: arkd", NULL },
                                        .timeout_usec = timeout_usec,
                                        .headers_only = true,
                                        .fresh = true,
                                        .on_header = on_header,
                                        .done = on_http,
                                        .userdata = a,
                        },
                        &a->work);
        if (r < 0)
                return r;
        *ret_pending = &TAKE_PTR(a)->pending;
        return 0;
}

static const ProbeVTable probe_vtable = {
        .database_login = database_login,
        .http_get = http_get,
};

int probe_new(sd_event *event, CurlGlue *curl, Probe **ret)
{
        Probe *p = new0(Probe, 1);

        if (!p)
                return -ENOMEM;
        p->port.vtable = &probe_vtable;
        p->event = sd_event_ref(event);
        p->curl = curl;
        *ret = p;
        return 0;
}

Probe *probe_free(Probe *p)
{
        if (!p)
                return NULL;
        (void) sd_event_unref(p->event);
        return mfree(p);
}

ProbePort *probe_port(Probe *p)
{
        return &p->port;
}
