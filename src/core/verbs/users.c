/* SPDX-License-Identifier: MIT */

/* User ids for instances. Files of this host are read and no directory service is asked, which would block the loop. */

#include "core/verbs/users.h"

#include "basic/file-util.h"
#include "core/model/instance.h"
#include "core/model/user-range.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/state.h"

#define FILE_MAX (1024 * 1024)

static void add_file(UserIds *taken, const char *path, void (*add)(UserIds *ids, const char *text))
{
        _cleanup_free_ char *text = NULL;

        if (read_file(path, FILE_MAX, &text, NULL) >= 0)
                add(taken, text);
}

int manager_take_uid(Manager *m, uint32_t *ret)
{
        UserIds taken = { 0 };
        int r;

        add_file(&taken, "/etc/passwd", user_ids_add_passwd);
        add_file(&taken, "/etc/subuid", user_ids_add_subuid);
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);

                if (i->uid && instance_has_resources(i))
                        user_ids_add(&taken, i->uid);
        }
        for (struct lh_entry *e = m->unknown ? m->unknown->head : NULL; e; e = e->next) {
                const Unknown *u = lh_entry_v(e);

                if (u->uid)
                        user_ids_add(&taken, u->uid);
                if (u->instance && u->instance->uid)
                        user_ids_add(&taken, u->instance->uid);
        }
        r = user_range_take(&m->users, &taken, m->last_uid, ret);
        if (r >= 0)
                m->last_uid = *ret;
        return r;
}
