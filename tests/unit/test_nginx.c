/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "basic/file-util.h"
#include "basic/string-util.h"
#include "core/model/instance-url.h"
#include "nginx/module.h"
#include "nginx/site.h"

static char *text_of(const char *directory, const char *name)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);
        char *text;

        assert_int_equal(read_file(path, 65536, &text, NULL), 0);
        return text;
}

static void remove_all(const char *directory)
{
        for (size_t i = 0; i < n_site_pieces; i++) {
                _cleanup_free_ char *path = str_printf("%s/%s", directory, site_pieces[i].name);

                (void) unlink(path);
        }
        assert_int_equal(rmdir(directory), 0);
}

static int listen_somewhere(uint16_t *ret_port)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, n), 0);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &n), 0);
        *ret_port = ntohs(address.sin_port);
        return fd;
}

static void test_probe(void **state)
{
        PortState port_state = PORT_TAKEN;
        uint16_t port;

        /* Another process of this machine may take it in the same moment, but not each time. */
        for (unsigned n = 0; n < 10 && port_state != PORT_FREE; n++) {
                int fd = listen_somewhere(&port);

                /* On one address alone is enough. */
                assert_int_equal(port_probe(AF_INET, port, &port_state), 0);
                assert_int_equal(port_state, PORT_TAKEN);
                (void) close(fd);
                assert_int_equal(port_probe(AF_INET, port, &port_state), 0);
        }
        assert_int_equal(port_state, PORT_FREE);
}

static void test_pieces(void **state)
{
        _cleanup_(config_done) Config config = {
                .applications.port = APPLICATIONS_PORT_DEFAULT,
                .connections_max = 500,
                .connections_visitor = 50,
                .connections_instance = 70,
                .requests_rate = 20,
        };
        Site site = {
                .config = &config,
                .key = "secret",
                .ports = {
                        { "public", 3000, AF_INET, PORT_FREE },
                        { "public", 3000, AF_INET6, PORT_ABSENT },
                        { "admin", 3001, AF_INET, PORT_TAKEN },
                        { "admin", 3001, AF_INET6, PORT_TAKEN },
                },
                .n_ports = 4,
        };
        char directory[] = "/tmp/ark-nginx-XXXXXX";
        _cleanup_free_ char *servers = NULL, *key = NULL, *ports = NULL, *path = NULL, *main_conf = NULL,
                            *landing = NULL, *limits = NULL, *api = NULL;
        struct stat st;

        assert_non_null(mkdtemp(directory));
        assert_int_equal(site_write(&site, directory), 0);
        servers = text_of(directory, "servers.conf");
        assert_non_null(strstr(servers, "listen 3000 "));
        assert_non_null(strstr(servers, "include /usr/share/arkd/nginx/public.conf;"));
        assert_null(strstr(servers, "[::]"));
        assert_null(strstr(servers, "admin"));
        main_conf = text_of(directory, "main.conf");
        assert_non_null(strstr(main_conf, "\nworker_processes "));
        assert_non_null(strstr(main_conf, "worker_connections 2024;"));
        limits = text_of(directory, "limits.conf");
        assert_non_null(strstr(limits, "zone=ark_api:16m rate=20r/s;"));
        assert_non_null(strstr(limits, "\nlimit_conn ark_client 50;\nlimit_conn ark_instance 70;\n"));
        api = text_of(directory, "api-limit.conf");
        assert_non_null(strstr(api, "burst=40 nodelay;"));
        key = text_of(directory, "key.conf");
        assert_non_null(strstr(key, "\nproxy_set_header X-Ark-Proxy-Key \"secret\";\n"));
        path = str_printf("%s/key.conf", directory);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        landing = text_of(directory, "landing.conf");
        assert_non_null(strstr(landing, "\nset $ark_landing http://$ark_name:3000;\n"));
        ports = text_of(directory, SITE_PORTS_FILE);
        assert_non_null(strstr(
                        ports, "\npublic 3000 IPv4 free\npublic 3000 IPv6 absent\nadmin 3001 IPv4 taken\n"));
        remove_all(directory);
}

static bool has_piece(const char *directory, const char *name)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);

        return access(path, F_OK) == 0;
}

