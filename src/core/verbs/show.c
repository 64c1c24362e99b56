/* SPDX-License-Identifier: MIT */
#include "core/verbs/show.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/verbs/common.h"
#include "core/verbs/request.h"

#define LIST_LIMIT_DEFAULT 100
#define LIST_LIMIT_MAX     1000

void run_get_instance(Request *request)
{
        Instance *instance = action_find_instance(request);

        if (instance)
                answer_instance(request, instance);
}

/* ---- Listing ---- */

typedef struct Filter {
        int status; /* negative: all but the deleted */
        const char *product_id;
        const char *cursor;
        uint64_t limit;
} Filter;

static bool read_filter(Request *request, Filter *ret)
{
        struct json_object *a = request->arguments;
        const char *status = NULL;

        *ret = (Filter){ .status = -1, .limit = request->whole ? UINT64_MAX : LIST_LIMIT_DEFAULT };
        (void) json_get_string(a, "status", &status);
        (void) json_get_string(a, "product_id", &ret->product_id);
        (void) json_get_string(a, "cursor", &ret->cursor);
        if (status) {
                ret->status = instance_status_from_string(status);
                if (ret->status < 0) {
                        request_fail(request, FAULT_INVALID_ARGUMENT, "status",
                                        "“%s” is not a status: pending, running, failed, deleting or "
                                        "deleted",
                                        status);
                        return false;
                }
        }
        if (json_get_u64(a, "limit", &ret->limit) >= 0 && (ret->limit < 1 || ret->limit > LIST_LIMIT_MAX)) {
                request_fail(request, FAULT_INVALID_ARGUMENT, "limit", "limit must be from 1 to %d",
                                LIST_LIMIT_MAX);
                return false;
        }
        if (ret->cursor && !manager_get_instance(request->manager, ret->cursor)) {
                request_fail(request, FAULT_INVALID_ARGUMENT, "cursor",
                                "The cursor does not exist any more. Begin the list again");
                return false;
        }
        return true;
}

static bool filter_matches(const Filter *f, const Instance *i)
{
        if (f->status >= 0 ? (int) i->status != f->status : i->status == INSTANCE_DELETED)
                return false;
        return !f->product_id || streq(f->product_id, i->product_id);
}

/* Adds up to the limit; *ret_next is the cursor to go on from, or NULL at the end. */
static int list_items(Request *request, const Filter *f, struct json_object *items, const char **ret_next)
{
        Manager *m = request->manager;
        const char *last = f->cursor;
        uint64_t n = 0;

        *ret_next = NULL;
        for (Instance *i = manager_next_instance(m, f->cursor); i; i = manager_next_instance(m, i->id)) {
                if (!filter_matches(f, i))
                        continue;
                if (n++ == f->limit) {
                        *ret_next = last;
                        return 0;
                }
                if (json_append(items, instance_to_json(i, action_view(request))) < 0)
                        return -ENOMEM;
                last = i->id;
        }
        return 0;
}

void run_list_instances(Request *request)
{
        _cleanup_json_ struct json_object *list = json_object_new_object();
        struct json_object *items;
        const char *next = NULL;
        Filter filter;
        int r;

        if (!read_filter(request, &filter))
                return;
        items = json_object_new_array();
        r = json_set(list, "items", items);
        if (r >= 0)
                r = list_items(request, &filter, items, &next);
        if (r >= 0)
                r = json_set_string(list, "next", next);
        if (r < 0)
                request_fail_errno(request, r, "The instances cannot be listed");
        else
                request_succeed(request, TAKE_PTR(list));
}
