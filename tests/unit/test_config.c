/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cmocka.h>

#include "arkd/arkd-config.h"
#include "arkd/reach.h"
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
        assert_null(f->config.applications.url);
        assert_int_equal(f->config.applications.port, 3002);
        assert_int_equal(f->config.web_port, 80);
        assert_null(f->config.visitor_networks);
        assert_null(f->config.instance_networks);
        assert_null(f->config.trusted_proxies);
        assert_false(f->config.allow_funnel);
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
                                 "ApplicationsPort=8443\n"
                                 "ApplicationsURL=https://customers.example.org/\n"
                                 "WebPort=\n"
                                 "Redis=[::1]:6379\n"
                                 "SubnetPool = 10.0.0.0/16\n"
                                 "VisitorNetworks=10.0.0.0/8, fd00::/8 192.168.1.7\n"
                                 "InstanceNetworks=0.0.0.0/0 ::/0\n"
                                 "TrustedProxies=10.0.0.7\n"
                                 "AllowFunnel=On\n"
                                 "AllowedHosts=a.example b.example\n"
                                 "ExpiresDays=0\n"
                                 "TombstoneDays=7\n"
                                 "MaxRunning=1000\n"
                                 "QuotaTotal=0\n"
                                 "Deployment=here\n"
                                 "LogLevel=debug\n"),
                        0);
        assert_string_equal(f->config.base_url, "https://apps.example.org");
        assert_string_equal(f->config.applications.url, "https://customers.example.org");
        assert_int_equal(f->config.applications.port, 8443);
        assert_int_equal(f->config.web_port, 0);
        assert_string_equal(f->config.redis, "[::1]:6379");
        assert_string_equal(f->config.subnet_pool, "10.0.0.0/16");
        assert_int_equal(strv_length(f->config.visitor_networks), 3);
        assert_string_equal(f->config.visitor_networks[1], "fd00::/8");
        assert_int_equal(strv_length(f->config.instance_networks), 2);
        assert_string_equal(f->config.trusted_proxies[0], "10.0.0.7");
        assert_true(f->config.allow_funnel);
        assert_int_equal(strv_length(f->config.allowed_hosts), 2);
        assert_int_equal(f->config.expires_usec, 0);
        assert_int_equal(f->config.tombstone_usec, 7 * USEC_PER_DAY);
        assert_int_equal(f->config.max_running, 1000);
        assert_int_equal(f->config.quota_total, 0);
        assert_string_equal(f->config.deployment, "here");
        assert_int_equal(f->config.log_level, 7);
        assert_quiet(f);
}

