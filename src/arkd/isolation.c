/* SPDX-License-Identifier: MIT */
#include "arkd/isolation.h"

#include <errno.h>
#include <libgen.h>
#include <sys/inotify.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "core/ports.h"

#define STATE_MAX (64 * (size_t) 1024)

struct Isolation {
        IsolationPort port;
        sd_event *event;
        char *file, *folder, *parent, *pool;
        char *fault; /* NULL: in force */
        sd_event_source *parent_source, *folder_source;
        void (*on_changed)(void *userdata);
        void *userdata;
};

/* ---- The file ---- */

static char *describe_absence(int error)
{
        if (error == -ENOENT)
                return strdup("arkd-firewall.service does not run; start it with \"systemctl start "
                              "arkd-firewall\"");
        return str_printf("what arkd-firewall.service says cannot be read: %s", strerror(-error));
}

/* Whether rules for one pool hold for another: they do where that has become smaller. One that begins elsewhere has
 * another ingress network, which is its first /20. */
static bool guards(const char *guarded, const char *pool)
{
        uint32_t guarded_base, base;
        unsigned guarded_bits, bits;

        return parse_ipv4_network(guarded, &guarded_base, &guarded_bits) >= 0 &&
               parse_ipv4_network(pool, &base, &bits) >= 0 && guarded_base == base && guarded_bits <= bits;
}

/* Why instances are not kept apart, or NULL where they are. -ENOMEM. */
static int read_fault(const Isolation *i, char **ret_fault)
{
        _cleanup_json_ struct json_object *json = NULL;
        _cleanup_free_ char *text = NULL;
        const char *pool = "", *fault = "";
        bool in_force = false;
        size_t size;
        int r;

        r = read_file(i->file, STATE_MAX, &text, &size);
        if (r >= 0)
                r = json_parse(text, size, &json, NULL);
        if (r < 0) {
                *ret_fault = describe_absence(r);
                return *ret_fault ? 0 : -ENOMEM;
        }
        (void) json_get_bool(json, "in_force", &in_force);
        (void) json_get_string(json, "fault", &fault);
        (void) json_get_string(json, "pool", &pool);
        *ret_fault = NULL;
        if (!in_force)
                *ret_fault = str_printf(
                                "the kernel does not take the rules of arkd-firewall.service: %s", fault);
        else if (!guards(pool, i->pool))
                *ret_fault = str_printf(
                                "arkd-firewall.service guards %s, and SubnetPool= is %s; run \"systemctl "
                                "reload arkd-firewall\"",
                                pool, i->pool);
        else
                return 0;
        return *ret_fault ? 0 : -ENOMEM;
}

static void report(const Isolation *i)
{
        if (i->fault)
                log_warning("No instance is made, as instances would not be kept apart: %s", i->fault);
        else
                log_info("Instances are kept apart");
}

static void refresh(Isolation *i)
{
        char *fault;

        if (read_fault(i, &fault) < 0) {
                (void) log_oom();
                return;
        }
        if (streq_ptr(fault, i->fault)) {
                free(fault);
                return;
        }
        free(i->fault);
        i->fault = fault;
        report(i);
        if (i->on_changed)
                i->on_changed(i->userdata);
}

/* ---- Watching ---- */

static int watch_folder(Isolation *i);

static int on_folder(sd_event_source *source, const struct inotify_event *e, void *userdata)
{
        Isolation *i = userdata;

        if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED))
                i->folder_source = sd_event_source_disable_unref(i->folder_source);
        refresh(i);
        return 0;
}

static int on_parent(sd_event_source *source, const struct inotify_event *e, void *userdata)
{
        Isolation *i = userdata;

        if (e->len > 0 && !streq(e->name, strrchr(i->folder, '/') + 1))
                return 0;
        i->folder_source = sd_event_source_disable_unref(i->folder_source);
        if (watch_folder(i) < 0)
                log_error("%s cannot be watched", i->folder);
        refresh(i);
        return 0;
}

static int watch_folder(Isolation *i)
{
        int r = sd_event_add_inotify(i->event, &i->folder_source, i->folder,
                        IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |
                                        IN_ONLYDIR,
                        on_folder, i);

        return r == -ENOENT ? 0 : r;
}

static int isolation_watch(Isolation *i)
{
        int r;

        r = sd_event_add_inotify(i->event, &i->parent_source, i->parent,
                        IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR, on_parent, i);
        return r < 0 ? r : watch_folder(i);
}

/* ---- The port ---- */

static bool is_in_force(IsolationPort *port, const char **ret_fault)
{
        const Isolation *i = container_of(port, Isolation, port);

        if (i->fault && ret_fault)
                *ret_fault = i->fault;
        return !i->fault;
}

static void watch(IsolationPort *port, void (*on_changed)(void *userdata), void *userdata)
{
        Isolation *i = container_of(port, Isolation, port);

        i->on_changed = on_changed;
        i->userdata = userdata;
}

IsolationPort *isolation_port(Isolation *i)
{
        return &i->port;
}

/* Copies the path without its last n components. */
static char *path_without(const char *path, unsigned n)
{
        char *copy = strdup(path);

        for (; copy && n > 0; n--)
                (void) dirname(copy); /* in place, for a path that begins with a slash */
        return copy;
}

int isolation_new(sd_event *event, const char *file, const char *pool, Isolation **ret)
{
        static const IsolationVTable vtable = { is_in_force, watch };
        _cleanup_(isolation_freep) Isolation *i = new0(Isolation, 1);
        int r;

        if (!i)
                return -ENOMEM;
        i->port.vtable = &vtable;
        i->event = sd_event_ref(event);
        i->file = strdup(file);
        i->folder = path_without(file, 1);
        i->parent = path_without(file, 2);
        i->pool = strdup(pool);
        if (!i->file || !i->folder || !i->parent || !i->pool)
                return -ENOMEM;
        r = isolation_watch(i);
        if (r < 0)
                return r;
        r = read_fault(i, &i->fault);
        if (r < 0)
                return r;
        if (i->fault)
                report(i);
        *ret = TAKE_PTR(i);
        return 0;
}

Isolation *isolation_free(Isolation *i)
{
        if (!i)
                return NULL;
        sd_event_source_disable_unref(i->folder_source);
        sd_event_source_disable_unref(i->parent_source);
        sd_event_unref(i->event);
        free(i->file);
        free(i->folder);
        free(i->parent);
        free(i->pool);
        free(i->fault);
        free(i);
        return NULL;
}
