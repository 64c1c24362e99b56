/* SPDX-License-Identifier: MIT */

/*
 * An arkd for the tests of arkctl, that does nothing but answer as one would. What a call leads to hangs on the
 * product's name; each call is told on standard output.
 *
 *   fake-arkd [--old | NUMBER]     --old: without the methods that came later; NUMBER: of volumes that belong to nobody
 */

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "basic/string-util.h"
#include "basic/time-util.h"

#define NAME          "network.ark.Deploy1"
#define PATH          "/network/ark/Deploy1"
#define ERROR(name)   NAME ".Error." name
#define INSTANCES_MAX 16
#define STEP_USEC     (60 * USEC_PER_MSEC)

typedef struct Instance {
        char *id, *product, *client, *status, *phase, *message, *error, *url, *db;
        double progress;
        uint64_t created, expires;
        unsigned step;
} Instance;

typedef struct Product {
        const char *id, *name, *description, *image, *json, *whole;
} Product;

static Product products[] = {
        { "app", "An application", "It does something", "docker.io/library/app:1",
                        "{\"id\":\"app\",\"name\":\"An application\",\"image\":\"docker.io/library/app:1\"}",
                        "{\"id\":\"app\",\"name\":\"An application\",\"image\":\"docker.io/library/app:1\","
                        "\"env\":{\"KEY\":\"${SECRET:key}\"}}" },
        { "my-reader", "Reader", "", "docker.io/library/reader:2", "{\"id\":\"my-reader\"}",
                        "{\"id\":\"my-reader\"}" },
};

static Instance instances[INSTANCES_MAX];
static size_t n_instances;
static sd_bus *bus;
static bool old;
static int volumes; /* so many belong to nobody */
static unsigned refuse; /* so many calls find the store away */
static char log_level[16] = "info";

static void _printf_(1, 2) tell(const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        (void) vprintf(format, ap);
        va_end(ap);
        (void) putchar('\n');
        (void) fflush(stdout);
}

static Instance *instance_add(const char *id, const char *product, const char *client, const char *status)
{
        Instance *i = instances + n_instances++;

        *i = (Instance){
                .id = strdup(id),
                .product = strdup(product),
                .client = strdup(client),
                .status = strdup(status),
                .phase = strdup(streq(status, "pending") ? "queued" : "ready"),
                .message = strdup("Waiting"),
                .error = strdup(streq(status, "failed") ? "app: It exited with status 3" : ""),
                .url = str_printf("http://ark.test:3000/instances/%s/", id),
                .db = str_printf("%s_db", id),
                .created = now_realtime() - (10 - n_instances) * USEC_PER_MINUTE,
                .expires = now_realtime() + 30 * USEC_PER_DAY,
        };
        return i;
}

static Instance *instance_find(const char *id)
{
        for (size_t i = 0; i < n_instances; i++)
                if (streq(instances[i].id, id))
                        return instances + i;
        return NULL;
}

static char *instance_object(const Instance *i)
{
        return str_printf(PATH "/instance/%s", i->id);
}

static void instance_set(
                Instance *i, const char *status, const char *phase, const char *message, double progress)
{
        _cleanup_free_ char *path = instance_object(i);

        (void) free_and_strdup(&i->status, status);
        (void) free_and_strdup(&i->phase, phase);
        (void) free_and_strdup(&i->message, message);
        i->progress = progress;
        (void) sd_bus_emit_properties_changed(bus, path, NAME ".Instance", "Status", "Phase", "Message",
                        "Progress", "Error", NULL);
}

/* ---- A deploy, a step every few milliseconds ---- */

static const char *const phases[] = { "image", "network", "volume", "database", "app", "health" };

