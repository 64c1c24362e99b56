/* SPDX-License-Identifier: MIT */
#include "bus_fixture.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/file-util.h"
#include "basic/time-util.h"
#include "core/model/instance.h"

#define TIMEOUT_USEC (10 * USEC_PER_SEC)

/* The limits are the session bus's: the system bus allows a caller fewer calls at once than arkd does. */
static const char bus_config[] =
                "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN' "
                "'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>\n"
                "<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
                "<policy context='default'><allow send_destination='*'/><allow receive_sender='*'/>"
                "<allow own='*'/><allow user='*'/></policy>"
                "<limit name='max_replies_per_connection'>50000</limit></busconfig>\n";

static void start_daemon(Fixture *f)
{
        _cleanup_free_ char *config = str_printf("%s/bus.conf", f->directory);
        _cleanup_free_ char *option = str_printf("--config-file=%s", config);
        _cleanup_free_ char *text = str_printf(bus_config, f->directory);
        /* setpriv: a test that dies takes its bus along. */
        char *argv[] = { (char *) "setpriv", (char *) "--pdeathsig=TERM", (char *) "dbus-daemon", option,
                (char *) "--nofork", (char *) "--nopidfile", (char *) "--print-address=3", NULL };
        posix_spawn_file_actions_t actions;
        char address[512] = "";
        int fds[2];

        assert_int_equal(write_file_atomic(config, text, 0600), 0);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, fds[1], 3);
        assert_int_equal(posix_spawnp(&f->daemon, argv[0], &actions, NULL, argv, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        close(fds[1]);
        assert_true(read(fds[0], address, sizeof address - 1) > 0);
        close(fds[0]);
        address[strcspn(address, "\n")] = '\0';
        f->address = strdup(address);
}

sd_bus *fixture_connect(Fixture *f)
{
        sd_bus *bus = NULL;

        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_address(bus, f->address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, true) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        assert_true(sd_bus_attach_event(bus, f->event, 0) >= 0);
        return bus;
}

/* The names in a PropertiesChanged, or the first string of another signal. */
static char *signal_details(sd_bus_message *m)
{
        _cleanup_free_ char *names = strdup("");
        const char *name;
        char *more;

        if (!streq(sd_bus_message_get_member(m), "PropertiesChanged"))
                return TAKE_PTR(names);
        assert_true(sd_bus_message_read(m, "s", &name) > 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                assert_true(sd_bus_message_read(m, "s", &name) > 0);
                assert_true(sd_bus_message_skip(m, "v") > 0);
                assert_true(sd_bus_message_exit_container(m) > 0);
                more = str_printf("%s%s%s", names, *names ? "," : "", name);
                free(names);
                names = more;
        }
        return TAKE_PTR(names);
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Fixture *f = userdata;
        const char *path = sd_bus_message_get_path(m);
        _cleanup_free_ char *details = signal_details(m);
        char *all;

        if (streq(sd_bus_message_get_interface(m), "org.freedesktop.DBus.ObjectManager"))
                assert_true(sd_bus_message_read(m, "o", &path) > 0);
        all = str_printf("%s%s %s %s\n", f->signals, sd_bus_message_get_member(m), path, details);
        free(f->signals);
        f->signals = all;
        return 0;
}

int fixture_setup(void **state)
{
        Fixture *f = new0(Fixture, 1);
        char directory[] = "/tmp/test_bus-XXXXXX";

        assert_non_null(mkdtemp(directory));
        assert_int_equal(chmod(directory, 0711), 0); /* other users connect, too */
        f->directory = strdup(directory);
        f->signals = strdup("");
        start_daemon(f);
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(fake_manager_new(f->event, &f->manager), 0);
        f->service = fixture_connect(f);
        assert_true(bus_api_new(f->service, f->manager, &f->api) >= 0);
        assert_true(sd_bus_request_name(f->service, BUS_NAME, 0) >= 0);
        f->client = fixture_connect(f);
        assert_true(sd_bus_match_signal(f->client, NULL, BUS_NAME, NULL, NULL, NULL, on_signal, f) >= 0);
        *state = f;
        return 0;
}

static void remove_file(const char *directory, const char *name)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);

        (void) unlink(path);
}

