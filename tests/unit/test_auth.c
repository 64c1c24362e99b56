/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "auth/network.h"
#include "basic/string-util.h"
#include "core/verbs/request.h"
#include "core/verbs/table.h"
#include "core/verbs/verb.h"

/* ---- The gate ---------------------------------------------------------------------------------------------- */

/* Who may do what: every verb that there is, written down a second time. A verb that is not here fails the test. */
static const struct {
        const char *name;
        bool visitor; /* over the public listener */
        bool asks; /* a local user on the bus is polkit's to judge; else he may */
} verbs[] = {
        { "ListProducts", true, false },
        { "GetProduct", true, false },
        { "GetWholeProduct", false, true },
        { "CreateProduct", false, true },
        { "PutProduct", false, true },
        { "SetProduct", false, true },
        { "DeleteProduct", false, true },
        { "CreateInstance", true, true },
        { "ListInstances", false, false },
        { "GetInstance", true, false },
        { "GetAccess", true, true },
        { "GetCredentials", false, true },
        { "GetCompose", false, true },
        { "DeleteInstance", false, true },
        { "RestartInstance", false, true },
        { "GetLogs", false, true },
        { "GetUsage", false, false },
        { "AdoptInstance", false, true },
        { "SetExpiry", false, true },
        { "Cleanup", false, true },
        { "GetMetrics", false, false },
};

static Verdict expected(size_t verb, Role role, ListenerKind listener)
{
        if (role == ROLE_NONE)
                return VERDICT_DENY;
        switch (listener) {
        case LISTENER_PUBLIC:
                return verbs[verb].visitor ? VERDICT_ALLOW : VERDICT_DENY;
        case LISTENER_ADMIN:
        case LISTENER_LOCAL:
                return role == ROLE_OPERATOR ? VERDICT_ALLOW : VERDICT_DENY;
        case LISTENER_BUS:
                if (role == ROLE_OPERATOR)
                        return VERDICT_ALLOW;
                if (role == ROLE_LOCAL)
                        return verbs[verb].asks ? VERDICT_ASK_POLKIT : VERDICT_ALLOW;
                return VERDICT_DENY;
        default:
                return VERDICT_DENY;
        }
}

static size_t find_verb(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].name, name))
                        return i;
        fail_msg("Who may call %s?", name);
        return 0;
}

static void test_gate(void **state)
{
        size_t n = 0;

        for (const Action *a = action_table; a->name; a++, n++)
                for (Role role = ROLE_NONE; role <= ROLE_OPERATOR; role++)
                        for (ListenerKind k = LISTENER_NONE; k <= _LISTENER_KIND_MAX; k++) {
                                Verdict verdict = gate_check(a, &(Caller){ .role = role }, k);

                                if (verdict != expected(find_verb(a->name), role, k))
                                        fail_msg("%s, role %d, listener %d: %d", a->name, (int) role,
                                                        (int) k, (int) verdict);
                        }
        assert_int_equal(n, ELEMENTSOF(verbs));
}

static void test_gate_default(void **state)
{
        const Caller operator_caller = { .role = ROLE_OPERATOR };
        const Action nobodys = { .name = "Nobodys" };

        assert_int_equal(gate_check(NULL, &operator_caller, LISTENER_BUS), VERDICT_DENY);
        assert_int_equal(gate_check(&action_table[0], NULL, LISTENER_BUS), VERDICT_DENY);
        assert_int_equal(gate_check(&nobodys, &operator_caller, LISTENER_BUS), VERDICT_DENY);
        assert_int_equal(listener_kind_from_string("public"), LISTENER_PUBLIC);
        assert_int_equal(listener_kind_from_string("Public"), LISTENER_NONE);
        assert_int_equal(listener_kind_from_string(""), LISTENER_NONE);
        assert_null(listener_kind_to_string(LISTENER_NONE));
}