static int on_step(sd_event_source *source, uint64_t usec, void *userdata)
{
        Instance *i = userdata;
        unsigned step = i->step++;

        if (step == 3 && streq(i->product, "slow"))
                return 0; /* for ever */
        if (step == 2 && streq(i->product, "restarts")) {
                /* Away, and what happened meanwhile was told to nobody. */
                refuse = 2;
                (void) sd_bus_release_name(bus, NAME);
                (void) free_and_strdup(&i->status, "running");
                (void) sd_bus_request_name(bus, NAME, 0);
                return 0;
        }
        if (step == 4 && streq(i->product, "broken")) {
                (void) free_and_strdup(&i->error, "app: It exited with status 1");
                instance_set(i, "failed", "app", "It failed", i->progress);
                return 0;
        }
        if (step == ELEMENTSOF(phases)) {
                instance_set(i, "running", "ready", "It is ready", 1);
                return 0;
        }
        instance_set(i, "pending", phases[step], "Working on it", (step + 1) / 7.0);
        (void) sd_event_source_set_time(source, usec + STEP_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int refuse_product(const char *product, sd_bus_error *error)
{
        static const struct {
                const char *product, *error, *message;
        } refusals[] = {
                { "quota", ERROR("QuotaExceeded"), "There are 5 instances already" },
                { "engine", ERROR("EngineUnavailable"), "Docker does not answer" },
                { "denied", SD_BUS_ERROR_ACCESS_DENIED, "Not for you" },
                { "challenge", SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "A password is needed" },
                { "invalid", ERROR("InvalidArgument"), "client_name: it is too long" },
        };
        static const char *const known[] = { "app", "my-reader", "slow", "broken", "restarts" };

        for (size_t i = 0; i < ELEMENTSOF(refusals); i++)
                if (streq(refusals[i].product, product))
                        return sd_bus_error_set(error, refusals[i].error, refusals[i].message);
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (streq(known[i], product))
                        return 0;
        return sd_bus_error_setf(error, ERROR("NoSuchProduct"), "There is no product “%s”", product);
}

static int create_instance(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *id = NULL, *path = NULL;
        const char *product, *client, *key = NULL, *name;
        Instance *i;
        int r;

        r = sd_bus_message_read(m, "ss", &product, &client);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r >= 0 && sd_bus_message_read(m, "{sv}", &name, "s", &key) < 0)
                return -EINVAL;
        tell("CreateInstance %s %s %s", product, client, strempty(key));
        if (r >= 0)
                r = refuse_product(product, error);
        if (r < 0)
                return r;
        id = str_printf("client_new%zuaaaaaaaa", n_instances % 6 + 2);
        i = instance_add(id, product, client, "pending");
        path = instance_object(i);
        (void) sd_event_add_time_relative(
                        sd_bus_get_event(bus), NULL, CLOCK_MONOTONIC, STEP_USEC, 1, on_step, i);
        /* Told before the reply, so that who subscribes after the call misses it. */
        instance_set(i, "pending", "queued", "Waiting for its turn", 0);
        return sd_bus_reply_method_return(m, "so", i->id, path);
}

/* ---- The other methods of the manager ---- */

static int no_such_instance(const char *id, sd_bus_error *error)
{
        return sd_bus_error_setf(error, ERROR("NoSuchInstance"), "There is no instance “%s”", id);
}

static int get_instance(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_free_ char *path = NULL;
        const char *id;
        Instance *i;

        if (sd_bus_message_read(m, "s", &id) < 0)
                return -EINVAL;
        if (refuse > 0) {
                refuse--;
                return sd_bus_error_set(error, ERROR("StoreUnavailable"), "The store has not been read yet");
        }
        i = instance_find(id);
        if (!i)
                return no_such_instance(id, error);
        path = instance_object(i);
        return sd_bus_reply_method_return(m, "o", path);
}

static int list_instances(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *name, *value = NULL;

        if (sd_bus_message_enter_container(m, 'a', "{sv}") < 0 ||
                        sd_bus_message_read(m, "{sv}", &name, "s", &value) < 0)
                return -EINVAL;
        (void) sd_bus_message_new_method_return(m, &reply);
        (void) sd_bus_message_open_container(reply, 'a', "(ssssto)");
        for (size_t i = 0; i < n_instances && !streq_ptr(value, "deleted"); i++) {
                _cleanup_free_ char *path = instance_object(instances + i);

                (void) sd_bus_message_append(reply, "(ssssto)", instances[i].id, instances[i].product,
                                instances[i].client, instances[i].status, instances[i].created, path);
        }
        if (streq_ptr(value, "deleted"))
                (void) sd_bus_message_append(reply, "(ssssto)", "client_zzzzzzzzzzzz", "app", "Gone",
                                "deleted", now_realtime(), PATH "/instance/client_zzzzzzzzzzzz");
        (void) sd_bus_message_close_container(reply);
        return sd_bus_send(bus, reply, NULL);
}

static int delete_instance(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *id;

        if (sd_bus_message_read(m, "s", &id) < 0)
                return -EINVAL;
        tell("DeleteInstance %s", id);
        if (!instance_find(id))
                return no_such_instance(id, error);
        if (streq(instance_find(id)->client, "Denied"))
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED,
                                "DeleteInstance needs an administrator. Run it as root.");
        return sd_bus_reply_method_return(m, NULL);
}

