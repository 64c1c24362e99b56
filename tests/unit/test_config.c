/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cmocka.h>

#include "arkd/arkd-config.h"
#include "basic/file-util.h"
#include "basic/time-util.h"

/* A directory with arkd.conf and arkd.conf.d, and what was logged. */
typedef struct Fixture {
        char top[32];
        char *file, *directory, *log;
        int saved_stderr;
        Config config;
} Fixture;

static int set_up(void **state)
{
        Fixture *f = new0(Fixture, 1);
        int fd;

        assert_non_null(f);
        strcpy(f->top, "/tmp/ark-config-XXXXXX");
        assert_non_null(mkdtemp(f->top));
        f->file = str_printf("%s/arkd.conf", f->top);
        f->directory = str_printf("%s/arkd.conf.d", f->top);
        f->log = str_printf("%s/log", f->top);
        assert_int_equal(mkdir(f->directory, 0700), 0);
        unsetenv("BASE_URL");
        f->saved_stderr = dup(STDERR_FILENO);
        fd = open(f->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        assert_true(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
        close(fd);
        *state = f;
        return 0;
}

static void remove_in(const char *directory, const char *name)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);

        (void) unlink(path);
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        assert_true(dup2(f->saved_stderr, STDERR_FILENO) >= 0);
        close(f->saved_stderr);
        config_done(&f->config);
        for (const char *const *name = (const char *const[]){ "10-a.conf", "20-b.conf", "30-c", NULL };
                        *name; name++)
                remove_in(f->directory, *name);
        rmdir(f->directory);
        unlink(f->file);
        unlink(f->log);
        assert_int_equal(rmdir(f->top), 0);
        free(f->file);
        free(f->directory);
        free(f->log);
        free(f);
        return 0;
}

static void write_part(Fixture *f, const char *name, const char *text)
{
        _cleanup_free_ char *path = str_printf("%s/%s", f->directory, name);

        assert_int_equal(write_file_atomic(path, text, 0600), 0);
}

/* Loads the configuration whose main file has this text. */
static int load(Fixture *f, const char *text)
{
        assert_int_equal(write_file_atomic(f->file, text, 0600), 0);
        assert_int_equal(truncate(f->log, 0), 0);
        config_done(&f->config);
        return config_load(f->file, f->directory, &f->config);
}

static void assert_logged(Fixture *f, const char *where, const char *words)
{
        _cleanup_free_ char *log = NULL, *begin = str_printf("%s:", where);
        char *line;

        assert_int_equal(read_file(f->log, 1 << 16, &log, NULL), 0);
        line = strstr(log, begin);
        if (!line || !strstr(line, words))
                fail_msg("“%s … %s” is not in the log:\n%s", begin, words, log);
}

static void assert_quiet(Fixture *f)
{
        _cleanup_free_ char *log = NULL;

        assert_int_equal(read_file(f->log, 1 << 16, &log, NULL), 0);
        assert_string_equal(log, "");
}

static void test_nothing_there(void **state)
{
        Fixture *f = *state;

        assert_int_equal(config_load("/nonexistent/arkd.conf", "/nonexistent/arkd.conf.d", &f->config), 0);
        assert_null(f->config.base_url);
        assert_null(f->config.visitor_networks);
        assert_string_equal(f->config.redis, "/run/arkd-redis/redis.sock");
        assert_string_equal(f->config.engine, "/run/docker.sock");
        assert_string_equal(f->config.subnet_pool, "10.231.0.0/16");
        assert_int_equal(f->config.expires_usec, 30 * USEC_PER_DAY);
        assert_int_equal(f->config.max_running, 900);
        assert_int_equal(f->config.workers, 2 * get_nprocs());
        assert_int_equal(f->config.log_level, -1);
        assert_quiet(f);
}

