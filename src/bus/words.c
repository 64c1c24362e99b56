/* SPDX-License-Identifier: MIT */
#include "bus/words.h"

#include <systemd/sd-bus.h>

#include "basic/json-util.h"
#include "core/verbs/request.h"

const char *bus_error_of_fault(Fault fault)
{
        static const char *const names[_FAULT_MAX] = {
                [FAULT_INVALID_ARGUMENT] = BUS_ERROR_INVALID_ARGUMENT,
                [FAULT_UNAUTHENTICATED] = SD_BUS_ERROR_ACCESS_DENIED,
                [FAULT_ACCESS_DENIED] = SD_BUS_ERROR_ACCESS_DENIED,
                [FAULT_NO_SUCH_PRODUCT] = BUS_NAME ".Error.NoSuchProduct",
                [FAULT_NO_SUCH_INSTANCE] = BUS_ERROR_NO_SUCH_INSTANCE,
                [FAULT_IN_USE] = BUS_NAME ".Error.InUse",
                [FAULT_CONFLICT] = BUS_ERROR_FAILED,
                [FAULT_QUOTA_EXCEEDED] = BUS_NAME ".Error.QuotaExceeded",
                [FAULT_ENGINE_UNAVAILABLE] = BUS_NAME ".Error.EngineUnavailable",
                [FAULT_STORE_UNAVAILABLE] = BUS_NAME ".Error.StoreUnavailable",
                [FAULT_NOT_ISOLATED] = BUS_NAME ".Error.NotIsolated",
                [FAULT_QUEUE_FULL] = BUS_ERROR_FAILED,
                [FAULT_HOST_FULL] = BUS_NAME ".Error.HostFull",
                [FAULT_FAILED] = BUS_ERROR_FAILED,
        };

        return fault < _FAULT_MAX && names[fault] ? names[fault] : BUS_ERROR_FAILED;
}

const char *bus_text(struct json_object *text)
{
        const char *s = "";

        if (json_object_is_type(text, json_type_string))
                return json_object_get_string(text);
        if (json_get_string(text, "en", &s) < 0)
                (void) json_get_string(text, "es", &s);
        return s;
}
