/* SPDX-License-Identifier: MIT */
/* Ports below 1024, which nginx is handed. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "basic/file-util.h"
#include "basic/string-util.h"
#include "core/model/instance-url.h"
#include "nginx/handover.h"
#include "nginx/site.h"

/* Of the few that nobody listens on. */
#define PRIVILEGED 1021

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

static uint16_t number_of(int fd)
{
        struct sockaddr_in address;
        socklen_t n = sizeof address;

        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &n), 0);
        return ntohs(address.sin_port);
}

static void test_sockets(void **state)
{
        Port port = { .family = AF_INET };
        int fd = -1, other = -1;

        assert_int_equal(port_open(AF_INET, 0, &fd), 0);
        port.number = number_of(fd);
        assert_int_equal(port_open(AF_INET, port.number, &other), -EADDRINUSE);
        assert_int_equal(other, -1);
        assert_true(port_is_handed(&port, &fd, 1));
        assert_false(port_is_handed(&port, &fd, 0));
        port.family = AF_INET6;
        assert_false(port_is_handed(&port, &fd, 1));
        port = (Port){ .family = AF_INET, .number = (uint16_t) (number_of(fd) + 1) };
        assert_false(port_is_handed(&port, &fd, 1));
        (void) close(fd);
}

static void test_web_server(void **state)
{
        const struct {
                const char *base;
                unsigned web, applications;
                const char *server;
        } cases[] = {
                { NULL, 80, 3002, "web" },
                { "http://ark.example:3000", 80, 3002, "web" },
                { "https://ark.example", 80, 3002, "web" },
                { "https://ark.example:80", 80, 3002, "web" },
                { "http://ark.example", 80, 3002, "public" },
                { "http://ark.example/x", 80, 3000, "public" },
                { "http://[fd00::1]:8080", 8080, 3002, "public" },
                { "http://[fd00::80]:3000", 80, 3002, "web" },
                { NULL, 0, 3002, NULL },
                { NULL, 8080, 8080, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Config config = { .base_url = (char *) cases[i].base,
                        .web_port = cases[i].web,
                        .applications.port = cases[i].applications };
                Site site = { .config = &config };
                const char *server = NULL;

                site_add_ports(&site);
                for (size_t k = 0; k < site.n_ports; k++)
                        if (site.ports[k].number == cases[i].web && cases[i].web != cases[i].applications)
                                server = site.ports[k].server;
                if (cases[i].server)
                        assert_string_equal(server, cases[i].server);
                else
                        assert_null(server);
                assert_true(site.n_ports <= SITE_PORTS_MAX);
        }
}

static PortState state_of(const Site *site, int family)
{
        for (size_t i = 0; i < site->n_ports; i++)
                if (site->ports[i].number == PRIVILEGED && site->ports[i].family == family)
                        return site->ports[i].state;
        return _PORT_STATE_MAX;
}

static void find_and_write(Site *site, const char *directory, bool reload)
{
        site->n_ports = 0;
        assert_int_equal(site_find_ports(site, directory, reload), 0);
        assert_int_equal(site_write(site, directory), 0);
}

static void test_handed(void **state)
{
        char base[] = "http://ark.example:1021";
        Config config = { .web_port = PRIVILEGED, .applications.port = APPLICATIONS_PORT_DEFAULT };
        Site site = { .config = &config, .key = "secret" };
        char directory[] = "/tmp/ark-nginx-XXXXXX";
        _cleanup_free_ char *real = NULL, *test = NULL, *kept = NULL, *lost = NULL, *ports = NULL;
        int fd = -1;

        if (port_open(AF_INET, PRIVILEGED, &fd) < 0)
                skip();
        assert_non_null(mkdtemp(directory));

        /* A start has what it was handed; a reload keeps it, whichever server it is for, and gets nothing. */
        find_and_write(&site, directory, false);
        assert_int_equal(state_of(&site, AF_INET), PORT_TAKEN);
        find_and_write(&site, directory, true);
        assert_int_equal(state_of(&site, AF_INET), PORT_TAKEN);
        site.handed = &fd;
        site.n_handed = 1;
        find_and_write(&site, directory, false);
        assert_int_equal(state_of(&site, AF_INET), PORT_FREE);
        assert_int_not_equal(state_of(&site, AF_INET6), PORT_FREE);
        site.n_handed = 0;
        config.base_url = base;
        find_and_write(&site, directory, true);
        assert_int_equal(state_of(&site, AF_INET), PORT_FREE);
        config.base_url = NULL;
        find_and_write(&site, directory, true);
        assert_int_equal(state_of(&site, AF_INET), PORT_FREE);

        real = text_of(directory, "servers.conf");
        assert_non_null(strstr(real, "    listen 1021 backlog=4096 so_keepalive=on;\n"
                                     "    include /usr/share/arkd/nginx/web.conf;\n"));
        test = text_of(directory, "test-servers.conf");
        assert_null(strstr(test, "listen 1021"));
        assert_non_null(strstr(test, "    listen unix:/run/arkd-nginx/test-IPv4-1021.sock;\n"
                                     "    include /usr/share/arkd/nginx/web.conf;\n"));

        /* What a configuration with a fault leaves as it is does not name a socket that is not there. */
        site.n_ports = 0;
        site.n_handed = 1;
        assert_int_equal(site_keep(&site, directory), 0);
        kept = text_of(directory, "servers.conf");
        assert_string_equal(kept, real);
        site.n_ports = 0;
        site.n_handed = 0;
        assert_int_equal(site_keep(&site, directory), 0);
        lost = text_of(directory, "servers.conf");
        assert_null(strstr(lost, "1021"));
        assert_int_equal(strstr(lost, "public.conf") != NULL, strstr(real, "public.conf") != NULL);
        ports = text_of(directory, SITE_PORTS_FILE);
        assert_non_null(strstr(ports, "\nweb 1021 IPv4 waiting\n"));

        /* Asked for anew, as by an operator who had it off. */
        config.web_port = 0;
        find_and_write(&site, directory, true);
        config.web_port = PRIVILEGED;
        find_and_write(&site, directory, true);
        assert_int_equal(state_of(&site, AF_INET), PORT_WAITING);
        (void) close(fd);
        remove_all(directory);
}

/* Of two families, neither is taken where another service has one; and while the host boots, nothing that it had. */
static void test_left_to_others(void **state)
{
        const Config config = { .web_port = PRIVILEGED, .applications.port = APPLICATIONS_PORT_DEFAULT };
        Site site = { .config = &config };
        _cleanup_free_ char *left = NULL, *booting = NULL, *free_again = NULL;
        int other = -1, fds[SITE_PORTS_MAX];
        size_t n = 7;

        if (port_open(AF_INET, PRIVILEGED, &other) < 0)
                skip();
        site_add_ports(&site);
        assert_int_equal(site_open_privileged(&site, NULL, fds, &n, &left), 0);
        assert_int_equal(n, 0);
        assert_string_equal(left, "port 1021\n");
        (void) close(other);
        assert_int_equal(site_open_privileged(&site, left, fds, &n, &booting), 0);
        assert_int_equal(n, 0);
        assert_string_equal(booting, left);
        assert_int_equal(site_open_privileged(&site, "port 102\nport 10211\n", fds, &n, &free_again), 0);
        assert_true(n >= 1);
        assert_string_equal(free_again, "");
        while (n > 0)
                (void) close(fds[--n]);
}

/* nginx is a shell here, which says what it was given. */
static void test_start(void **state)
{
        char directory[] = "/tmp/ark-nginx-XXXXXX";
        _cleanup_free_ char *script = NULL, *pid_file = NULL, *said = NULL, *given = NULL, *expected = NULL;
        char *command[] = { (char *) "/bin/sh", (char *) "-c", NULL, NULL };
        char *fails[] = { (char *) "/bin/false", NULL }, *missing[] = { (char *) "/nonexistent", NULL };
        int fds[2] = { -1, -1 };

        assert_non_null(mkdtemp(directory));
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                assert_int_equal(port_open(AF_INET, 0, fds + i), 0);
        script = str_printf("cd %s; [ -S /dev/fd/%d ] && [ -S /dev/fd/%d ] && echo \"$NGINX\" >given; echo "
                            "$$ >pid",
                        directory, fds[0], fds[1]);
        pid_file = str_printf("%s/pid", directory);
        given = str_printf("%s/given", directory);
        expected = str_printf("%d;%d;\n", fds[0], fds[1]);
        command[2] = script;
        /* Of one that ended without a word. */
        assert_int_equal(write_file_atomic(pid_file, "1\n", 0644), 0);
        assert_int_equal(handover_start(command, fds, 2, pid_file), 0);
        said = text_of(directory, "given");
        assert_string_equal(said, expected);
        assert_int_equal(handover_start(fails, fds, 2, pid_file), -ECHILD);
        assert_int_equal(handover_start(missing, NULL, 0, pid_file), -ECHILD);
        (void) close(fds[0]);
        (void) close(fds[1]);
        (void) unlink(given);
        (void) unlink(pid_file);
        assert_int_equal(rmdir(directory), 0);
}

/* Not started by systemd, there is nobody to leave anything with. */
static void test_without_systemd(void **state)
{
        int fd = -1, got[1];

        assert_int_equal(port_open(AF_INET, 0, &fd), 0);
        assert_int_equal(handover_store(&fd, 1), 0);
        assert_int_equal(handover_receive(got, 1), 0);
        (void) close(fd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sockets),
                cmocka_unit_test(test_web_server),
                cmocka_unit_test(test_handed),
                cmocka_unit_test(test_left_to_others),
                cmocka_unit_test(test_start),
                cmocka_unit_test(test_without_systemd),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