static void test_good(void **state)
{
        Fixture *f = *state;

        assert_int_equal(load(f, "# a comment\n\n[arkd]\n"
                                 "BaseURL=https://apps.example.org/\n"
                                 "Redis=[::1]:6379\n"
                                 "SubnetPool = 10.0.0.0/16\n"
                                 "VisitorNetworks=10.0.0.0/8, fd00::/8 192.168.1.7\n"
                                 "AllowedHosts=a.example b.example\n"
                                 "ExpiresDays=0\n"
                                 "TombstoneDays=7\n"
                                 "MaxRunning=1000\n"
                                 "QuotaTotal=0\n"
                                 "Deployment=here\n"
                                 "LogLevel=debug\n"),
                        0);
        assert_string_equal(f->config.base_url, "https://apps.example.org");
        assert_string_equal(f->config.redis, "[::1]:6379");
        assert_string_equal(f->config.subnet_pool, "10.0.0.0/16");
        assert_int_equal(strv_length(f->config.visitor_networks), 3);
        assert_string_equal(f->config.visitor_networks[1], "fd00::/8");
        assert_int_equal(strv_length(f->config.allowed_hosts), 2);
        assert_int_equal(f->config.expires_usec, 0);
        assert_int_equal(f->config.tombstone_usec, 7 * USEC_PER_DAY);
        assert_int_equal(f->config.max_running, 1000);
        assert_int_equal(f->config.quota_total, 0);
        assert_string_equal(f->config.deployment, "here");
        assert_int_equal(f->config.log_level, 7);
        assert_quiet(f);
}

static void test_unknown_is_warned_of(void **state)
{
        _cleanup_free_ char *key = NULL, *section = NULL;
        Fixture *f = *state;

        key = str_printf("%s:3", f->file);
        section = str_printf("%s:6", f->file);
        assert_int_equal(load(f, "[arkd]\nWorkers=3\nWrokers=4\n\n[other]\nWorkers=5\n"), 0);
        assert_int_equal(f->config.workers, 3);
        assert_logged(f, key, "Wrokers= is not known");
        assert_logged(f, section, "[other] is not known");
}

static void test_bad_values_are_refused(void **state)
{
        static const struct {
                const char *line, *expected;
        } bad[] = {
                { "BaseURL=ftp://a", "http:// or https://" },
                { "BaseURL=http://", "with a host" },
                { "BaseURL=http:///path", "with a host" },
                { "BaseURL=http://a:99999", "with a host" },
                { "BaseURL=http://a b", "with a host" },
                { "Redis=", "address:port" },
                { "Redis=redis.example:6379", "address:port" },
                { "Redis=999.0.0.1:6379", "address:port" },
                { "Redis=127.0.0.1:0", "address:port" },
                { "Engine=docker.sock", "Docker's socket" },
                { "Tailscale=", "tailscaled's socket" },
                { "SubnetPool=100.64.0.0/16", "outside 100.64.0.0/10" },
                { "SubnetPool=10.231.0.0/20", "/12 to /19" },
                { "SubnetPool=10.231.0.1/16", "IPv4 network" },
                { "SubnetPool=fd00::/16", "IPv4 network" },
                { "SubnetPool=", "IPv4 network" },
                { "Deployment=", "a name" },
                { "VisitorNetworks=10.0.0.0/33", "networks such as" },
                { "VisitorNetworks=10.0.0.0/8 home", "networks such as" },
                { "ExpiresDays=-1", "a number of days" },
                { "ExpiresDays=thirty", "a number of days" },
                { "ExpiresDays=36501", "up to 36500" },
                { "TombstoneDays=4294967295", "up to 36500" },
                { "MaxRunning=0", "from 1 to 1000" },
                { "MaxRunning=1001", "from 1 to 1000" },
                { "Workers=0", "at least 1" },
                { "QueueMax=4294967296", "at least 1" },
                { "RetryMax=x", "at least 1" },
                { "QuotaTotal=1.5", "a number" },
                { "LogLevel=loud", "a level" },
        };
        Fixture *f = *state;
        _cleanup_free_ char *where = str_printf("%s:2", f->file);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *text = str_printf("[arkd]\n%s\nQueueMax=7\n", bad[i].line);

                if (load(f, text) != -EINVAL)
                        fail_msg("%s is not refused", bad[i].line);
                assert_null(f->config.redis);
                assert_logged(f, where, bad[i].expected);
        }
}

