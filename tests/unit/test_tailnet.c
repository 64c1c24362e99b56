/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arkd/tailnet.h"
#include "basic/time-util.h"

/* ---- A tailscaled that answers as told, and a clock that does not let one wait ---- */

static struct {
        int start_errors[8]; /* of the first requests, in their order */
        CurlReply replies[8];
        size_t n_asked;
        uint64_t delays[8];
        size_t n_delays;
        CurlRequest request;
        Pending pending;
} fake;

int __wrap_curl_glue_start(CurlGlue *glue, const CurlRequest *request, Pending **ret_pending);
int __wrap_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t callback, void *userdata);
int __real_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t callback, void *userdata);

static void fake_cancel(Pending *pending)
{
        fake.request.done = NULL;
}

int __wrap_curl_glue_start(CurlGlue *glue, const CurlRequest *request, Pending **ret_pending)
{
        size_t i = fake.n_asked++;

        assert_true(i < ELEMENTSOF(fake.replies));
        if (fake.start_errors[i] < 0)
                return fake.start_errors[i];
        fake.request = *request;
        fake.pending.cancel = fake_cancel;
        *ret_pending = &fake.pending;
        return 0;
}

int __wrap_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t callback, void *userdata)
{
        assert_true(fake.n_delays < ELEMENTSOF(fake.delays));
        fake.delays[fake.n_delays++] = usec;
        return __real_sd_event_add_time_relative(e, s, clock, 0, 1, callback, userdata);
}

/* Lets the request that is under way have the answer it is to have. */
static void fake_answer(void)
{
        void (*done)(const CurlReply *reply, void *userdata) = fake.request.done;

        fake.request.done = NULL;
        done(&fake.replies[fake.n_asked - 1], fake.request.userdata);
}

static void on_name(const char *host, void *userdata)
{
        char **name = userdata;

        assert_null(*name);
        *name = strdup(host);
}

/* ---- Tests ---- */

/* Whatever it is that fails: the service that is not there, its answer, or the asking itself. */
static void test_asked_until_it_tells(void **state)
{
        static const char status[] = "{\"Self\":{\"DNSName\":\"shop.tail1234.ts.net.\"}}";
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(tailnet_freep) Tailnet *tailnet = NULL;
        _cleanup_free_ char *name = NULL;

        memset(&fake, 0, sizeof fake);
        fake.start_errors[0] = -ENOMEM;
        fake.replies[1] = (CurlReply){ .error = -ECONNREFUSED };
        fake.start_errors[2] = -ENOMEM;
        fake.replies[3] = (CurlReply){ .status = 500, .body = "no", .size = 2 };
        fake.replies[4] = (CurlReply){ .status = 200, .body = "{}", .size = 2 };
        fake.replies[5] = (CurlReply){ .status = 200, .body = status, .size = strlen(status) };

        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(tailnet_new(event, NULL, "/run/tailscaled.sock", on_name, &name, &tailnet), 0);
        for (int turns = 0; !name && turns < 100; turns++) {
                if (fake.request.done)
                        fake_answer();
                else
                        assert_true(sd_event_run(event, 0) >= 0);
        }
        assert_string_equal(name, "shop.tail1234.ts.net");
        assert_string_equal(fake.request.unix_path, "/run/tailscaled.sock");
        assert_int_equal(fake.n_asked, 6);
        assert_int_equal(fake.n_delays, 5);
        for (size_t i = 1; i < fake.n_delays; i++)
                assert_int_equal(fake.delays[i], 2 * fake.delays[i - 1]);
}

static void test_given_up(void **state)
{
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_free_ char *name = NULL;
        Tailnet *tailnet = NULL;

        memset(&fake, 0, sizeof fake);
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(tailnet_new(event, NULL, "/run/tailscaled.sock", on_name, &name, &tailnet), 0);
        assert_non_null(fake.request.done);
        tailnet_free(tailnet);
        assert_null(fake.request.done);
        assert_null(name);
}

static void test_status_documents(void **state)
{
        static const struct {
                const char *status;
                int error;
                const char *host;
        } cases[] = {
                { "{\"Self\":{\"DNSName\":\"shop.tail1234.ts.net.\",\"TailscaleIPs\":[\"100.64.0.1\"]}}", 0,
                                "shop.tail1234.ts.net" },
                { "{\"Self\":{\"DNSName\":\"shop\"}}", 0, "shop" },
                { "{\"Self\":{\"DNSName\":\"shop.tail1234.ts.net.\",\"TailscaleIPs\":[\"100.64.0.1\"]},"
                  "\"CurrentTailnet\":{\"MagicDNSEnabled\":false}}",
                                0, "100.64.0.1" },
                { "{\"Self\":{\"DNSName\":\"shop.tail1234.ts.net.\",\"TailscaleIPs\":[\"100.64.0.1\"]},"
                  "\"CurrentTailnet\":{\"MagicDNSEnabled\":true}}",
                                0, "shop.tail1234.ts.net" },
                { "{\"Self\":{\"DNSName\":\"\",\"TailscaleIPs\":[\"100.64.0.1\",\"fd7a::1\"]}}", 0,
                                "100.64.0.1" },
                { "{\"Self\":{\"TailscaleIPs\":[\"100.64.0.1\"]}}", 0, "100.64.0.1" },
                { "{\"BackendState\":\"NeedsLogin\",\"Self\":{\"DNSName\":\"\",\"TailscaleIPs\":null}}",
                                -ENODATA, NULL },
                { "{\"Self\":{\"TailscaleIPs\":[]}}", -ENODATA, NULL },
                { "{\"Self\":{\"TailscaleIPs\":[null]}}", -ENODATA, NULL },
                { "{\"Self\":{\"TailscaleIPs\":\"100.64.0.1\"}}", -ENODATA, NULL },
                { "{\"Self\":null}", -ENODATA, NULL },
                { "{}", -ENODATA, NULL },
                { "[]", -ENODATA, NULL },
                { "null", -ENODATA, NULL },
                { "{\"Self\":{\"DNSName\":\".\"}}", -ENODATA, NULL },
                { "{\"Self\":{\"DNSName\":\"a/b\"}}", -ENODATA, NULL },
                { "{\"Self\":{\"DNSName\":\"a:80\"}}", -ENODATA, NULL },
                { "{\"Self\":{\"DNSName\":\"ñ.example.\"}}", -ENODATA, NULL },
                { "not json", -EINVAL, NULL },
                { "", -EINVAL, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *host = NULL;
                int r = tailnet_parse_status(cases[i].status, strlen(cases[i].status), &host);

                if (r != cases[i].error)
                        fail_msg("%s: %d", cases[i].status, r);
                if (r == 0)
                        assert_string_equal(host, cases[i].host);
                else
                        assert_null(host);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_asked_until_it_tells),
                cmocka_unit_test(test_given_up),
                cmocka_unit_test(test_status_documents),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
