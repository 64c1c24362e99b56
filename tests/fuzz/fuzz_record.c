/* SPDX-License-Identifier: MIT */

/* Records of the store: of instances and of their secrets. What can be read can be written and read again. */

#include "basic/json-util.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "fuzz.h"
#include "store/records.h"

static void read_created(const char *text)
{
        Record record = { .kind = STORE_INSTANCE, .text = strdup(text) };

        assert(record.text);
        record_read_created(&record);
        (void) record_score_is_right(&record);
        free(record.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ struct json_object *json = NULL, *copy = NULL, *secrets = NULL, *visitor = NULL,
                                          *third = NULL;
        _cleanup_(instance_freep) Instance *instance = NULL, *again = NULL;
        _cleanup_free_ char *text = strndup((const char *) data, size);
        const char *why = NULL;

        fuzz_quiet();
        assert(text);
        read_created(text);
        if (json_parse((const char *) data, size, &json, &why) < 0 ||
                        instance_new_from_record(json, &instance) < 0)
                return 0;
        (void) instance_load_secrets(instance, json_get(json, "secrets"));
        secrets = instance_secrets_to_json(instance);
        visitor = instance_to_json(instance, INSTANCE_VIEW_VISITOR);
        copy = instance_to_json(instance, INSTANCE_VIEW_RECORD);
        assert(secrets && visitor && copy);
        assert(instance_new_from_record(copy, &again) >= 0);
        third = instance_to_json(again, INSTANCE_VIEW_RECORD);
        assert(third && strcmp(json_text(copy), json_text(third)) == 0);
        return 0;
}