static int set_product(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *json;

        if (sd_bus_message_read(m, "s", &json) < 0)
                return -EINVAL;
        tell("SetProduct %s", json);
        if (strstr(json, "\"bad\""))
                return sd_bus_error_set(
                                error, ERROR("InvalidArgument"), "bad: it is not a field of a product");
        return sd_bus_reply_method_return(m, "o", PATH "/product/app");
}

static const Product *product_find(const char *id)
{
        for (size_t i = 0; i < ELEMENTSOF(products); i++)
                if (streq(products[i].id, id))
                        return products + i;
        return NULL;
}

static int get_product(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *id;

        if (sd_bus_message_read(m, "s", &id) < 0)
                return -EINVAL;
        if (streq(id, "unread"))
                return sd_bus_error_set(error, ERROR("StoreUnavailable"), "The store has not been read yet");
        if (!product_find(id))
                return sd_bus_error_setf(error, ERROR("NoSuchProduct"), "There is no product “%s”", id);
        if (streq(id, "my-reader"))
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "Not for you");
        return sd_bus_reply_method_return(m, "s", product_find(id)->whole);
}

static int delete_product(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *id;

        if (sd_bus_message_read(m, "s", &id) < 0)
                return -EINVAL;
        tell("DeleteProduct %s", id);
        if (streq(id, "app"))
                return sd_bus_error_set(error, ERROR("InUse"), "The product app has 2 instances");
        return product_find(id) ? sd_bus_reply_method_return(m, NULL)
                                : sd_bus_error_setf(error, ERROR("NoSuchProduct"),
                                                  "There is no product “%s”", id);
}

static int list_products(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return sd_bus_reply_method_return(m, "a(sso)", 2, "app", "An application", PATH "/product/app",
                        "my-reader", "Reader", PATH "/product/my_2dreader");
}

static int get_credentials(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return sd_bus_reply_method_return(m, "a{ss}", 2, "user", "postgres", "password", "an-Open-Secret");
}

static int get_compose(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return sd_bus_reply_method_return(m, "s", "name: client_abcdefabcdef\nservices: {}\n");
}

static int cleanup(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        uint64_t age;
        int dry_run;

        if (sd_bus_message_read(m, "tb", &age, &dry_run) < 0)
                return -EINVAL;
        tell("Cleanup %llu %d", (unsigned long long) age, dry_run);
        if (age == USEC_PER_DAY)
                return sd_bus_reply_method_return(m, "asa(ss)", 1, "client_abcdefabcdef", 1,
                                "client_abcxyzabcxyz", "Docker does not answer");
        if (age == 0)
                return sd_bus_reply_method_return(m, "asa(ss)", 0, 0);
        return sd_bus_reply_method_return(m, "asa(ss)", 1, "client_abcdefabcdef", 0);
}

static int get_number(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return streq(property, "InstanceCount") ? sd_bus_message_append(reply, "u", (unsigned) n_instances)
                                                : sd_bus_message_append(reply, "b", true);
}

static int get_volumes(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_(strv_freep) char **names = NULL;

        for (char c = 'a'; volumes > 0 && c < 'a' + volumes; c++) {
                _cleanup_free_ char *name = str_printf("client_%caaaaaaaaaaa_db_data", c);

                (void) strv_extend(&names, name);
        }
        return sd_bus_message_append_strv(reply, names);
}

/* Where there are volumes without an owner, the store has lost something, too. */
static int get_unknown(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        if (volumes == 0)
                return sd_bus_message_append(reply, "a(sss)", 0);
        return sd_bus_message_append(reply, "a(sss)", 2, "client_lostaaaaaaaa", "Lost Inc", "",
                        "client_torneaaaaaaa", "", "its compose file is missing");
}

static int get_behind(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(
                        reply, "(ttb)", volumes ? UINT64_C(40) : 0, volumes ? UINT64_C(42) : 0, false);
}

static int get_rewritten(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "t", UINT64_C(0));
}

static int get_damaged(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return volumes == 11 ? sd_bus_message_append(reply, "as", 1, "instance:client_tornaaaaaaaa")
                             : sd_bus_message_append(reply, "as", 0);
}

