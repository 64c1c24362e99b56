/* SPDX-License-Identifier: MIT */
/*
 * What an application says before it has heard all.
 *
 * An interim answer (100 Continue, 103 Early Hints) is left out. nginx before 1.29 takes the first head that comes for
 * the answer, and what follows for its body.
 *
 * An answer is looked for where the application has closed the connection (413 to a large upload, and a reset). nginx
 * takes it to be gone once it cannot be sent any more. So the rest of the request goes nowhere instead, and what can be
 * read decides: the kernel keeps what had come before the reset.
 *
 * A variable turns it on, for nginx asks for the variables of proxy_set_header when all of the request's upstream is
 * set up and nothing has been sent:
 *
 *     proxy_set_header X-Ark-Interim $ark_interim;
 *
 * It is always empty, and nginx sends no header that is.
 */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

/* More before one answer are no hints. The next is taken for the answer, and refused as such. */
#define INTERIM_MAX 64

/* Of a request that is passed on. */
typedef struct Interim {
        ngx_int_t (*process_header)(ngx_http_request_t *r); /* the proxy's own */
        ngx_uint_t n_left_out;
        ngx_event_t connecting; /* to be called once there is a connection */
} Interim;

extern ngx_module_t ngx_http_ark_interim_module;

/* Whether a head is an interim one: NGX_AGAIN where that is still open. 101 is an answer. */
static ngx_int_t is_interim(const u_char *p, size_t size)
{
        static const char pattern[] = "HTTP/1.d 1dd";
        size_t n = ngx_min(size, sizeof(pattern) - 1);

        for (size_t i = 0; i < n; i++)
                if (pattern[i] == 'd' ? p[i] < '0' || p[i] > '9' : p[i] != (u_char) pattern[i])
                        return NGX_DECLINED;
        if (size <= n)
                return NGX_AGAIN;
        if (p[n] != ' ' && p[n] != '\r' && p[n] != '\n')
                return NGX_DECLINED;
        return p[n - 2] == '0' && p[n - 1] == '1' ? NGX_DECLINED : NGX_OK;
}

/* What comes after the empty line that ends a head, or NULL where that has not come yet. */
static u_char *find_end(u_char *p, u_char *last)
{
        while ((p = ngx_strlchr(p, last, '\n'))) {
                p++;
                if (p < last && *p == '\n')
                        return p + 1;
                if (last - p >= 2 && p[0] == '\r' && p[1] == '\n')
                        return p + 2;
        }
        return NULL;
}

/* What follows takes the place of what is left out, so that there is as much room for it as ever. */
static ngx_int_t leave_out_one(ngx_buf_t *buffer)
{
        ngx_int_t r = is_interim(buffer->pos, buffer->last - buffer->pos);
        u_char *end;

        if (r != NGX_OK)
                return r;
        end = find_end(buffer->pos, buffer->last);
        if (!end)
                return NGX_AGAIN;
        ngx_memmove(buffer->pos, end, buffer->last - end);
        buffer->last -= end - buffer->pos;
        return NGX_OK;
}

static ngx_int_t process_header(ngx_http_request_t *r)
{
        Interim *interim = ngx_http_get_module_ctx(r, ngx_http_ark_interim_module);
        ngx_http_upstream_t *u = r->upstream;

        while (interim->n_left_out < INTERIM_MAX) {
                ngx_int_t rc = leave_out_one(&u->buffer);

                if (rc == NGX_AGAIN)
                        return NGX_AGAIN;
                if (rc == NGX_DECLINED)
                        break;
                interim->n_left_out++;
        }
        u->process_header = interim->process_header;
        return u->process_header(r);
}

static ngx_chain_t *send_or_drop(ngx_connection_t *c, ngx_chain_t *in, off_t limit)
{
        ngx_chain_t *rest = c->write->error ? NGX_CHAIN_ERROR : ngx_send_chain(c, in, limit);

        if (rest != NGX_CHAIN_ERROR)
                return rest;
        for (; in; in = in->next) {
                in->buf->pos = in->buf->last;
                in->buf->file_pos = in->buf->file_last;
        }
        return NULL;
}

static void on_connecting(ngx_event_t *event)
{
        ngx_http_request_t *r = event->data;

        if (r->upstream && r->upstream->peer.connection)
                r->upstream->peer.connection->send_chain = send_or_drop;
}

static void forget_connecting(void *data)
{
        Interim *interim = data;

        /* It is a macro of several statements. */
        if (interim->connecting.posted) {
                ngx_delete_posted_event(&interim->connecting);
        }
}

/* There is no connection yet, nor a place to be told of it: but there is one when what goes on now has come to its end. */
static ngx_int_t await_connecting(ngx_http_request_t *r, Interim *interim)
{
        ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, 0);

        if (!cleanup)
                return NGX_ERROR;
        cleanup->handler = forget_connecting;
        cleanup->data = interim;
        interim->connecting.handler = on_connecting;
        interim->connecting.data = r;
        interim->connecting.log = r->connection->log;
        ngx_post_event(&interim->connecting, &ngx_posted_events);
        return NGX_OK;
}

static ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *value, uintptr_t data)
{
        ngx_http_upstream_t *u = r->upstream;
        Interim *interim;

        *value = ngx_http_variable_null_value;
        value->no_cacheable = 1;
        if (!u || !u->process_header || u->process_header == process_header)
                return NGX_OK;
        interim = ngx_pcalloc(r->pool, sizeof(*interim));
        if (!interim || await_connecting(r, interim) != NGX_OK)
                return NGX_ERROR;
        interim->process_header = u->process_header;
        ngx_http_set_ctx(r, interim, ngx_http_ark_interim_module);
        u->process_header = process_header;
        return NGX_OK;
}

static ngx_int_t add_variable(ngx_conf_t *conf)
{
        ngx_str_t name = ngx_string("ark_interim");
        ngx_http_variable_t *variable = ngx_http_add_variable(conf, &name, NGX_HTTP_VAR_NOCACHEABLE);

        if (!variable)
                return NGX_ERROR;
        variable->get_handler = get_variable;
        return NGX_OK;
}

static ngx_http_module_t context = { .preconfiguration = add_variable };

ngx_module_t ngx_http_ark_interim_module = {
        NGX_MODULE_V1,
        .ctx = &context,
        .type = NGX_HTTP_MODULE,
        NGX_MODULE_V1_PADDING,
};