static void test_uids(void **state)
{
        static const struct {
                uid_t uid;
                Role role;
                const char *identity;
        } cases[] = {
                { 0, ROLE_OPERATOR, "uid:0" },
                { 990, ROLE_OPERATOR, "uid:990" },
                { 1000, ROLE_LOCAL, "uid:1000" },
                { 65534, ROLE_LOCAL, "uid:65534" },
                { (uid_t) -1, ROLE_LOCAL, "uid:4294967295" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Caller caller = { 0 };

                assert_int_equal(auth_caller_from_uid(cases[i].uid, 990, &caller), 0);
                assert_int_equal(caller.role, cases[i].role);
                assert_int_equal(caller.unlimited, cases[i].role == ROLE_OPERATOR);
                assert_string_equal(caller.identity, cases[i].identity);
                assert_string_equal(caller.origin, "bus");
                caller_done(&caller);
        }
}

/* Whatever an administrator has to allow is told in the journal, but for reading logs; a customer's own look at what
 * they were given is not. */
static void test_audited_verbs(void **state)
{
        for (const Action *a = action_table; a->name; a++) {
                bool expected = a->polkit_action && !endswith(a->polkit_action, ".view-logs") &&
                                !streq(a->name, "GetAccess");

                if (a->audited != expected)
                        fail_msg("%s is %s", a->name, a->audited ? "audited" : "not audited");
        }
}

/* ---- Networks ---------------------------------------------------------------------------------------------- */

static void test_networks(void **state)
{
        static const struct {
                const char *network, *address;
                bool contains;
        } cases[] = {
                { "10.0.0.0/8", "10.255.255.255", true },
                { "10.0.0.0/8", "11.0.0.0", false },
                { "100.64.0.0/10", "100.127.255.255", true },
                { "100.64.0.0/10", "100.128.0.0", false },
                { "100.64.0.0/10", "100.63.255.255", false },
                { "192.168.1.1", "192.168.1.1", true },
                { "192.168.1.1", "192.168.1.2", false },
                { "0.0.0.0/0", "8.8.8.8", true },
                { "0.0.0.0/0", "::1", false },
                { "::/0", "8.8.8.8", false },
                { "::/0", "2001:db8::1", true },
                { "fe80::/10", "febf::1", true },
                { "fe80::/10", "fec0::1", false },
                { "fd7a:115c:a1e0::/48", "fd7a:115c:a1e0:ffff::1", true },
                { "fd7a:115c:a1e0::/48", "fd7a:115c:a1e1::1", false },
                { "127.0.0.0/8", "::ffff:127.0.0.1", true },
        };
        static const char *const malformed[] = { "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
                "10.0.0/8", "10.0.0.0/8/8", "10.0.0.0/8 ", "::/129", "localhost", "fe80::1%eth0",
                "0123:4567:89ab:cdef:0123:4567:255.255.255.2555555" };
        Network network;
        Address address;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(network_parse(cases[i].network, &network), 0);
                assert_int_equal(address_parse(cases[i].address, &address), 0);
                if (network_contains(&network, &address) != cases[i].contains)
                        fail_msg("%s in %s", cases[i].address, cases[i].network);
        }
        for (size_t i = 0; i < ELEMENTSOF(malformed); i++)
                if (network_parse(malformed[i], &network) != -EINVAL)
                        fail_msg("“%s” was taken", malformed[i]);
}

