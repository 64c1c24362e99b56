/* SPDX-License-Identifier: MIT */
#include "arkctl/objects.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/string-util.h"

/* A property, where it goes, and what the HTTP API calls it. */
typedef struct Property {
        const char *name, *json;
        char type; /* as on the bus; 'a' is a DiskUse */
        bool time;
        size_t offset;
} Property;

#define I(name, json, type, member, ...)                                                                    \
        {                                                                                                   \
                name, json, type, .offset = offsetof(InstanceView, member), __VA_ARGS__                     \
        }
static const Property instance_properties[] = {
        I("Id", "id", 's', id),
        I("ProductId", "product_id", 's', product_id),
        I("Image", "image", 's', image),
        I("ClientName", "client_name", 's', client_name),
        I("Status", "status", 's', status),
        I("Phase", "phase", 's', phase),
        I("Progress", "progress", 'd', progress),
        I("Message", "message", 's', message),
        I("Error", "error", 's', error),
        I("Warning", "warning", 's', warning),
        I("AccessUrl", "access_url", 's', access_url),
        I("DbName", "db_name", 's', db_name),
        I("CreatedAt", "created_at", 't', created_usec, .time = true),
        I("ExpiresAt", "expires_at", 't', expires_usec, .time = true),
        I("Storage", NULL, 'a', disk_use),
        { NULL },
};
#undef I

#define P(name, json, member)                                                                               \
        {                                                                                                   \
                name, json, 's', .offset = offsetof(ProductView, member)                                    \
        }
static const Property product_properties[] = {
        P("Id", "id", id),
        P("Name", "name", name),
        P("Description", "description", description),
        P("Image", "image", image),
        P("Json", NULL, json),
        { NULL },
};
#undef P

static void view_done(const Property *properties, void *view)
{
        for (const Property *p = properties; p->name; p++) {
                void *value = (char *) view + p->offset;

                if (p->type == 's')
                        *(char **) value = mfree(*(char **) value);
                else if (p->type == 'a')
                        disk_use_done(value);
        }
}

void instance_view_done(InstanceView *view)
{
        view_done(instance_properties, view);
}

void product_view_done(ProductView *view)
{
        view_done(product_properties, view);
}

void objects_done(Objects *objects)
{
        for (size_t i = 0; i < objects->n_instances; i++)
                instance_view_done(objects->instances + i);
        for (size_t i = 0; i < objects->n_products; i++)
                product_view_done(objects->products + i);
        free(objects->instances);
        free(objects->products);
        *objects = (Objects){ 0 };
}

