/* SPDX-License-Identifier: MIT */
#include "core/load-damage.h"

#include <errno.h>

#include "core/registry/context.h"
#include "core/registry/state.h"

/* What there was no memory for is no damage: all is read again later. Answers whether r is that. */
bool load_is_starved(Manager *m, int r)
{
        m->load_starved = m->load_starved || r == -ENOMEM;
        return r == -ENOMEM;
}

/* A record that stays in the store, but cannot be read. */
void load_note_damage(Manager *m, const char *kind, const char *id)
{
        _cleanup_free_ char *key = str_printf("%s:%s", kind, id);

        (void) load_is_starved(m, key ? strv_extend(&m->damaged_keys, key) : -ENOMEM);
}

/* What an instance has in the engine is not touched where its record is there, but cannot be read. */
void load_damaged(Manager *m, const char *kind, const char *instance_id)
{
        (void) load_is_starved(m, strv_extend(&m->damaged, instance_id));
        load_note_damage(m, kind, instance_id);
}
