/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>

#include "arkd/state-lock.h"
#include "basic/macro.h"

static void test_one_at_a_time(void **state)
{
        char directory[] = "/tmp/ark-state-XXXXXX";
        int first, second = -1;

        assert_non_null(mkdtemp(directory));
        assert_int_equal(state_lock(directory, &first), 0);
        assert_int_equal(fcntl(first, F_GETFD), FD_CLOEXEC); /* no child keeps it */
        assert_int_equal(state_lock(directory, &second), -EBUSY);
        assert_int_equal(second, -1);
        assert_int_equal(close(first), 0);
        assert_int_equal(state_lock(directory, &second), 0);
        assert_int_equal(close(second), 0);
        assert_int_equal(rmdir(directory), 0); /* nothing was left in it */
        assert_int_equal(state_lock(directory, &second), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_at_a_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
