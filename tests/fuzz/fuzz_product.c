/* SPDX-License-Identifier: MIT */

/* Product documents: what is accepted is accepted again as it is given back. */

#include "basic/json-util.h"
#include "core/model/product.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ struct json_object *json = NULL, *copy = NULL;
        _cleanup_(product_unrefp) Product *product = NULL, *again = NULL;
        _cleanup_free_ char *field = NULL, *reason = NULL, *field2 = NULL, *reason2 = NULL, *why = NULL;

        fuzz_quiet();
        if (json_parse_written((const char *) data, size, &json, &why) < 0) {
                assert(why);
                return 0;
        }
        if (product_new_from_json(json, &product, &field, &reason) < 0)
                return 0;
        copy = product_to_json(product, true);
        assert(copy);
        assert(product_new_from_json(copy, &again, &field2, &reason2) >= 0);
        assert(strcmp(product->id, again->id) == 0);
        return 0;
}
