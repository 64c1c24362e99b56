/* SPDX-License-Identifier: MIT */
#include "store/fence.h"

#include <errno.h>
#include <systemd/sd-bus.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "store/link.h"

/*
 * What was sent on a connection that has been given up, by this process or by one before it, may reach Redis long
 * after: the kernel goes on delivering it, and a Redis that hung reads its connections in no order. Nothing of it may
 * be carried out after what a newer connection writes. So a new connection first has Redis end those that bear its
 * name, and then takes the name itself; no connection sends anything that matters before it has been told that it
 * bears it.
 */

/* By deployment: a Redis may be others' too. A name has no blanks, which an object path has not either. */
int store_fence_name(const char *deployment, char **ret)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_path_encode("/arkd", deployment, &path);
        return r < 0 ? r : free_and_strdup(ret, path + 1);
}

/* By the user's permissions, or because the command has been taken out of this Redis. */
static bool is_refusal(const char *text)
{
        static const char unknown[] = "ERR unknown ";

        return startswith(text, "NOPERM ") || strncasecmp(text, unknown, strlen(unknown)) == 0;
}

/* Answers whether the set-up goes on: an error that is no refusal tells that Redis is not ready. */
static bool check_answer(Store *s, const redisReply *reply)
{
        if (reply->type != REDIS_REPLY_ERROR)
                return true;
        if (!is_refusal(reply->str)) {
                redis_connection_break(s->connection, reply->str);
                return false;
        }
        if (!s->unfenced_logged)
                log_warning("Redis at %s does not let arkd end connections that it has given up, so that "
                            "after an outage an old change could overwrite a newer one. Let its user run "
                            "CLIENT LIST, CLIENT KILL and CLIENT SETNAME: %s",
                                s->address, reply->str);
        s->unfenced_logged = true;
        return true;
}

static void on_killed(int error, const redisReply *reply, void *userdata)
{
        if (error >= 0)
                (void) check_answer(userdata, reply);
}

static int kill_client(Store *s, const char *line)
{
        const char *id = startswith(line, "id=");
        _cleanup_free_ char *number = id ? strndup(id, strspn(id, "0123456789")) : NULL;

        if (!number)
                return id ? -ENOMEM : -EBADMSG;
        log_info("Having Redis end connection %s, which arkd has given up", number);
        return store_send(s, (const char *const[]){ "CLIENT", "KILL", "ID", number, NULL }, on_killed, s,
                        NULL);
}

/* list: a line a client, "id=3 addr=… name=… …". Our own is not among them, it has no name yet. */
static int kill_namesakes(Store *s, const char *list)
{
        _cleanup_free_ char *field = str_printf(" name=%s ", s->name);
        _cleanup_(strv_freep) char **lines = NULL;
        int r;

        if (!field)
                return -ENOMEM;
        r = strv_split(list, "\n", &lines);
        for (char **line = lines; r >= 0 && *line; line++)
                if (strstr(*line, field))
                        r = kill_client(s, *line);
        return r;
}

static void on_named(int error, const redisReply *reply, void *userdata)
{
        Store *s = userdata;

        if (error < 0 || !check_answer(s, reply))
                return;
        s->on_fenced(s);
}

static void on_listed(int error, const redisReply *reply, void *userdata)
{
        Store *s = userdata;
        int r = 0;

        if (error < 0 || !check_answer(s, reply))
                return;
        if (reply->type == REDIS_REPLY_STRING)
                r = kill_namesakes(s, reply->str);
        if (r >= 0)
                r = store_send(s, (const char *const[]){ "CLIENT", "SETNAME", s->name, NULL }, on_named, s,
                                NULL);
        if (r < 0)
                redis_connection_break(s->connection, strerror(-r));
}

int store_fence_start(Store *s)
{
        return store_send(s, (const char *const[]){ "CLIENT", "LIST", NULL }, on_listed, s, NULL);
}