static void test_identities(void **state)
{
        static const struct {
                const char *address, *identity;
                bool loopback;
        } cases[] = {
                { "127.0.0.1", "addr:127.0.0.1", true },
                { "::ffff:127.0.0.1", "addr:127.0.0.1", true },
                { "::1", "addr:::/64", true },
                { "100.64.0.7", "addr:100.64.0.7", false },
                { "2001:db8:1:2:3:4:5:6", "addr:2001:db8:1:2::/64", false },
                { "::2", "addr:::/64", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *identity = NULL;
                Address address;

                assert_int_equal(address_parse(cases[i].address, &address), 0);
                identity = address_identity(&address);
                assert_string_equal(identity, cases[i].identity);
                assert_int_equal(address_is_loopback(&address), cases[i].loopback);
        }
}

/* ---- HTTP -------------------------------------------------------------------------------------------------- */

static Auth *auth_with(const AuthSettings *settings)
{
        Auth *auth = NULL;

        assert_int_equal(auth_new(settings, &auth), 0);
        return auth;
}

static int identify(const Auth *auth, ListenerKind listener, const char *key, const char *address,
                const char *authorization)
{
        const AuthPeer peer = {
                .listener = listener,
                .proxy_key.value = key,
                .address.value = address,
                .port.value = "40000",
                .authorization.value = authorization,
        };
        const char *reason = NULL;
        Caller caller = { 0 };
        int r = auth_identify(auth, &peer, &caller, &reason);

        assert_true(r == 0 ? caller.identity && caller.role != ROLE_NONE : reason && !caller.identity);
        caller_done(&caller);
        return r;
}

/* Secrets that are not set are matched by nothing, least of all by nothing. */
static void test_no_secrets(void **state)
{
        _cleanup_(auth_freep) Auth *none = auth_with(&(AuthSettings){ 0 }),
                                   *empty = auth_with(&(AuthSettings){ .admin_token = "", .proxy_key = "" });
        const Auth *both[] = { none, empty };

        for (size_t i = 0; i < ELEMENTSOF(both); i++) {
                assert_int_equal(identify(both[i], LISTENER_PUBLIC, "", "127.0.0.1", NULL), -EACCES);
                assert_int_equal(identify(both[i], LISTENER_PUBLIC, NULL, "127.0.0.1", NULL), -EACCES);
                assert_int_equal(identify(both[i], LISTENER_LOCAL, NULL, NULL, "Bearer "), -ENOKEY);
                assert_int_equal(identify(both[i], LISTENER_ADMIN, NULL, NULL, NULL), -ENOKEY);
                assert_int_equal(identify(both[i], LISTENER_BUS, NULL, NULL, NULL), -EACCES);
        }
}

static void test_visitor_networks(void **state)
{
        char *list[] = { (char *) "203.0.113.0/24", (char *) "10.0.0.0/8", NULL };
        _cleanup_(auth_freep) Auth *auth = auth_with(&(AuthSettings){
                        .proxy_key = "k", .visitor_networks = list, .instance_pool = "10.231.0.0/16" });

        assert_int_equal(identify(auth, LISTENER_PUBLIC, "k", "203.0.113.9", NULL), 0);
        assert_int_equal(identify(auth, LISTENER_PUBLIC, "k", "10.230.0.1", NULL), 0);
        assert_int_equal(identify(auth, LISTENER_PUBLIC, "k", "10.231.0.1", NULL), -EACCES);
        assert_int_equal(identify(auth, LISTENER_PUBLIC, "k", "127.0.0.1", NULL), -EACCES);
        assert_int_equal(identify(auth, LISTENER_PUBLIC, "kk", "10.230.0.1", NULL), -EACCES);
        assert_int_equal(identify(auth, LISTENER_PUBLIC, "k", "10.230.0.1, 127.0.0.1", NULL), -EACCES);
}

/* Who is believed to call, where the peer that nginx saw (empty: none) speaks for a client. */
static void test_proxies(void **state)
{
        static const struct {
                const char *peer, *client;
                const char *identity; /* NULL: refused */
                bool unlimited;
        } cases[] = {
                { "127.0.0.1", NULL, "addr:127.0.0.1", true },
                { "::1", NULL, "addr:::/64", true },
                { "127.0.0.1", "100.64.0.9", "addr:100.64.0.9", false },
                { "::1", "fd7a:115c:a1e0::9", "addr:fd7a:115c:a1e0::/64", false },
                { "127.0.0.1", "::ffff:192.168.7.9", "addr:192.168.7.9", false },
                /* Somebody came through a proxy on this host: counted, whatever the proxy says. */
                { "127.0.0.1", "127.0.0.1", "addr:127.0.0.1", false },
                { "10.0.0.7", "192.168.7.9", "addr:192.168.7.9", false },
                { "127.0.0.1", "203.0.113.9", NULL, false },
                { "127.0.0.1", "10.231.0.9", NULL, false },
                { "127.0.0.1", "unknown", NULL, false },
                { "127.0.0.1", "", NULL, false },
                { "127.0.0.1", "10.0.0.1, 10.0.0.2", NULL, false },
                { "127.0.0.1", "10.0.0.1:80", NULL, false },
                { "192.168.7.7", "192.168.7.9", NULL, false },
                { "192.168.7.7", "192.168.7.7", NULL, false },
                { "192.168.7.7", NULL, "addr:192.168.7.7", false },
        };
        char *proxies[] = { (char *) "127.0.0.0/8", (char *) "::1", (char *) "10.0.0.7", NULL };
        _cleanup_(auth_freep) Auth *auth = auth_with(&(AuthSettings){
                        .proxy_key = "k", .trusted_proxies = proxies, .instance_pool = "10.231.0.0/16" });

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const AuthPeer peer = {
                        .listener = LISTENER_PUBLIC,
                        .proxy_key.value = "k",
                        .address.value = cases[i].peer,
                        .port.value = "40000",
                        .client.value = cases[i].client,
                };
                const char *reason = NULL;
                Caller caller = { 0 };
                int r = auth_identify(auth, &peer, &caller, &reason);

                if ((r == 0) != !!cases[i].identity || (r < 0 && (r != -EACCES || !reason)))
                        fail_msg("%s for %s: %d", cases[i].peer, cases[i].client, r);
                if (r < 0)
                        continue;
                assert_string_equal(caller.identity, cases[i].identity);
                assert_int_equal(caller.unlimited, cases[i].unlimited);
                caller_done(&caller);
        }
}

