/* SPDX-License-Identifier: MIT */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/string-util.h"
#include "http_client.h"

/* What the tests of the HTTP server share. */

#define ACME "{\"product_id\":\"miniflux\",\"client_name\":\"Acme\"}"

#define ROUTE_ID FROM_LAN "X-Ark-Instance: " FAKE_ID "\r\n"

#define assert_has(text, part)                                                                              \
        do {                                                                                                \
                if (!(text) || !strstr((text), (part)))                                                     \
                        fail_msg("“%s” is not in: %s", (part), strempty(text));                             \
        } while (0)

#define with_server(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

static inline char *repeat(char c, size_t n)
{
        char *s = calloc(1, n + 1);

        assert_non_null(s);
        memset(s, c, n);
        return s;
}