int fixture_teardown(void **state)
{
        Fixture *f = *state;

        f->api = bus_api_free(f->api);
        sd_bus_flush_close_unref(f->client);
        sd_bus_flush_close_unref(f->service);
        fake_manager_free(f->manager);
        sd_event_unref(f->event);
        kill(f->daemon, SIGTERM);
        assert_int_equal(waitpid(f->daemon, NULL, 0), f->daemon);
        remove_file(f->directory, "bus");
        remove_file(f->directory, "bus.conf");
        (void) rmdir(f->directory);
        free(f->directory);
        free(f->address);
        free(f->signals);
        free(f);
        return 0;
}

void fixture_run_until(Fixture *f, FixtureCondition done, void *userdata)
{
        uint64_t end = now_monotonic() + TIMEOUT_USEC;

        while (!done(f, userdata)) {
                assert_true(sd_event_run(f->event, 100 * USEC_PER_MSEC) >= 0);
                assert_true(now_monotonic() < end);
        }
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        sd_bus_message **answer = userdata;

        *answer = sd_bus_message_ref(m);
        return 0;
}

static bool answered(Fixture *f, void *userdata)
{
        return *(sd_bus_message **) userdata;
}

static sd_bus_message *send_and_wait(Fixture *f, sd_bus_message *call)
{
        sd_bus_message *answer = NULL;

        assert_true(sd_bus_call_async(f->client, NULL, call, on_answer, &answer, TIMEOUT_USEC) >= 0);
        fixture_run_until(f, answered, &answer);
        return answer;
}

void fixture_settle(Fixture *f)
{
        sd_bus_message_unref(fixture_call(f, BUS_PATH, "org.freedesktop.DBus.Peer", "Ping", NULL));
}

sd_bus_message *fixture_call(Fixture *f, const char *path, const char *interface, const char *member,
                const char *types, ...)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        va_list ap;
        int r;

        assert_true(sd_bus_message_new_method_call(f->client, &call, BUS_NAME, path, interface, member) >=
                        0);
        if (types) {
                va_start(ap, types);
                r = sd_bus_message_appendv(call, types, ap);
                va_end(ap);
                assert_true(r >= 0);
        }
        return send_and_wait(f, call);
}

void assert_error(sd_bus_message *message, const char *name, const char *text)
{
        const sd_bus_error *error = sd_bus_message_get_error(message);
        const char *own;

        assert_non_null(error);
        own = startswith(error->name, BUS_NAME ".Error.");
        assert_string_equal(own ? own : error->name, name);
        if (text && !strstr(error->message, text))
                fail_msg("\"%s\" does not say \"%s\"", error->message, text);
        sd_bus_message_unref(message);
}

sd_bus_message *assert_reply(sd_bus_message *message, const char *signature)
{
        if (sd_bus_message_get_error(message))
                fail_msg("%s: %s", sd_bus_message_get_error(message)->name,
                                sd_bus_message_get_error(message)->message);
        assert_string_equal(sd_bus_message_get_signature(message, true), signature);
        return message;
}

static char *read_as_text(sd_bus_message *m, const char *type)
{
        union {
                const char *s;
                uint64_t t;
                uint32_t u;
                int b;
                double d;
        } v;

        assert_true(sd_bus_message_read_basic(m, *type, &v) > 0);
        switch (*type) {
        case 't':
                return str_printf("%llu", (unsigned long long) v.t);
        case 'u':
                return str_printf("%u", v.u);
        case 'b':
                return str_printf("%s", v.b ? "true" : "false");
        case 'd':
                return str_printf("%g", v.d);
        default:
                return strdup(v.s);
        }
}

char *fixture_get(Fixture *f, const char *path, const char *interface, const char *property)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = fixture_call(
                        f, path, "org.freedesktop.DBus.Properties", "Get", "ss", interface, property);
        const char *contents;

        assert_reply(m, "v");
        assert_true(sd_bus_message_peek_type(m, NULL, &contents) > 0);
        assert_true(sd_bus_message_enter_container(m, 'v', contents) > 0);
        return read_as_text(m, contents);
}

void assert_property(
                Fixture *f, const char *path, const char *interface, const char *name, const char *expected)
{
        _cleanup_free_ char *value = fixture_get(f, path, interface, name);

        assert_string_equal(value, expected);
}

char *fixture_instance_path(const Instance *instance)
{
        return str_printf("%s/%s", BUS_INSTANCE_PREFIX, instance->id);
}