/* With no proxies at all, and with a header that came twice. */
static void test_no_proxies(void **state)
{
        char *nobody[] = { NULL };
        _cleanup_(auth_freep) Auth *none = auth_with(&(AuthSettings){
                                                   .proxy_key = "k", .trusted_proxies = nobody }),
                                   *usual = auth_with(&(AuthSettings){ .proxy_key = "k" });
        AuthPeer peer = {
                .listener = LISTENER_PUBLIC,
                .proxy_key.value = "k",
                .address.value = "127.0.0.1",
                .port.value = "40000",
                .client.value = "192.168.7.9",
        };
        const char *reason = NULL;
        Caller caller = { 0 };

        assert_int_equal(auth_identify(none, &peer, &caller, &reason), -EACCES);
        peer.client = (AuthHeader){ .repeated = true };
        assert_int_equal(auth_identify(usual, &peer, &caller, &reason), -EACCES);
        assert_null(caller.identity);
}

/* Port 3001 is held to the same networks; root may still ask the socket itself. */
static void test_operators_from_elsewhere(void **state)
{
        _cleanup_(auth_freep) Auth *auth =
                        auth_with(&(AuthSettings){ .proxy_key = "k", .admin_token = "t" });

        assert_int_equal(identify(auth, LISTENER_ADMIN, "k", "192.168.7.9", "Bearer t"), 0);
        assert_int_equal(identify(auth, LISTENER_ADMIN, "k", "203.0.113.9", "Bearer t"), -EACCES);
        assert_int_equal(identify(auth, LISTENER_ADMIN, "k", "203.0.113.9", NULL), -EACCES);
        assert_int_equal(identify(auth, LISTENER_ADMIN, "k", "unix:", "Bearer t"), -EACCES);
        assert_int_equal(identify(auth, LISTENER_ADMIN, NULL, NULL, "Bearer t"), 0);
        assert_int_equal(identify(auth, LISTENER_LOCAL, NULL, NULL, "Bearer t"), 0);
}

static void test_bad_settings(void **state)
{
        char *list[] = { (char *) "everybody", NULL };
        Auth *auth = NULL;

        assert_int_equal(auth_new(&(AuthSettings){ .visitor_networks = list }, &auth), -EINVAL);
        assert_int_equal(auth_new(&(AuthSettings){ .trusted_proxies = list }, &auth), -EINVAL);
        assert_int_equal(auth_new(&(AuthSettings){ .instance_pool = "10.0.0.0/99" }, &auth), -EINVAL);
        assert_int_equal(auth_new(&(AuthSettings){ .base_url = "ftp://x" }, &auth), -EINVAL);
        assert_null(auth);
}