/* tests/nginx has an nginx run with the module. */
static void test_module(void **state)
{
        static const char *const fits[] = { "/bin/true", "/bin/false", "/bin/true", "/bin/no-such" };
        char directory[] = "/tmp/ark-nginx-XXXXXX";

        assert_non_null(mkdtemp(directory));
        for (size_t i = 0; i < ELEMENTSOF(fits); i++) {
                bool expected = streq(fits[i], "/bin/true");

                assert_int_equal(module_write(directory, fits[i], "/lib/interim.so"), 0);
                assert_int_equal(has_piece(directory, "module-interim.conf"), expected);
                assert_int_equal(has_piece(directory, "app-interim.conf"), expected);
                if (expected) {
                        _cleanup_free_ char *load = text_of(directory, "module-interim.conf");

                        assert_string_equal(load, "load_module /lib/interim.so;\n");
                }
        }
        assert_int_equal(rmdir(directory), 0);
        assert_int_equal(module_write(directory, "/bin/true", "/lib/interim.so"), -ENOENT);
}

/* tests/nginx has an nginx run with the same text. */
static void test_callers(void **state)
{
        char *visitors[] = { (char *) "127.0.0.0/8", (char *) "10.0.0.0/8", (char *) "fd7a:115c:a1e0::/48",
                (char *) "2001:db8:1::/48", NULL };
        char *instances[] = { (char *) "127.0.0.0/8", (char *) "198.51.100.7/24", (char *) "198.51.100.0/24",
                NULL };
        char *proxies[] = { (char *) "127.0.0.1", (char *) "127.0.1.0/24", (char *) "192.0.2.0/24",
                (char *) "127.0.0.1/32", NULL };
        char *hosts[] = { (char *) "\"; return 200", (char *) "::1", NULL };
        Config config = {
                .base_url = (char *) "https://ark.example/x",
                .applications.url = (char *) "https://second.example:8443",
                .subnet_pool = (char *) "10.231.0.0/16",
                .visitor_networks = visitors,
                .instance_networks = instances,
                .trusted_proxies = proxies,
                .allowed_hosts = hosts,
        };
        const Site site = { .config = &config };
        char directory[] = "/tmp/ark-nginx-XXXXXX";
        _cleanup_free_ char *seen = NULL, *expected = NULL;

        assert_non_null(mkdtemp(directory));
        assert_int_equal(site_write(&site, directory), 0);
        seen = text_of(directory, "callers.conf");
        assert_int_equal(read_file(getenv("ARK_CALLERS_CONF"), 65536, &expected, NULL), 0);
        assert_string_equal(seen, expected);
        remove_all(directory);
}

/* Nothing set: visitors' networks hold for instances, too, and Funnel is what it is allowed to be. */
static void test_callers_by_default(void **state)
{
        char directory[] = "/tmp/ark-nginx-XXXXXX";
        char *visitors[] = { (char *) "10.0.0.0/8", NULL };
        Config config = { .allow_funnel = true, .visitor_networks = visitors };
        const Site site = { .config = &config };
        _cleanup_free_ char *first = NULL, *second = NULL, *some = NULL, *more = NULL;
        char *all[] = { (char *) "::/0", NULL };

        assert_non_null(mkdtemp(directory));
        assert_int_equal(site_write(&site, directory), 0);
        some = text_of(directory, "open");
        assert_non_null(strstr(some, "\nlanding networks\ninstances networks\nfunnel allowed\n"));
        config.instance_networks = all;
        assert_int_equal(site_write(&site, directory), 0);
        more = text_of(directory, "open");
        assert_non_null(strstr(more, "\nlanding networks\ninstances everybody\n"));
        config.instance_networks = NULL;
        assert_int_equal(site_write(&site, directory), 0);
        first = text_of(directory, "callers.conf");
        assert_non_null(strstr(first, "geo $ark_is_user {\n    default \"\";\n    10.0.0.0/8 1;\n}"));
        assert_non_null(strstr(first, "set_real_ip_from 127.0.0.0/8;\nset_real_ip_from ::1/128;\n"));
        assert_null(strstr(first, "tailscale"));
        config = (Config){ 0 };
        assert_int_equal(site_write(&site, directory), 0);
        second = text_of(directory, "callers.conf");
        assert_non_null(strstr(second, "    fd7a:115c:a1e0::/48 1;\n"));
        assert_non_null(strstr(second, "$http_tailscale_funnel_request"));
        remove_all(directory);
}

