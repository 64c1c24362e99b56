/* SPDX-License-Identifier: MIT */

/* The firewall's rules as text, the resolvers, the engine's rules and the state; and arkd's view of that state. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "arkd/isolation.h"
#include "basic/file-util.h"
#include "basic/string-util.h"
#include "core/ports.h"
#include "firewall/engine-rules.h"
#include "firewall/facts.h"
#include "firewall/resolvers.h"
#include "firewall/rules.h"
#include "firewall/state.h"

static void assert_resolvers(const char *text, const char *expected)
{
        _cleanup_(strv_freep) char **found = NULL, **wanted = NULL;

        assert_int_equal(resolvers_parse(text, &found), 0);
        assert_int_equal(strv_split(expected, " ", &wanted), 0);
        assert_int_equal(strv_length(found), strv_length(wanted));
        for (size_t i = 0; i < strv_length(found); i++)
                assert_string_equal(found[i], wanted[i]);
}

static void test_resolvers(void **state)
{
        assert_resolvers("", "");
        assert_resolvers("nameserver 192.168.1.1\n", "192.168.1.1");
        assert_resolvers("# nameserver 1.1.1.1\nsearch a.b\nnameserver\t9.9.9.9 # a\r\nnameserver 8.8.8.8\n",
                        "8.8.8.8 9.9.9.9");
        assert_resolvers("nameserver 127.0.0.53\noptions edns0 trust-ad\n", "");
        assert_resolvers("nameserver ::1\nnameserver 2001:db8::53\nnameserver 2001:db8::53", "2001:db8::53");
        /* What is no address must not get into the rules. */
        assert_resolvers("nameserver } accept\nnameserver\nnameserver fe80::1%eth0\nnameserver 1.2.3\n", "");
}

static long find(const char *text, const char *what)
{
        const char *found = strstr(text, what);

        assert_true(found != NULL);
        return (long) (found - text);
}

static void test_rules(void **state)
{
        char *ingress[] = { (char *) "10.231.0.0/20", NULL };
        char *own[] = { (char *) "203.0.113.0/24", (char *) "2001:db8::/64", NULL };
        char *resolvers[] = { (char *) "192.168.1.1", (char *) "2001:db8::53", NULL };
        char *proxies[] = { (char *) "192.0.2.0/24", (char *) "2001:db8:1::7/128", NULL };
        RuleFacts facts = { ingress, own, resolvers, "/etc/x/*.nft", 7, false, proxies, 20, 3002 };
        _cleanup_free_ char *full = NULL, *bare = NULL;

        assert_int_equal(rules_make(&facts, &full), 0);
        assert_non_null(strstr(
                        full, "ip daddr { 192.168.1.1 } meta l4proto { tcp, udp } th dport 53 accept"));
        assert_non_null(strstr(full, "ip6 daddr { 2001:db8::53 } meta l4proto"));
        assert_non_null(strstr(full, "ip daddr 203.0.113.0/24 goto refused"));
        assert_non_null(strstr(full, "ip6 daddr 2001:db8::/64 goto refused"));
        assert_non_null(strstr(full, "ct count over 7 }"));
        assert_non_null(strstr(full, "include \"/etc/x/*.nft\""));
        assert_non_null(strstr(full, "ether daddr & ff:ff:ff:ff:f0:00 == 02:42:0a:e7:00:00 counter drop"));
        assert_null(strstr(full, "ibrname"));
        /* Whatever the operator opens, it does not open the way from one instance to another. */
        assert_true(find(full, "iifname \"ark*\" oifname \"ark*\" goto refused") <
                        find(full, "iifname \"ark*\" goto outward"));
        /* Who speaks for many visitors is not counted as one. */
        assert_non_null(strstr(
                        full, "add @visitors { ip saddr ct count over 20 } counter reject with tcp reset"));
        assert_non_null(strstr(full, "{ ip6 saddr & ffff:ffff:ffff:ffff:: ct count over 20 }"));
        assert_true(find(full, "ip saddr 192.0.2.0/24 accept") < find(full, "add @visitors "));
        assert_true(find(full, "ip6 saddr 2001:db8:1::7/128 accept") < find(full, "add @visitors "));
        /* Their own tables are replaced at once, and nobody else's. */
        assert_null(strstr(full, "flush ruleset"));

        facts = (RuleFacts){ .ingress = ingress, .bridge_names = true };
        assert_int_equal(rules_make(&facts, &bare), 0);
        assert_null(strstr(bare, "ct count"));
        assert_null(strstr(bare, "include"));
        assert_null(strstr(bare, "dport 53"));
        assert_non_null(strstr(bare, "meta ibrname \"arkprod\" counter drop"));
}

