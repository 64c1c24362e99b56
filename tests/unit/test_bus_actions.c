/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/method.h"
#include "core/verbs/table.h"
#include "core/verbs/verb.h"

/* The bus's table of methods against the real table of verbs. */

static void test_methods_are_actions(void **state)
{
        for (size_t i = 0; i < n_bus_methods; i++) {
                const BusMethod *m = &bus_methods[i];
                const Action *action = action_find(m->action);
                unsigned required = 0, given = m->path_argument != NULL;

                assert_non_null(action);
                for (size_t k = 0; k < BUS_ARGUMENTS_MAX && m->arguments[k]; k++) {
                        assert_non_null(action_find_argument(action, m->arguments[k]));
                        given += action_find_argument(action, m->arguments[k])->required;
                }
                for (size_t k = 0; k < BUS_OPTIONS_MAX && m->options[k].key; k++)
                        assert_false(action_find_argument(action, m->options[k].argument)->required);
                for (const Argument *a = action->arguments; a && a->name; a++)
                        required += a->required;
                assert_int_equal(given, required);
        }
}

static bool has_method(const char *action)
{
        for (size_t i = 0; i < n_bus_methods; i++)
                if (streq(bus_methods[i].action, action))
                        return true;
        return false;
}

/* A new verb must come to the bus, or be named here with its reason. */
static void test_actions_are_methods(void **state)
{
        static const char *const not_on_the_bus[] = {
                "GetProduct", /* the Product object, and GetWholeProduct */
                "CreateProduct", "PutProduct", /* SetProduct is both */
                "GetAccess", /* of the customer, by token */
                "GetMetrics", /* of Prometheus, which speaks HTTP */
        };

        for (const Action *a = action_table; a->name; a++) {
                bool excused = false;

                for (size_t i = 0; i < ELEMENTSOF(not_on_the_bus); i++)
                        excused = excused || streq(a->name, not_on_the_bus[i]);
                if (has_method(a->name) == excused)
                        fail_msg("%s is %s", a->name, excused ? "on the bus after all" : "not on the bus");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_methods_are_actions),
                cmocka_unit_test(test_actions_are_methods),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