static int adopt_instance(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *id;

        if (sd_bus_message_read(m, "s", &id) < 0)
                return -EINVAL;
        tell("AdoptInstance %s", id);
        if (strcmp(id, "client_lostaaaaaaaa") == 0)
                return sd_bus_reply_method_return(m, NULL);
        return sd_bus_error_setf(
                        error, ERROR("Failed"), "Instance %s cannot be adopted: its file is missing", id);
}

static int get_version(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", "9.9");
}

static int get_base_url(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", "http://ark.test:3000");
}

static int get_applications_url(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", "http://ark.test:3002");
}

/* As many as there are volumes without an owner. */
static int get_misplaced(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        for (int i = 0; r >= 0 && i < volumes; i++)
                r = sd_bus_message_append(reply, "s", (char[]){ 'm', (char) ('a' + i), 0 });
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

#define METHOD(name, in, out, handler) SD_BUS_METHOD(name, in, out, handler, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, 0),
        SD_BUS_PROPERTY("InstanceCount", "u", get_number, 0, 0),
        SD_BUS_PROPERTY("EngineConnected", "b", get_number, 0, 0),
        SD_BUS_PROPERTY("StoreConnected", "b", get_number, 0, 0),
        METHOD("CreateInstance", "ssa{sv}", "so", create_instance),
        METHOD("GetInstance", "s", "o", get_instance),
        METHOD("ListInstances", "a{sv}", "a(ssssto)", list_instances),
        METHOD("DeleteInstance", "s", "", delete_instance),
        METHOD("SetProduct", "s", "o", set_product),
        METHOD("DeleteProduct", "s", "", delete_product),
        METHOD("ListProducts", "", "a(sso)", list_products),
        METHOD("GetCredentials", "s", "a{ss}", get_credentials),
        METHOD("GetCompose", "s", "s", get_compose),
        SD_BUS_VTABLE_END,
};

static int get_measured(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "t", volumes == 10 ? 0 : now_realtime() - 3 * USEC_PER_MINUTE);
}

static const sd_bus_vtable later_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("BaseURL", "s", get_base_url, 0, 0),
        SD_BUS_PROPERTY("ApplicationsURL", "s", get_applications_url, 0, 0),
        SD_BUS_PROPERTY("MisplacedInstances", "as", get_misplaced, 0, 0),
        SD_BUS_PROPERTY("OwnerlessVolumes", "as", get_volumes, 0, 0),
        SD_BUS_PROPERTY("UnknownInstances", "a(sss)", get_unknown, 0, 0),
        SD_BUS_PROPERTY("StoreBehind", "(ttb)", get_behind, 0, 0),
        SD_BUS_PROPERTY("StoreRewritten", "t", get_rewritten, 0, 0),
        SD_BUS_PROPERTY("DamagedRecords", "as", get_damaged, 0, 0),
        SD_BUS_PROPERTY("StorageMeasured", "t", get_measured, 0, 0),
        METHOD("AdoptInstance", "s", "", adopt_instance),
        METHOD("Cleanup", "tb", "asa(ss)", cleanup),
        METHOD("GetProduct", "s", "s", get_product),
        SD_BUS_VTABLE_END,
};

/* ---- Instances and products ---- */

static int restart(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        tell("Restart %s", ((Instance *) userdata)->id);
        return sd_bus_reply_method_return(m, NULL);
}

static int restart_with_options(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        bool discard = sd_bus_message_enter_container(m, 'a', "{sv}") >= 0 &&
                       sd_bus_message_enter_container(m, 'e', "sv") > 0;

        tell("RestartWithOptions %s%s", ((Instance *) userdata)->id, discard ? " discard_files" : "");
        return sd_bus_reply_method_return(m, "s", discard ? "Files are gone" : "");
}

static int set_expiry(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        uint64_t t;

        if (sd_bus_message_read(m, "t", &t) < 0)
                return -EINVAL;
        tell("SetExpiry %s %llu", ((Instance *) userdata)->id, (unsigned long long) t);
        return sd_bus_reply_method_return(m, NULL);
}

/* Two lines at first, one more with the cursor of these, then none. The failed instance goes away meanwhile. */
/* A stack trace that is longer than what "arkctl show" has room for. */
static int last_words(sd_bus_message *m)
{
        _cleanup_(strv_freep) char **lines = NULL;
        sd_bus_message *reply = NULL;
        int r;

        (void) strv_extend(&lines, "2026-11-24T15:40:01.000000001Z app the application starts");
        (void) strv_extend(&lines, "2026-11-24T15:40:01.000000001Z app Error: no such table");
        for (unsigned k = 0; k < 30; k++) {
                _cleanup_free_ char *line =
                                str_printf("2026-11-24T15:40:01.%09uZ app     at frame %u", k + 2, k);

                (void) strv_extend(&lines, line);
        }
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", "one");
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, lines);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