static void test_hosts(void **state)
{
        /* tests/nginx/test_callers.py has the same for nginx. */
        static const char *const known[] = { "localhost:1", "localhost:65535", "0.0.0.0",
                "255.249.199.99:65535", "[::]", "[1::]", "[::1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7::]:65535",
                "[1:2:3:4:5:6:7:8]", "[FE80::A:1]:80", "[::ffff:10.1.2.3]" };
        static const char *const unknown[] = { "localhost:65536", "localhost:99999", "localhost:100000",
                "localhost:0", "localhost:080", "localhost:00080", "localhost:", "256.1.1.1", "1.1.1.1000",
                "01.2.3.4", "1.2.3", "1.2.3.4.5", "1.2.3.4.", "127.0.0.1:65536", "[::ffff:10.1.2.300]",
                "[1::2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8:9]", "[1:2:3:4:5:6:7]", "[1::2::3]", "[:::]",
                "[12345::]", "[:1]", "[1:]", "[10.1.2.3]", "[localhost]", "[[::1]]", "[::1]:65536",
                "[::1]:0", "" };
        static const char *const no_urls[] = { "http://[localhost]/", "http://[10.1.2.3]", "http://a:080" };
        _cleanup_(auth_freep) Auth *auth =
                        auth_with(&(AuthSettings){ .base_url = "https://Ark.example.com:8443/x" });

        assert_true(auth_host_is_allowed(auth, "ark.example.com"));
        assert_true(auth_host_is_allowed(auth, "ark.example.com.:8443"));
        assert_true(auth_host_is_allowed(auth, "[::1]:3000"));
        assert_true(auth_host_is_allowed(auth, "10.0.0.1"));
        assert_false(auth_host_is_allowed(auth, "example.com"));
        assert_false(auth_host_is_allowed(auth, "x.ark.example.com"));
        assert_false(auth_host_is_allowed(auth, "ark.example.com@evil"));
        assert_false(auth_host_is_allowed(auth, "10.0.0.1.evil.example"));
        assert_false(auth_host_is_allowed(auth, "::1"));
        assert_false(auth_host_is_allowed(auth, "[::1]x"));
        assert_false(auth_host_is_allowed(auth, "[]"));
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (!auth_host_is_allowed(auth, known[i]))
                        fail_msg("“%s” is not known", known[i]);
        for (size_t i = 0; i < ELEMENTSOF(unknown); i++)
                if (auth_host_is_allowed(auth, unknown[i]))
                        fail_msg("“%s” is known", unknown[i]);
        for (size_t i = 0; i < ELEMENTSOF(no_urls); i++)
                if (auth_url_is_valid(no_urls[i]))
                        fail_msg("“%s” is an URL", no_urls[i]);
}

static void test_origins(void **state)
{
        static const struct {
                const char *origin, *host;
                bool own; /* for a visitor */
        } cases[] = {
                { "http://a:3000", "a:3000", true },
                { "https://a", "A", true },
                { "http://a:3000", "a:3001", false },
                { "http://a", "b", false },
                { "null", "null", false },
                { "ftp://a", "a", false },
                { "http://a/", "a", false },
                /* A proxy asked by another name than the visitor did. */
                { "https://apps.example.org", "127.0.0.1:3000", true },
                { "https://Apps.example.org", "127.0.0.1:3000", true },
                { "http://apps.example.org", "127.0.0.1:3000", false },
                { "https://apps.example.org:8443", "127.0.0.1:3000", false },
                { "https://apps.example.org.evil", "127.0.0.1:3000", false },
                { "https://apps.example.org/", "127.0.0.1:3000", false },
        };
        static const char *const urls[] = { "https://apps.example.org", "https://apps.example.org:443/x" };

        for (size_t u = 0; u < ELEMENTSOF(urls); u++) {
                _cleanup_(auth_freep) Auth *auth = auth_with(&(AuthSettings){ .base_url = urls[u] });

                for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                        if (auth_origin_is_own(auth, LISTENER_PUBLIC, cases[i].origin, cases[i].host) !=
                                        cases[i].own)
                                fail_msg("%s at %s", cases[i].origin, cases[i].host);
                assert_false(auth_origin_is_own(
                                auth, LISTENER_ADMIN, "https://apps.example.org", "127.0.0.1:3001"));
        }
}

static void test_bearer(void **state)
{
        assert_string_equal(auth_bearer("Bearer x"), "x");
        assert_string_equal(auth_bearer("bearer   x y"), "x y");
        assert_null(auth_bearer("Bearer "));
        assert_null(auth_bearer("Bearer"));
        assert_null(auth_bearer("Basic x"));
        assert_null(auth_bearer(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_gate),
                cmocka_unit_test(test_gate_default),
                cmocka_unit_test(test_uids),
                cmocka_unit_test(test_audited_verbs),
                cmocka_unit_test(test_networks),
                cmocka_unit_test(test_identities),
                cmocka_unit_test(test_no_secrets),
                cmocka_unit_test(test_visitor_networks),
                cmocka_unit_test(test_proxies),
                cmocka_unit_test(test_no_proxies),
                cmocka_unit_test(test_operators_from_elsewhere),
                cmocka_unit_test(test_bad_settings),
                cmocka_unit_test(test_hosts),
                cmocka_unit_test(test_origins),
                cmocka_unit_test(test_bearer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
