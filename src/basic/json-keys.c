/* SPDX-License-Identifier: MIT */
#include "basic/json-keys.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/string-util.h"
#include "basic/utf8.h"

DEFINE_CLEANUP_FUNC(struct json_tokener, json_tokener_free);

#define SHOWN_MAX 128

/* The key that leads to what is read, below those of the objects around it. */
typedef struct JsonKey {
        const struct JsonKey *outer;
        const char *name;
} JsonKey;

typedef struct JsonScan {
        const char *at;
        char *repeated; /* its path, fit to be shown */
} JsonScan;

static int scan_value(JsonScan *scan, const JsonKey *outer);

static void skip_blanks(JsonScan *scan)
{
        scan->at += strspn(scan->at, " \t\r\n");
}

static void skip_string(JsonScan *scan)
{
        scan->at++;
        while (*scan->at && *scan->at != '"')
                scan->at += *scan->at == '\\' && scan->at[1] ? 2 : 1;
        scan->at += *scan->at == '"';
}

/* A key as json-c knows it, by which two that are spelled otherwise may be the same. */
static int read_key(JsonScan *scan, char **ret)
{
        _cleanup_(json_tokener_freep) struct json_tokener *tokener = NULL;
        _cleanup_json_ struct json_object *string = NULL;
        const char *begin = scan->at;
        size_t n;

        skip_string(scan);
        n = (size_t) (scan->at - begin);
        if (!memchr(begin, '\\', n))
                *ret = strndup(begin + 1, n - 2);
        else {
                tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
                string = tokener ? json_tokener_parse_ex(tokener, begin, (int) n) : NULL;
                *ret = string ? strdup(json_object_get_string(string)) : NULL;
        }
        return *ret ? 0 : -ENOMEM;
}

/* A stranger's text goes into a sentence. */
static char *format_path(const JsonKey *key)
{
        _cleanup_free_ char *path = strdup(key->name);

        for (key = key->outer; path && key; key = key->outer) {
                char *whole = str_printf("%s.%s", key->name, path);

                free(path);
                path = whole;
        }
        return path ? utf8_make_valid(path, strnlen(path, SHOWN_MAX)) : NULL;
}

static int scan_member(JsonScan *scan, const JsonKey *outer, struct json_object *keys)
{
        _cleanup_free_ char *name = NULL;
        const char *begin = scan->at;
        int r;

        r = read_key(scan, &name);
        if (r < 0)
                return r;
        if (json_object_object_get_ex(keys, name, NULL)) {
                scan->at = begin;
                scan->repeated = format_path(&(const JsonKey){ outer, name });
                return scan->repeated ? -EINVAL : -ENOMEM;
        }
        if (json_object_object_add(keys, name, NULL) < 0)
                return -ENOMEM;
        skip_blanks(scan);
        scan->at += *scan->at == ':';
        return scan_value(scan, &(const JsonKey){ outer, name });
}

static int scan_object(JsonScan *scan, const JsonKey *outer)
{
        _cleanup_json_ struct json_object *keys = json_object_new_object();
        int r = keys ? 0 : -ENOMEM;

        scan->at++;
        while (r >= 0) {
                scan->at += strspn(scan->at, " \t\r\n,");
                if (*scan->at != '"')
                        break;
                r = scan_member(scan, outer, keys);
        }
        scan->at += r >= 0 && *scan->at == '}';
        return r;
}

static int scan_array(JsonScan *scan, const JsonKey *outer)
{
        int r = 0;

        scan->at++;
        while (r >= 0) {
                scan->at += strspn(scan->at, " \t\r\n,");
                if (!*scan->at || *scan->at == ']')
                        break;
                r = scan_value(scan, outer);
        }
        scan->at += r >= 0 && *scan->at == ']';
        return r;
}

static int scan_value(JsonScan *scan, const JsonKey *outer)
{
        skip_blanks(scan);
        if (*scan->at == '{')
                return scan_object(scan, outer);
        if (*scan->at == '[')
                return scan_array(scan, outer);
        if (*scan->at == '"')
                skip_string(scan);
        else
                scan->at += strcspn(scan->at, " \t\r\n,]}");
        return 0;
}

int json_check_keys(const char *text, char **ret_reason, size_t *ret_offset)
{
        JsonScan scan = { .at = text };
        _cleanup_free_ char *repeated = NULL;
        int r;

        r = scan_value(&scan, NULL);
        repeated = scan.repeated;
        if (r != -EINVAL)
                return r;
        *ret_reason = str_printf("“%s” is there twice", repeated);
        if (!*ret_reason)
                return -ENOMEM;
        *ret_offset = (size_t) (scan.at - text);
        return -EINVAL;
}
