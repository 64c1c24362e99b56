/* SPDX-License-Identifier: MIT */

/* What comes over HTTP: bodies and query strings, for each verb, and the paths they are routed by. */

#include "basic/json-util.h"
#include "fuzz.h"
#include "http/decode.h"

static size_t count_actions(void)
{
        size_t n = 0;

        while (action_table[n].name)
                n++;
        return n;
}

static void decode_pairs(const Action *action, const char *data, size_t size, struct json_object *arguments,
                DecodeError *error)
{
        const char *end = data + size;

        while (data < end) {
                const char *and = memchr(data, '&', (size_t) (end - data));
                const char *stop = and? and : end;
                const char *equals = memchr(data, '=', (size_t) (stop - data));
                _cleanup_free_ char *name = strndup(data, (size_t) ((equals ? equals : stop) - data));
                size_t n = equals ? (size_t) (stop - equals - 1) : 0;
                _cleanup_free_ char *value =
                                calloc(1, n + 1); /* ends with a NUL, and may have others before */

                assert(name && value);
                memcpy(value, equals ? equals + 1 : stop, n);
                if (decode_query_value(action, name, value, n, arguments, error) < 0)
                        return;
                data = stop + 1;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
        _cleanup_json_ struct json_object *arguments = json_object_new_object();
        _cleanup_(decode_error_done) DecodeError error = {};
        const char *data = (const char *) input;
        const Action *action;

        fuzz_quiet();
        assert(arguments);
        if (size < 2)
                return 0;
        action = &action_table[input[0] % count_actions()];
        if (input[1] % 2 == 0) {
                if (decode_body(action, data + 2, size - 2, arguments, &error) < 0)
                        assert(error.reason);
        } else
                decode_pairs(action, data + 2, size - 2, arguments, &error);
        return 0;
}
