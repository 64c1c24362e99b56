/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <json-c/json.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <yaml.h>

#include "starve.h"

/* What --wrap makes of each function that starve_wraps in meson.build names: the function itself, or what it answers
 * where there is no memory. Weak, as a test may have wrapped one for itself: then that wrapper asks starve_now(). */

#define WRAP(type, name, failed, parameters, ...)                                                           \
        type __real_##name parameters;                                                                      \
        type __wrap_##name parameters;                                                                      \
        __attribute__((weak)) type __wrap_##name parameters                                                 \
        {                                                                                                   \
                return starve_now(#name) ? (failed) : __real_##name(__VA_ARGS__);                           \
        }

/* ---- The C library ---- */

WRAP(void *, malloc, NULL, (size_t n), n)
WRAP(void *, calloc, NULL, (size_t n, size_t size), n, size)
WRAP(void *, realloc, NULL, (void *p, size_t n), p, n)
WRAP(void *, reallocarray, NULL, (void *p, size_t n, size_t size), p, n, size)
WRAP(char *, strdup, NULL, (const char *s), s)
WRAP(char *, strndup, NULL, (const char *s, size_t n), s, n)
WRAP(FILE *, open_memstream, NULL, (char **text, size_t *size), text, size)

_printf_(2, 0) int __real_vasprintf(char **ret, const char *format, va_list ap);
int __wrap_vasprintf(char **ret, const char *format, va_list ap);
_printf_(2, 0) int __wrap_vasprintf(char **ret, const char *format, va_list ap)
{
        return starve_now("vasprintf") ? -1 : __real_vasprintf(ret, format, ap);
}

/* ---- json-c ---- */

WRAP(struct json_object *, json_object_new_object, NULL, (void) )
WRAP(struct json_object *, json_object_new_array, NULL, (void) )
WRAP(struct json_object *, json_object_new_boolean, NULL, (json_bool b), b)
WRAP(struct json_object *, json_object_new_int64, NULL, (int64_t i), i)
WRAP(struct json_object *, json_object_new_uint64, NULL, (uint64_t i), i)
WRAP(struct json_object *, json_object_new_double, NULL, (double d), d)
WRAP(struct json_object *, json_object_new_double_s, NULL, (double d, const char *s), d, s)
WRAP(struct json_object *, json_object_new_string, NULL, (const char *s), s)
WRAP(struct json_object *, json_object_new_string_len, NULL, (const char *s, int n), s, n)
WRAP(int, json_object_object_add, -1, (struct json_object * o, const char *name, struct json_object *value),
                o, name, value)
WRAP(int, json_object_array_add, -1, (struct json_object * o, struct json_object *value), o, value)
WRAP(int, json_object_deep_copy, -1,
                (struct json_object * o, struct json_object **ret, json_c_shallow_copy_fn *copy), o, ret,
                copy)
WRAP(const char *, json_object_to_json_string_ext, NULL, (struct json_object * o, int flags), o, flags)
WRAP(struct json_tokener *, json_tokener_new_ex, NULL, (int depth), depth)
WRAP(struct lh_table *, lh_kchar_table_new, NULL, (int n, lh_entry_free_fn *done), n, done)
WRAP(int, lh_table_insert, -1, (struct lh_table * t, const void *k, const void *v), t, k, v)

/* ---- The event loop and the bus ---- */

WRAP(int, sd_event_add_defer, -ENOMEM,
                (sd_event * e, sd_event_source **ret, sd_event_handler_t handler, void *userdata), e, ret,
                handler, userdata)
WRAP(int, sd_event_add_io, -ENOMEM,
                (sd_event * e, sd_event_source **ret, int fd, uint32_t events, sd_event_io_handler_t handler,
                                void *userdata),
                e, ret, fd, events, handler, userdata)
WRAP(int, sd_event_add_time, -ENOMEM,
                (sd_event * e, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
                                sd_event_time_handler_t handler, void *userdata),
                e, ret, clock, usec, accuracy, handler, userdata)
WRAP(int, sd_event_add_time_relative, -ENOMEM,
                (sd_event * e, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
                                sd_event_time_handler_t handler, void *userdata),
                e, ret, clock, usec, accuracy, handler, userdata)

WRAP(int, sd_bus_message_new_method_return, -ENOMEM, (sd_bus_message * call, sd_bus_message **ret), call,
                ret)
WRAP(int, sd_bus_message_open_container, -ENOMEM, (sd_bus_message * m, char type, const char *contents), m,
                type, contents)
WRAP(int, sd_bus_message_append_strv, -ENOMEM, (sd_bus_message * m, char **l), m, l)
WRAP(int, sd_bus_send, -ENOMEM, (sd_bus * bus, sd_bus_message *m, uint64_t *cookie), bus, m, cookie)
WRAP(int, sd_bus_reply_method_error, -ENOMEM, (sd_bus_message * call, const sd_bus_error *e), call, e)
WRAP(int, sd_bus_emit_properties_changed_strv, -ENOMEM,
                (sd_bus * bus, const char *path, const char *interface, char **names), bus, path, interface,
                names)
WRAP(int, sd_bus_emit_object_added, -ENOMEM, (sd_bus * bus, const char *path), bus, path)
WRAP(int, sd_bus_emit_object_removed, -ENOMEM, (sd_bus * bus, const char *path), bus, path)
WRAP(int, sd_bus_path_encode, -ENOMEM, (const char *prefix, const char *id, char **ret), prefix, id, ret)
WRAP(int, sd_bus_path_decode, -ENOMEM, (const char *path, const char *prefix, char **ret), path, prefix, ret)

int __wrap_sd_bus_message_append(sd_bus_message *m, const char *types, ...);
int __wrap_sd_bus_message_append(sd_bus_message *m, const char *types, ...)
{
        va_list ap;
        int r;

        if (starve_now("sd_bus_message_append"))
                return -ENOMEM;
        va_start(ap, types);
        r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        return r;
}

int __wrap_sd_bus_call_method_async(sd_bus *bus, sd_bus_slot **slot, const char *destination,
                const char *path, const char *interface, const char *member,
                sd_bus_message_handler_t handler, void *userdata, const char *types, ...);
int __wrap_sd_bus_call_method_async(sd_bus *bus, sd_bus_slot **slot, const char *destination,
                const char *path, const char *interface, const char *member,
                sd_bus_message_handler_t handler, void *userdata, const char *types, ...)
{
        va_list ap;
        int r;

        if (starve_now("sd_bus_call_method_async"))
                return -ENOMEM;
        va_start(ap, types);
        r = sd_bus_call_method_asyncv(
                        bus, slot, destination, path, interface, member, handler, userdata, types, ap);
        va_end(ap);
        return r;
}

/* ---- HTTP and YAML ---- */

WRAP(struct MHD_Response *, MHD_create_response_from_buffer, NULL,
                (size_t n, void *text, enum MHD_ResponseMemoryMode mode), n, text, mode)
WRAP(struct MHD_Response *, MHD_create_response_from_callback, NULL,
                (uint64_t size, size_t block, MHD_ContentReaderCallback reader, void *userdata,
                                MHD_ContentReaderFreeCallback done),
                size, block, reader, userdata, done)
WRAP(enum MHD_Result, MHD_add_response_header, MHD_NO,
                (struct MHD_Response * response, const char *name, const char *value), response, name, value)
WRAP(enum MHD_Result, MHD_queue_response, MHD_NO,
                (struct MHD_Connection * connection, unsigned status, struct MHD_Response *response),
                connection, status, response)

WRAP(int, yaml_emitter_initialize, 0, (yaml_emitter_t * emitter), emitter)
WRAP(int, yaml_document_start_event_initialize, 0,
                (yaml_event_t * event, yaml_version_directive_t *version, yaml_tag_directive_t *start,
                                yaml_tag_directive_t *end, int implicit),
                event, version, start, end, implicit)
WRAP(int, yaml_scalar_event_initialize, 0,
                (yaml_event_t * event, const yaml_char_t *anchor, const yaml_char_t *tag,
                                const yaml_char_t *value, int length, int plain_implicit,
                                int quoted_implicit, yaml_scalar_style_t style),
                event, anchor, tag, value, length, plain_implicit, quoted_implicit, style)