/* An older ark_production keeps its addresses after SubnetPool= was changed. */
static void test_facts(void **state)
{
        char *bridge[] = { (char *) "10.99.0.0/20", NULL };
        const HostFacts host = { .networks = { .ingress = bridge } };
        FirewallConfig config = { (char *) "10.231.0.0/16", (char *) "10.231.0.0/20", 0 };
        _cleanup_free_ char *both = NULL, *one = NULL;

        assert_int_equal(facts_make_rules(&config, &host, NULL, false, &both), 0);
        assert_non_null(strstr(both, "ip daddr { 10.99.0.0/20, 10.231.0.0/20 } counter drop"));
        config.ingress = (char *) "10.99.0.0/20";
        assert_int_equal(facts_make_rules(&config, &host, NULL, false, &one), 0);
        assert_non_null(strstr(one, "ip daddr { 10.99.0.0/20 } counter drop"));
}

/* Visitors are bounded where nginx listens. */
static void test_ports_of_the_site(void **state)
{
        static const struct {
                const char *text, *ports;
                const char *served;
        } cases[] = {
                { "", "tcp dport != { 3000, 3001, 3002 } accept\n" },
                { "ApplicationsPort=8443\n", "tcp dport != { 3000, 3001, 8443 } accept\n" },
                { "ApplicationsPort=3000\n", "tcp dport != { 3000, 3001 } accept\n" },
                { "", "tcp dport != { 3000, 3001, 3002, 80 } accept\n", "\nweb 80 IPv6 free\n" },
                { "BaseURL=http://a\n", "3002, 80 } accept\n", "public 80 IPv4 free\n" },
                { "", "tcp dport != { 3000, 3001, 3002 } accept\n",
                                "\nweb 80 IPv4 taken\nweb 80 IPv6 waiting\n" },
                { "WebPort=\n", "tcp dport != { 3000, 3001, 3002 } accept\n", "\nweb 80 IPv4 free\n" },
                { "WebPort=8080\n", "3002, 8080 } accept\n", "web 8080 IPv4 free\n" },
                { "ApplicationsPort=80\n", "{ 3000, 3001, 80 } accept\n", "applications 80 IPv4 free\n" },
        };
        char path[] = "/tmp/ark-test-firewall-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        (void) close(fd);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = str_printf("[arkd]\n%s", cases[i].text), *rules = NULL;
                _cleanup_(firewall_config_done) FirewallConfig config = { 0 };
                const HostFacts host = { .site_ports = (char *) cases[i].served };

                assert_int_equal(write_file_atomic(path, text, 0600), 0);
                assert_int_equal(firewall_config_read(path, "/nonexistent", &config), 0);
                assert_int_equal(facts_make_rules(&config, &host, NULL, false, &rules), 0);
                assert_non_null(strstr(rules, cases[i].ports));
        }
        (void) unlink(path);
}

/* As Docker 20.10 to 27 writes them, and as 28 does. */
#define NAT                                                                                                 \
        "table ip nat {\n\tchain DOCKER {\n\t\tiifname \"arkprod\" counter return\n\t}\n\tchain "           \
        "POSTROUTING {\n"                                                                                   \
        "\t\toifname != \"arkprod\" ip saddr 10.231.0.0/20 counter masquerade\n\t}\n}\n"