static int get_logs(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Instance *i = userdata;
        const char *cursor;
        uint32_t lines;

        if (sd_bus_message_read(m, "su", &cursor, &lines) < 0)
                return -EINVAL;
        tell("GetLogs %s %s %u", i->id, cursor, lines);
        if (streq(i->client, "Denied"))
                return sd_bus_reply_method_return(m, "sas", "", 0);
        if (lines > 100 && streq(i->status, "failed") && !*cursor)
                return last_words(m);
        if (!*cursor)
                return sd_bus_reply_method_return(m, "sas", "one", 2,
                                "2026-11-24T15:40:01.000000001Z db the database starts",
                                "2026-11-24T15:40:02.000000001Z app the application starts");
        if (streq(cursor, "one"))
                return sd_bus_reply_method_return(
                                m, "sas", "two", 1, "2026-11-24T15:40:03.000000001Z app a request");
        if (streq(i->status, "failed"))
                return no_such_instance(i->id, error);
        return sd_bus_reply_method_return(m, "sas", "two", 0);
}

static int get_image(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Instance *i = userdata;

        return sd_bus_message_append(reply, "s",
                        streq(i->status, "failed")       ? ""
                        : streq(i->product, "my-reader") ? "docker.io/library/reader:0.9"
                                                         : "docker.io/library/app:1");
}

static int get_warning(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Instance *i = userdata;

        return sd_bus_message_append(
                        reply, "s", streq(i->product, "my-reader") ? "Its cookies need https" : "");
}

/* The failed one's containers are gone; of the reader's, the engine tells little. */
static int get_usage(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const uint64_t none = UINT64_MAX, started = now_realtime() - 2 * USEC_PER_HOUR;
        const Instance *i = userdata;

        if (streq(i->status, "failed"))
                return sd_bus_reply_method_return(m, "a(ssttttttt)", 0);
        if (streq(i->product, "my-reader"))
                return sd_bus_reply_method_return(m, "a(ssttttttt)", 1, "app", i->id, none, none, none, none,
                                UINT64_C(90500000000), UINT64_C(4), none);
        if (streq(i->client, "Denied"))
                return sd_bus_error_set(error, ERROR("EngineUnavailable"), "Docker does not answer");
        return sd_bus_reply_method_return(m, "a(ssttttttt)", 2, "app", i->id, started, started + 1,
                        UINT64_C(35756442), UINT64_C(536870912), UINT64_C(1204000000), UINT64_C(12),
                        UINT64_C(256), "db", i->db, started, started + 1, UINT64_C(52428800), none,
                        UINT64_C(3725000000000), UINT64_C(7), none);
}

/* The failed one has none; one was made since; one writes much where it does not last. */
static int get_storage(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Instance *i = userdata;

        if (streq(i->status, "failed"))
                return sd_bus_message_append(reply, "a(sssst)", 0);
        if (streq(i->product, "my-reader"))
                return sd_bus_message_append(reply, "a(sssst)", 1, "layer", "app", i->id, "", UINT64_MAX);
        if (streq(i->client, "Denied"))
                return sd_bus_message_append(
                                reply, "a(sssst)", 1, "layer", "app", i->id, "", UINT64_C(3) << 30);
        return sd_bus_message_append(reply, "a(sssst)", 4, "layer", "app", i->id, "", UINT64_C(12288),
                        "layer", "db", i->db, "", UINT64_MAX, "volume", "db", "data", "/data",
                        UINT64_C(5) << 30, "volume", "app", "lost", "", UINT64_C(0));
}