/* arkd.conf(5) is refused with such a text; were it not, it would still not reach nginx. */
static void test_text_stays_text(void **state)
{
        static const char *const texts[] = { "\"", "'", " ;", ";", "{", "}", "#", "$host", "\\", "\n", "\r",
                "\t", "\x01", "\x7f", "\xc3\xa4" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_free_ char *url = str_printf("https://ark.example/%s", texts[i]), *landing = NULL,
                                    *name_url = str_printf("https://%sb/", texts[i]),
                                    *name = str_printf("c%sd", texts[i]), *callers = NULL;
                char *hosts[] = { name, NULL };
                Config config = { .base_url = url, .applications.url = name_url, .allowed_hosts = hosts };
                const Site site = { .config = &config };
                char directory[] = "/tmp/ark-nginx-XXXXXX";

                assert_non_null(mkdtemp(directory));
                assert_int_equal(site_write(&site, directory), 0);
                landing = text_of(directory, "landing.conf");
                assert_non_null(strstr(landing, "\nset $ark_landing http://$ark_name:3000;\n"));
                callers = text_of(directory, "callers.conf");
                assert_non_null(strstr(callers, "    \"~*^(localhost|ark\\.example)\\.?(:("));
                remove_all(directory);
        }
}

static bool has_server(const Site *site, const char *server, uint16_t number)
{
        for (size_t i = 0; i < site->n_ports; i++)
                if (streq(site->ports[i].server, server) && site->ports[i].number == number)
                        return true;
        return false;
}

static void test_applications(void **state)
{
        static char url[] = "https://ark.example", odd[] = "https://ark.example/$host";
        const struct {
                char *base;
                unsigned port;
                bool served;
                const char *landing;
        } cases[] = {
                { url, 3002, true, "\nset $ark_landing https://ark.example;\n" },
                { NULL, 4000, true, "\nset $ark_landing http://$ark_name:3000;\n" },
                { odd, 3002, true, "\nset $ark_landing http://$ark_name:3000;\n" },
                { url, 3000, false, "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Config config = { .base_url = cases[i].base, .applications.port = cases[i].port };
                Site site = { .config = &config, .key = "secret" };
                char directory[] = "/tmp/ark-nginx-XXXXXX";
                _cleanup_free_ char *landing = NULL;

                assert_non_null(mkdtemp(directory));
                assert_int_equal(site_find_ports(&site, directory, false), 0);
                assert_true(has_server(&site, "public", 3000));
                assert_int_equal(has_server(&site, "applications", (uint16_t) cases[i].port),
                                cases[i].served);
                assert_int_equal(site_write(&site, directory), 0);
                landing = text_of(directory, "landing.conf");
                assert_non_null(strstr(landing, cases[i].landing));
                remove_all(directory);
        }
}

/* At a reload, what was served before is held by nginx itself. */
static void test_reload(void **state)
{
        _cleanup_(config_done) Config config = { .applications.port = APPLICATIONS_PORT_DEFAULT };
        Site site = {
                .config = &config,
                .key = "secret",
                .ports = { { "public", 3000, AF_INET, PORT_FREE }, { "admin", 3001, AF_INET, PORT_FREE } },
                .n_ports = 2,
        };
        Site again = { .config = &config };
        char directory[] = "/tmp/ark-nginx-XXXXXX";
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(3000) };
        _cleanup_free_ char *key = NULL;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_non_null(mkdtemp(directory));
        assert_int_equal(site_write(&site, directory), 0);
        /* Whoever holds it, the port is taken for a start and served for a reload. */
        (void) bind(fd, (struct sockaddr *) &address, sizeof address);
        (void) listen(fd, 1);
        assert_int_equal(site_find_ports(&again, directory, true), 0);
        assert_true(again.n_ports >= 4);
        assert_string_equal(again.ports[0].server, "public");
        assert_int_equal(again.ports[0].state, PORT_FREE);
        assert_int_equal(site_write(&again, directory), 0);
        key = text_of(directory, "key.conf");
        assert_non_null(strstr(key, "\"secret\""));
        again.n_ports = 0;
        assert_int_equal(site_find_ports(&again, directory, false), 0);
        assert_int_equal(again.ports[0].state, PORT_TAKEN);
        (void) close(fd);
        remove_all(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_probe),
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_module),
                cmocka_unit_test(test_callers),
                cmocka_unit_test(test_callers_by_default),
                cmocka_unit_test(test_text_stays_text),
                cmocka_unit_test(test_applications),
                cmocka_unit_test(test_reload),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