#define CHAINS "\tchain DOCKER {\n\t}\n\tchain DOCKER-USER {\n\t\tcounter return\n\t}\n"
#define WAY    "\t\tiifname \"arkprod\" oifname != \"arkprod\" counter accept\n"
#define FORWARD(jump)                                                                                       \
        "\tchain FORWARD {\n\t\tcounter jump DOCKER-USER\n\t\tcounter jump " jump "\n" WAY "\t}\n"
#define FILTER "table ip filter {\n" CHAINS FORWARD("DOCKER-ISOLATION-STAGE-1") "}\n"
#define FILTER_28                                                                                           \
        "table ip filter {\n" CHAINS "\tchain FORWARD {\n\t\tcounter jump DOCKER-USER\n"                    \
        "\t\tcounter jump DOCKER-FORWARD\n\t}\n\tchain DOCKER-FORWARD {\n"                                  \
        "\t\tiifname \"arkprod\" counter accept\n\t}\n}\n"

static void test_engine_rules(void **state)
{
        static const struct {
                const char *nat, *filter, *missing;
        } cases[] = {
                { NAT, FILTER, NULL },
                { NAT, FILTER_28, NULL },
                { NULL, NULL, "the table nat, the table filter" },
                { NULL, FILTER, "the table nat" },
                { NAT, NULL, "the table filter" },
                /* Another bridge's is not it; nor is a rule that says nothing of addresses. */
                { "\tchain DOCKER {\n\t}\n\t\toifname != \"docker0\" ip saddr 172.17.0.0/16 counter "
                  "masquerade\n"
                  "\t\toifname \"arkprod\" counter accept\n",
                                FILTER, "masquerading of what leaves ark_production" },
                { "\tchain DOCKER {\n\t}\n\t\toifname != \"arkprod\" counter xt target \"MASQUERADE\"\n",
                                FILTER, NULL },
                { "\t\toifname != \"arkprod\" counter masquerade\n", FILTER, "the chain DOCKER in nat" },
                /* iptables -D FORWARD -j DOCKER-USER, where something else leads there. */
                { NAT,
                                CHAINS
                                "\tchain OTHER {\n\t\tcounter jump DOCKER-USER\n\t}\n\tchain FORWARD {\n"
                                "\t\tcounter jump DOCKER-ISOLATION-STAGE-1\n" WAY "\t}\n",
                                "the jump from FORWARD to DOCKER-USER" },
                /* iptables -F FORWARD */
                { NAT,
                                CHAINS "\tchain FORWARD {\n\t\ttype filter hook forward priority filter; "
                                       "policy drop;\n\t}\n",
                                "the jump from FORWARD to DOCKER-USER, the jump from FORWARD to the "
                                "engine's chains, "
                                "the way out of ark_production in FORWARD" },
                { NAT, FORWARD("DOCKER-ISOLATION-STAGE-1"), "the chain DOCKER, the chain DOCKER-USER" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *missing = NULL;

                assert_int_equal(engine_rules_find_missing(cases[i].nat, cases[i].filter, &missing), 0);
                if (cases[i].missing) {
                        assert_non_null(missing);
                        assert_string_equal(missing, cases[i].missing);
                } else
                        assert_null(missing);
        }
}

/* ---- The state, written by one and read by the other ---- */

typedef struct Folder {
        sd_event *event;
        char path[64], folder[80], file[96];
} Folder;

static int setup(void **state)
{
        Folder *f = new0(Folder, 1);

        assert_non_null(f);
        (void) snprintf(f->path, sizeof f->path, "/tmp/ark-test-firewall-XXXXXX");
        assert_non_null(mkdtemp(f->path));
        (void) snprintf(f->folder, sizeof f->folder, "%s/firewall", f->path);
        (void) snprintf(f->file, sizeof f->file, "%s/state", f->folder);
        assert_return_code(sd_event_new(&f->event), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        Folder *f = *state;

        (void) unlink(f->file);
        (void) rmdir(f->folder);
        (void) rmdir(f->path);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static void say(const Folder *f, const char *fault, const char *pool)
{
        const FirewallState s = { .fault = fault, .pool = pool };
        _cleanup_free_ char *text = NULL;

        assert_int_equal(firewall_state_format(&s, &text), 0);
        assert_int_equal(write_file_atomic(f->file, text, 0644), 0);
}

static void run(const Folder *f)
{
        while (sd_event_run(f->event, 100 * 1000) > 0)
                ;
}

static void count(void *userdata)
{
        ++*(unsigned *) userdata;
}

static void assert_fault(Isolation *i, const char *saying)
{
        IsolationPort *port = isolation_port(i);
        const char *fault = NULL;

        assert_int_equal(port->vtable->is_in_force(port, &fault), saying == NULL);
        if (saying)
                assert_non_null(strstr(fault, saying));
}

static void test_isolation_is_followed(void **state)
{
        _cleanup_(isolation_freep) Isolation *i = NULL;
        const Folder *f = *state;
        unsigned changes = 0;

        assert_return_code(isolation_new(f->event, f->file, "10.231.0.0/16", &i), 0);
        isolation_port(i)->vtable->watch(isolation_port(i), count, &changes);
        assert_fault(i, "systemctl start arkd-firewall");
        assert_return_code(mkdir(f->folder, 0755), 0);
        run(f);
        assert_fault(i, "systemctl start arkd-firewall");
        assert_int_equal(changes, 0);
        say(f, NULL, "10.231.0.0/16");
        run(f);
        assert_fault(i, NULL);
        say(f, "it is full", "10.231.0.0/16");
        run(f);
        assert_fault(i, "it is full");
        say(f, NULL, "10.99.0.0/16");
        run(f);
        assert_fault(i, "systemctl reload arkd-firewall");
        assert_int_equal(write_file_atomic(f->file, "no JSON", 0644), 0);
        run(f);
        assert_fault(i, "cannot be read");
        say(f, NULL, "10.231.0.0/16");
        run(f);
        assert_fault(i, NULL);
        assert_int_equal(changes, 5);
}

static void test_isolation_of_a_smaller_pool(void **state)
{
        _cleanup_(isolation_freep) Isolation *i = NULL;
        const Folder *f = *state;

        assert_return_code(mkdir(f->folder, 0755), 0);
        say(f, NULL, "10.231.0.0/16");
        assert_return_code(isolation_new(f->event, f->file, "10.231.0.0/18", &i), 0);
        assert_fault(i, NULL);
        say(f, NULL, "10.231.0.0/19");
        run(f);
        assert_fault(i, "guards 10.231.0.0/19, and SubnetPool= is 10.231.0.0/18");
        say(f, NULL, "10.224.0.0/12"); /* around it, but with another ingress network */
        run(f);
        assert_fault(i, "guards 10.224.0.0/12");
}

/* As when the service is stopped, and started again. */
static void test_isolation_comes_and_goes(void **state)
{
        _cleanup_(isolation_freep) Isolation *i = NULL;
        const Folder *f = *state;

        assert_return_code(mkdir(f->folder, 0755), 0);
        say(f, NULL, "10.231.0.0/16");
        assert_return_code(isolation_new(f->event, f->file, "10.231.0.0/16", &i), 0);
        for (unsigned n = 0; n < 2; n++) {
                assert_fault(i, NULL);
                assert_return_code(unlink(f->file), 0);
                assert_return_code(rmdir(f->folder), 0);
                run(f);
                assert_fault(i, "does not run");
                assert_return_code(mkdir(f->folder, 0755), 0);
                if (n > 0)
                        run(f);
                say(f, NULL, "10.231.0.0/16");
                run(f);
        }
        assert_fault(i, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_resolvers),
                cmocka_unit_test(test_rules),
                cmocka_unit_test(test_facts),
                cmocka_unit_test(test_ports_of_the_site),
                cmocka_unit_test(test_engine_rules),
                cmocka_unit_test_setup_teardown(test_isolation_is_followed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_isolation_of_a_smaller_pool, setup, teardown),
                cmocka_unit_test_setup_teardown(test_isolation_comes_and_goes, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