#define TEXT(name, member)                                                                                  \
        SD_BUS_PROPERTY(name, "s", NULL, offsetof(Instance, member), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable instance_vtable[] = {
        SD_BUS_VTABLE_START(0),
        TEXT("Id", id),
        TEXT("ProductId", product),
        TEXT("ClientName", client),
        TEXT("Status", status),
        TEXT("Phase", phase),
        SD_BUS_PROPERTY("Progress", "d", NULL, offsetof(Instance, progress),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        TEXT("Message", message),
        TEXT("Error", error),
        TEXT("AccessUrl", url),
        TEXT("DbName", db),
        SD_BUS_PROPERTY("CreatedAt", "t", NULL, offsetof(Instance, created), 0),
        SD_BUS_PROPERTY("ExpiresAt", "t", NULL, offsetof(Instance, expires), 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable instance_later_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Storage", "a(sssst)", get_storage, 0, 0),
        SD_BUS_PROPERTY("Image", "s", get_image, 0, 0),
        SD_BUS_PROPERTY("Warning", "s", get_warning, 0, 0),
        METHOD("Restart", "", "", restart),
        METHOD("RestartWithOptions", "a{sv}", "s", restart_with_options),
        METHOD("SetExpiry", "t", "", set_expiry),
        METHOD("GetLogs", "su", "sas", get_logs),
        METHOD("GetUsage", "", "a(ssttttttt)", get_usage),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable product_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "s", NULL, offsetof(Product, id), 0),
        SD_BUS_PROPERTY("Name", "s", NULL, offsetof(Product, name), 0),
        SD_BUS_PROPERTY("Description", "s", NULL, offsetof(Product, description), 0),
        SD_BUS_PROPERTY("Image", "s", NULL, offsetof(Product, image), 0),
        SD_BUS_PROPERTY("Json", "s", NULL, offsetof(Product, json), 0),
        SD_BUS_VTABLE_END,
};

static int find_instance(sd_bus *b, const char *path, const char *interface, void *userdata, void **ret,
                sd_bus_error *error)
{
        const char *id = startswith(path, PATH "/instance/");

        *ret = id ? instance_find(id) : NULL;
        return *ret != NULL;
}

static int list_paths(sd_bus *b, const char *prefix, void *userdata, char ***ret, sd_bus_error *error)
{
        char **paths = NULL;

        for (size_t i = 0; i < n_instances; i++) {
                _cleanup_free_ char *path = instance_object(instances + i);

                (void) strv_extend(&paths, path);
        }
        *ret = paths;
        return 0;
}

static int get_level(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", log_level);
}

static int set_level(sd_bus *b, const char *path, const char *interface, const char *property,
                sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        const char *level;

        if (sd_bus_message_read(value, "s", &level) < 0)
                return -EINVAL;
        tell("LogLevel %s", level);
        (void) snprintf(log_level, sizeof log_level, "%s", level);
        return 0;
}

static const sd_bus_vtable log_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", get_level, set_level, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int serve(void)
{
        int r;

        r = sd_bus_add_object_vtable(bus, NULL, PATH, NAME ".Manager", manager_vtable, NULL);
        if (r >= 0 && !old)
                r = sd_bus_add_object_vtable(bus, NULL, PATH, NAME ".Manager", later_vtable, NULL);
        if (r >= 0)
                r = sd_bus_add_object_manager(bus, NULL, PATH);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(bus, NULL, PATH "/instance", NAME ".Instance",
                                instance_vtable, find_instance, NULL);
        if (r >= 0 && !old)
                r = sd_bus_add_fallback_vtable(bus, NULL, PATH "/instance", NAME ".Instance",
                                instance_later_vtable, find_instance, NULL);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(bus, NULL, PATH "/instance", list_paths, NULL);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(products); i++) {
                _cleanup_free_ char *path = NULL;

                r = sd_bus_path_encode(PATH "/product", products[i].id, &path);
                if (r >= 0)
                        r = sd_bus_add_object_vtable(
                                        bus, NULL, path, NAME ".Product", product_vtable, products + i);
        }
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/LogControl1",
                                "org.freedesktop.LogControl1", log_vtable, NULL);
        return r < 0 ? r : sd_bus_request_name(bus, NAME, 0);
}

int main(int argc, char **argv)
{
        sd_event *event = NULL;
        int r;

        old = argc > 1 && streq(argv[1], "--old");
        volumes = argc > 1 && !old ? atoi(argv[1]) : 0;
        (void) instance_add("client_abcdefabcdef", "app", "Acme", "running");
        (void) instance_add("client_abcxyzabcxyz", "app", "Broken Ltd", "failed");
        instance_add("client_qqqqqqqqqqqq", "my-reader", "Café Ñandú", "running")->expires = UINT64_MAX;
        (void) instance_add("client_deniedaaaaaa", "app", "Denied", "running");
        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_attach_event(bus, event, 0);
        if (r >= 0)
                r = serve();
        if (r >= 0) {
                tell("ready");
                r = sd_event_loop(event);
        }
        if (r < 0)
                (void) fprintf(stderr, "fake-arkd: %s\n", strerror(-r));
        return r < 0;
}