static void test_all_errors_are_told(void **state)
{
        _cleanup_free_ char *first = NULL, *second = NULL, *part = NULL;
        Fixture *f = *state;

        first = str_printf("%s:2", f->file);
        second = str_printf("%s:3", f->file);
        part = str_printf("%s/10-a.conf:2", f->directory);
        write_part(f, "10-a.conf", "[arkd]\nthis is no line of a configuration\n");
        assert_int_equal(setenv("BASE_URL", "gopher://a", 1), 0);
        assert_int_equal(load(f, "[arkd]\nWorkers=0\nMaxRunning=0\n"), -EINVAL);
        assert_logged(f, first, "Workers=0");
        assert_logged(f, second, "MaxRunning=0");
        assert_logged(f, part, "neither [section], key=value");
        assert_logged(f, "BASE_URL=gopher", "not valid");
}

static void test_order_of_files(void **state)
{
        Fixture *f = *state;

        write_part(f, "20-b.conf", "[arkd]\nWorkers=20\nQueueMax=20\n");
        write_part(f, "10-a.conf", "[arkd]\nWorkers=10\nQueueMax=10\nRetryMax=10\n");
        write_part(f, "30-c", "[arkd]\nWorkers=30\n"); /* not .conf */
        assert_int_equal(load(f, "[arkd]\nWorkers=1\nQueueMax=1\nRetryMax=1\nQuotaTotal=1\n"), 0);
        assert_int_equal(f->config.workers, 20);
        assert_int_equal(f->config.queue_max, 20);
        assert_int_equal(f->config.retry_max, 10);
        assert_int_equal(f->config.quota_total, 1);
        assert_quiet(f);
}

static void test_environment_wins(void **state)
{
        Fixture *f = *state;

        write_part(f, "10-a.conf", "[arkd]\nBaseURL=http://part\n");
        assert_int_equal(load(f, "[arkd]\nBaseURL=http://file\n"), 0);
        assert_string_equal(f->config.base_url, "http://part");
        assert_int_equal(setenv("BASE_URL", "https://environment:8443//", 1), 0);
        assert_int_equal(load(f, "[arkd]\nBaseURL=http://file\n"), 0);
        assert_string_equal(f->config.base_url, "https://environment:8443");
        assert_int_equal(setenv("BASE_URL", "", 1), 0);
        assert_int_equal(load(f, "[arkd]\nBaseURL=http://file\n"), 0);
        assert_string_equal(f->config.base_url, "http://part");
        write_part(f, "20-b.conf", "[arkd]\nBaseURL=\n");
        assert_int_equal(load(f, "[arkd]\nBaseURL=http://file\n"), 0);
        assert_null(f->config.base_url);
}

static void test_long_lines(void **state)
{
        _cleanup_free_ char *text = NULL, *where = NULL, *next = NULL, *last = NULL;
        Fixture *f = *state;
        char *p;

        text = malloc(3000);
        assert_non_null(text);
        where = str_printf("%s:2", f->file);
        next = str_printf("%s:3", f->file);
        last = str_printf("%s:102", f->file);
        p = stpcpy(text, "[arkd]\nAllowedHosts=");
        for (int i = 0; i < 100; i++)
                p += sprintf(p, "host%02d.example.org ", i);
        (void) stpcpy(p, "\nWorkers=0\n");
        assert_int_equal(load(f, text), -EINVAL);
        assert_logged(f, where, "longer than");
        assert_logged(f, next, "Workers=0 is not valid");

        p = stpcpy(text, "[arkd]\nAllowedHosts=");
        for (int i = 0; i < 100; i++)
                p += sprintf(p, " host%02d.example.org,\n", i);
        (void) stpcpy(p, "Unknown=1\n[arkd]\n  Workers=3\n[arkd]\n  Workers=4\n");
        assert_int_equal(load(f, text), 0);
        assert_int_equal(strv_length(f->config.allowed_hosts), 100);
        assert_string_equal(f->config.allowed_hosts[0], "host00.example.org");
        assert_string_equal(f->config.allowed_hosts[99], "host99.example.org");
        assert_int_equal(f->config.workers, 4);
        assert_logged(f, last, "Unknown= is not known");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_nothing_there, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_unknown_is_warned_of, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bad_values_are_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_all_errors_are_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_order_of_files, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_environment_wins, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_long_lines, set_up, tear_down),
        };

        (void) unsetenv("JOURNAL_STREAM"); /* or the log would not come to standard error */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