static int property_read(const Property *p, sd_bus_message *m, void *target)
{
        const char contents[2] = { p->type, '\0' }, *text;
        int r;

        if (p->type == 'a')
                return disk_use_parse(m, target);
        r = sd_bus_message_enter_container(m, 'v', contents);
        if (r < 0)
                return r;
        r = sd_bus_message_read_basic(m, p->type, p->type == 's' ? (void *) &text : target);
        if (r >= 0 && p->type == 's')
                r = free_and_strdup(target, text);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int properties_read(const Property *properties, sd_bus_message *m, void *view)
{
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const Property *p = properties;
                const char *name;

                r = sd_bus_message_read_basic(m, 's', &name);
                if (r < 0)
                        return r;
                while (p->name && !streq(p->name, name))
                        p++;
                /* A newer daemon may have more of them. */
                r = p->name ? property_read(p, m, (char *) view + p->offset) : sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int instance_view_update(InstanceView *view, sd_bus_message *m)
{
        return properties_read(instance_properties, m, view);
}

/* Room for one more at the end of an array; zeroed. NULL when out of memory. */
static void *grow(void **array, size_t n, size_t size)
{
        void *more = reallocarray(*array, n + 1, size);

        if (!more)
                return NULL;
        *array = more;
        return memset((char *) more + n * size, 0, size);
}

static int read_interface(Objects *objects, sd_bus_message *m)
{
        const char *interface;
        int r;

        r = sd_bus_message_read_basic(m, 's', &interface);
        if (r < 0)
                return r;
        if (streq(interface, ARK_INSTANCE_INTERFACE)) {
                InstanceView *view = grow((void **) &objects->instances, objects->n_instances, sizeof *view);

                if (!view)
                        return -ENOMEM;
                objects->n_instances++;
                return properties_read(instance_properties, m, view);
        }
        if (streq(interface, ARK_PRODUCT_INTERFACE)) {
                ProductView *view = grow((void **) &objects->products, objects->n_products, sizeof *view);

                if (!view)
                        return -ENOMEM;
                objects->n_products++;
                return properties_read(product_properties, m, view);
        }
        return sd_bus_message_skip(m, "a{sv}");
}

static int read_object(Objects *objects, sd_bus_message *m)
{
        int r;

        r = sd_bus_message_skip(m, "o");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                r = read_interface(objects, m);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int compare_instances(const void *a, const void *b)
{
        const InstanceView *x = a, *y = b;

        return x->created_usec < y->created_usec   ? -1
               : x->created_usec > y->created_usec ? 1
                                                   : strcmp(strempty(x->id), strempty(y->id));
}

static int compare_products(const void *a, const void *b)
{
        const ProductView *x = a, *y = b;

        return strcmp(strempty(x->id), strempty(y->id));
}

static int objects_parse(sd_bus_message *m, Objects *objects)
{
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
                r = read_object(objects, m);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (objects->n_instances > 0)
                qsort(objects->instances, objects->n_instances, sizeof *objects->instances,
                                compare_instances);
        if (objects->n_products > 0)
                qsort(objects->products, objects->n_products, sizeof *objects->products, compare_products);
        return r < 0 ? r : 0;
}

ExitCode objects_read(Ctl *ctl, Objects *ret)
{
        const char *act = "read what there is";
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(objects_done) Objects objects = { 0 };
        ExitCode e;
        int r;

        /* A daemon that starts has no objects until its store has been read. Its methods wait for that. */
        e = ctl_call_manager(ctl, act, "ListProducts", NULL, NULL);
        if (e != CTL_OK)
                return e;
        e = ctl_call(ctl, act, ARK_BUS_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                        &reply, NULL);
        if (e != CTL_OK)
                return e;
        r = objects_parse(reply, &objects);
        if (r < 0)
                return ctl_report(ctl, act, r, NULL);
        *ret = objects;
        objects = (Objects){ 0 };
        return CTL_OK;
}

bool instance_view_uses_product(const InstanceView *view)
{
        return !view->image || *view->image;
}

const ProductView *objects_product(const Objects *objects, const char *id)
{
        for (size_t i = 0; i < objects->n_products; i++)
                if (streq_ptr(objects->products[i].id, id))
                        return objects->products + i;
        return NULL;
}

ExitCode instance_view_read(Ctl *ctl, const char *act, const char *id, InstanceView *ret)
{
        _cleanup_message_ sd_bus_message *found = NULL, *reply = NULL;
        _cleanup_(instance_view_done) InstanceView view = { 0 };
        const char *path;
        ExitCode e;
        int r;

        /* Asked for by its id: of an object that is not there the bus knows no more than its path. */
        e = ctl_call_manager(ctl, act, "GetInstance", &found, "s", id);
        if (e != CTL_OK)
                return e;
        r = sd_bus_message_read(found, "o", &path);
        if (r < 0)
                return ctl_report(ctl, act, r, NULL);
        e = ctl_call(ctl, act, path, PROPERTIES_INTERFACE, "GetAll", &reply, "s", ARK_INSTANCE_INTERFACE);
        if (e != CTL_OK)
                return e;
        r = instance_view_update(&view, reply);
        if (r < 0)
                return ctl_report(ctl, act, r, NULL);
        *ret = view;
        view = (InstanceView){ 0 };
        return CTL_OK;
}

static int property_to_json(const Property *p, const void *value, struct json_object *json)
{
        switch (p->type) {
        case 's': {
                const char *text = *(char *const *) value;

                /* "" is what the bus has for none. */
                return json_set_string(json, p->json, text && *text ? text : NULL);
        }
        case 'd':
                return json_set_double(json, p->json, *(const double *) value);
        default:
                return p->time ? json_set_timestamp(json, p->json, *(const uint64_t *) value)
                               : json_set_u64(json, p->json, *(const uint64_t *) value);
        }
}

static struct json_object *view_to_json(const Property *properties, const void *view)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();

        for (const Property *p = properties; json && p->name; p++)
                if (p->json && property_to_json(p, (const char *) view + p->offset, json) < 0)
                        return NULL;
        return TAKE_PTR(json);
}

struct json_object *instance_view_to_json(const InstanceView *view)
{
        return view_to_json(instance_properties, view);
}

struct json_object *product_view_to_json(const ProductView *view)
{
        return view_to_json(product_properties, view);
}

int instance_path(const char *id, char **ret_path)
{
        _cleanup_free_ char *path = str_printf("%s/%s", ARK_INSTANCE_PREFIX, id);

        if (!path)
                return -ENOMEM;
        if (!sd_bus_object_path_is_valid(path))
                return -EINVAL;
        *ret_path = TAKE_PTR(path);
        return 0;
}

int product_path(const char *id, char **ret_path)
{
        return sd_bus_path_encode(ARK_PRODUCT_PREFIX, id, ret_path);
}