/* An empty list is nobody, and not the default. */
static void test_empty_lists(void **state)
{
        Fixture *f = *state;

        assert_int_equal(load(f, "[arkd]\nTrustedProxies=10.0.0.7\nTrustedProxies=\nVisitorNetworks=\n"), 0);
        assert_non_null(f->config.trusted_proxies);
        assert_int_equal(strv_length(f->config.trusted_proxies), 0);
        assert_non_null(f->config.visitor_networks);
        assert_null(f->config.instance_networks);
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
                { "BaseURL=http://a/path", "no path" },
                { "BaseURL=https://a:8443/path/", "begin at its root" },
                { "BaseURL=http://a//x", "no path" },
                { "ApplicationsURL=https://a/path", "no path" },
                { "BaseURL=http://a:99999", "with a host" },
                { "BaseURL=http://a b", "with a host" },
                { "BaseURL=http://a/\"", "letters, digits" },
                { "BaseURL=http://a/'", "letters, digits" },
                { "BaseURL=http://a/x;", "letters, digits" },
                { "BaseURL=http://a/{", "letters, digits" },
                { "BaseURL=http://a/}", "letters, digits" },
                { "BaseURL=http://a/#x", "letters, digits" },
                { "BaseURL=http://a/?x", "letters, digits" },
                { "BaseURL=http://a/$host", "letters, digits" },
                { "BaseURL=http://a/\\", "letters, digits" },
                { "BaseURL=http://a/`", "letters, digits" },
                { "BaseURL=http://a/\x01", "letters, digits" },
                { "BaseURL=http://a/\x7f", "letters, digits" },
                { "BaseURL=http://a/\r.", "letters, digits" },
                { "BaseURL=http://a/\xc3\xa4", "letters, digits" },
                { "ApplicationsPort=", "a port" },
                { "ApplicationsPort=0", "a port" },
                { "ApplicationsPort=65536", "a port" },
                { "ApplicationsPort=3001", "other than 3001" },
                { "ApplicationsPort=5050", "and 5050" },
                { "WebPort=0", "empty, or a port" },
                { "WebPort=no", "empty, or a port" },
                { "WebPort=3000", "other than 3000" },
                { "WebPort=3001", "3001" },
                { "ApplicationsURL=apps.example", "http:// or https://" },
                { "ApplicationsURL=http://a;b", "letters, digits" },
                { "ApplicationsURL=http://a/$host", "letters, digits" },
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
                { "InstanceNetworks=here", "networks such as" },
                { "TrustedProxies=localhost", "networks such as" },
                { "AllowFunnel=2", "yes or no" },
                { "ExpiresDays=-1", "a number of days" },
                { "ExpiresDays=thirty", "a number of days" },
                { "ExpiresDays=36501", "up to 36500" },
                { "TombstoneDays=4294967295", "up to 36500" },
                { "MaxRunning=0", "from 1 to 1000" },
                { "MaxRunning=1001", "from 1 to 1000" },
                { "Workers=0", "at least 1" },
                { "QueueMax=4294967296", "at least 1" },
                { "RetryMax=x", "at least 1" },
                { "StopTimeout=0", "from 1 to 3600" },
                { "DatabaseStopTimeout=3601", "from 1 to 3600" },
                { "QuotaTotal=1.5", "a number" },
                { "LogLevel=loud", "a level" },
                { "DefaultMemory=1.5", "1.5G (Ki, KB and KiB are the same" },
                { "MinFreeDisk=a lot", "1.5G (Ki, KB and KiB are the same" },
                { "LogMax=1X", "from 64K to 64G: bytes, or a number with K, M, G or T" },
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
        assert_int_equal(setenv("BASE_URL", "http://a;\nreturn 200", 1), 0);
        assert_int_equal(load(f, "[arkd]\n"), -EINVAL);
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

static void test_limits(void **state)
{
        static const char *const bad[] = { "DefaultMemory=1M", "DefaultMemory=much",
                "DefaultDatabaseMemory=-1", "DefaultCPUs=0.001", "DefaultCPUs=two", "DefaultPids=4194305",
                "DefaultFiles=63", "DefaultFiles=1048577", "LogMax=0", "LogMax=1K", "UserRange=0-999",
                "UserRange=20000-65536" };
        Fixture *f = *state;
        struct rlimit files;

        assert_int_equal(load(f, "[arkd]\n"), 0);
        assert_int_equal(f->config.limits.app.memory, UINT64_C(1) << 30);
        assert_int_equal(f->config.limits.database.memory, 512 << 20);
        assert_int_equal(f->config.limits.app.pids, 512);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        assert_int_equal(f->config.limits.database.files, files.rlim_max < 65536 ? files.rlim_max : 65536);
        assert_int_equal(f->config.limits.log, 10 << 20);
        /* Never more than there are, which the engine would refuse. */
        assert_in_range(f->config.limits.app.nano_cpus, 500000000,
                        (uint64_t) sysconf(_SC_NPROCESSORS_ONLN) * 1000000000);
        assert_int_equal(load(f, "[arkd]\nDefaultMemory=0\nDefaultDatabaseMemory=1.5Gi\nDefaultCPUs=0.5\n"
                                 "DefaultPids=0\nDefaultFiles=1024\nLogMax=1M\n"),
                        0);
        assert_int_equal(f->config.limits.app.memory, 0);
        assert_int_equal(f->config.limits.database.memory, UINT64_C(3) << 29);
        assert_int_equal(f->config.limits.database.nano_cpus, 500000000);
        assert_int_equal(f->config.limits.database.pids, 0);
        assert_int_equal(f->config.limits.app.files, 1024);
        assert_int_equal(f->config.limits.log, 1 << 20);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *text = str_printf("[arkd]\n%s\n", bad[i]);

                assert_int_equal(load(f, text), -EINVAL);
        }
        assert_int_equal(load(f, "[arkd]\nDefaultCPUs=1000\n"), 0);
        assert_int_equal(f->config.limits.app.nano_cpus,
                        (uint64_t) sysconf(_SC_NPROCESSORS_ONLN) * 1000000000);
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

static void test_values_over_several_lines(void **state)
{
        _cleanup_free_ char *text = NULL, *unknown = NULL, *bad = NULL;
        Fixture *f = *state;
        char *p;

        text = malloc(3000);
        assert_non_null(text);
        unknown = str_printf("%s:102", f->file);
        bad = str_printf("%s:2", f->file);
        p = stpcpy(text, "[arkd]\nAllowedHosts=");
        for (int i = 0; i < 100; i++)
                p += sprintf(p, " host%02d.example.org,%s", i, i < 99 ? "\n" : "");
        (void) stpcpy(p, "\nUnknown=1\n[arkd]\nWorkers=4\n");
        assert_int_equal(load(f, text), 0);
        assert_int_equal(strv_length(f->config.allowed_hosts), 100);
        assert_string_equal(f->config.allowed_hosts[0], "host00.example.org");
        assert_string_equal(f->config.allowed_hosts[99], "host99.example.org");
        assert_int_equal(f->config.workers, 4);
        assert_logged(f, unknown, "Unknown= is not known");

        /* The same in one line, however long. */
        for (p = text + strlen("[arkd]\nAllowedHosts="); *p != 'U'; p++)
                if (*p == '\n' && p[1] != 'U')
                        *p = ' ';
        assert_int_equal(load(f, text), 0);
        assert_int_equal(strv_length(f->config.allowed_hosts), 100);

        assert_int_equal(load(f, "[arkd]\nVisitorNetworks=\n  10.0.0.0/8\n# here\n\n\tfd00::/8 ; there\n"
                                 "\t[::1]\n"),
                        -EINVAL);
        assert_logged(f, bad, "VisitorNetworks=10.0.0.0/8 fd00::/8 [::1] is not valid");
}

static void test_indented_keys_are_keys(void **state)
{
        Fixture *f = *state;

        assert_int_equal(load(f, "  [arkd]\n  Deployment=prod\n  LogLevel=debug\n\tWorkers = 3\n"
                                 "  VisitorNetworks=10.0.0.0/8\n    fd00::/8\n  # no more\n   "
                                 "QueueMax=7\r\n"),
                        0);
        assert_string_equal(f->config.deployment, "prod");
        assert_int_equal(f->config.log_level, 7);
        assert_int_equal(f->config.workers, 3);
        assert_int_equal(strv_length(f->config.visitor_networks), 2);
        assert_int_equal(f->config.queue_max, 7);
        assert_quiet(f);
}

static void test_indented_mistakes_have_their_line(void **state)
{
        _cleanup_free_ char *unknown = NULL, *bad = NULL, *neither = NULL, *section = NULL;
        Fixture *f = *state;

        unknown = str_printf("%s:3", f->file);
        bad = str_printf("%s:4", f->file);
        assert_int_equal(load(f, "[arkd]\n  Workers=3\n  Wrokers=4\n  QueueMax=0\n"), -EINVAL);
        assert_logged(f, unknown, "Wrokers= is not known");
        assert_logged(f, bad, "QueueMax=0 is not valid");

        assert_int_equal(load(f, "[arkd]\n  Deployment=prod\n  LogLevel debug\n"), -EINVAL);
        assert_logged(f, unknown, "no key=value, and Deployment= is no list");

        neither = str_printf("%s:2", f->file);
        section = str_printf("%s:3", f->file);
        assert_int_equal(load(f, "[arkd]\n  Workers 3\n[arkd\nQueueMax=7\n"), -EINVAL);
        assert_logged(f, neither, "neither [section], key=value");
        assert_logged(f, section, "begins a section");
}

static void test_comments_and_quotes(void **state)
{
        static const char *const bad[] = { "Deployment=\"prod", "Deployment='a' b", "Deployment=\"a\"b" };
        Fixture *f = *state;
        _cleanup_free_ char *where = str_printf("%s:2", f->file);

        assert_int_equal(load(f, "; a comment\n[arkd] ; ours\nDeployment=\"a ; b # c\" # the name\n"
                                 "Workers=3 ; three\nQueueMax=7\t# seven\n"
                                 "BaseURL='https://a.example'\nEngine=/run/a;b#c\nVisitorNetworks=\"\"\n"),
                        0);
        assert_string_equal(f->config.deployment, "a ; b # c");
        assert_int_equal(f->config.workers, 3);
        assert_int_equal(f->config.queue_max, 7);
        assert_string_equal(f->config.base_url, "https://a.example");
        assert_string_equal(f->config.engine, "/run/a;b#c");
        assert_int_equal(strv_length(f->config.visitor_networks), 0);
        assert_quiet(f);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *text = str_printf("[arkd]\n%s\n", bad[i]);

                assert_int_equal(load(f, text), -EINVAL);
                assert_logged(f, where, "quote");
        }
}

static void test_keys_without_a_section(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *where = str_printf("%s:1", f->file);

        assert_int_equal(load(f, "\xef\xbb\xbfWorkers=3\n"), 0);
        assert_logged(f, where, "Workers= stands before [arkd]");
        assert_int_equal(load(f, "\xef\xbb\xbf[arkd]\nWorkers=3"), 0);
        assert_int_equal(f->config.workers, 3);
        assert_quiet(f);
}

/* As editors write it that save UTF-16. */
static void test_binary_is_refused(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *where = str_printf("%s:1", f->file);
        FILE *file = fopen(f->file, "we");

        assert_non_null(file);
        assert_int_equal(fwrite("[\0a\0]\0\n\0", 1, 8, file), 8);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(config_load(f->file, f->directory, &f->config), -EINVAL);
        assert_logged(f, where, "NUL byte");
}

/* arkd.service lets arkd connect to private networks alone. */
static void test_reach(void **state)
{
        static const struct {
                const char *lines;
                unsigned beyond;
        } cases[] = {
                { "", 0 },
                { "SubnetPool=172.20.0.0/14\nRedis=[fd00::1]:6379\n", 0 },
                { "Redis=localhost:6379\n", 0 },
                { "SubnetPool=172.0.0.0/12\n", 1 },
                { "Redis=203.0.113.7:6379\n", 1 },
                { "SubnetPool=198.18.0.0/15\nRedis=[2001:db8::1]:6379\n", 2 },
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = str_printf("[arkd]\n%s", cases[i].lines);

                assert_int_equal(load(f, text), 0);
                assert_int_equal(reach_check(&f->config), cases[i].beyond);
        }
        assert_logged(f, "Redis=[2001:db8", "IPAddressAllow=2001:db8::1");
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
                cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_environment_wins, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_values_over_several_lines, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_indented_keys_are_keys, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_indented_mistakes_have_their_line, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_comments_and_quotes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_keys_without_a_section, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_binary_is_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_empty_lists, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_reach, set_up, tear_down),
        };

        (void) unsetenv("JOURNAL_STREAM"); /* or the log would not come to standard error */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
