/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/tar.h"

#define BLOCK 512

static const TarFolder folder = { .uid = 20001, .gid = 20002, .mode = 01775, .mtime = 1764000000 };

static void assert_folder(const TarFolder *f, bool filled)
{
        assert_int_equal(f->uid, folder.uid);
        assert_int_equal(f->gid, folder.gid);
        assert_int_equal(f->mode, folder.mode);
        assert_int_equal(f->mtime, folder.mtime);
        assert_int_equal(f->filled, filled);
}

static void test_folder(void **state)
{
        char archive[BLOCK + ENGINE_TAR_SIZE] = "", *data = archive + BLOCK;
        TarFolder found = { 0 };

        assert_int_equal(engine_tar_write_folder("../data", &folder, data), 0);
        assert_string_equal(data, "../data");
        for (size_t n = 0; n < (size_t) 2 * BLOCK; n++)
                assert_int_equal(engine_tar_read_folder(data, n, &found), 0);
        assert_int_equal(engine_tar_read_folder(data, (size_t) 2 * BLOCK, &found), 1);
        assert_folder(&found, false);
        data[BLOCK] = 'f'; /* the name of a file in it */
        assert_int_equal(engine_tar_read_folder(data, ENGINE_TAR_SIZE, &found), 1);
        assert_folder(&found, true);
        /* The wire's form of a user that no octal number of that length tells. */
        (void) memcpy(data + 108, "\200\0\0\0\0\100\0\0", 8);
        assert_int_equal(engine_tar_read_folder(data, ENGINE_TAR_SIZE, &found), 1);
        assert_int_equal(found.uid, UINT32_MAX);
}

/* Attributes in front of it are passed over. */
static void test_attributes(void **state)
{
        char archive[2 * BLOCK + ENGINE_TAR_SIZE] = "";
        TarFolder found = { 0 };

        assert_int_equal(engine_tar_write_folder("attributes", &folder, archive), 0);
        archive[156] = 'x';
        (void) snprintf(archive + 124, 12, "%011o", 13U);
        assert_int_equal(engine_tar_write_folder("data", &folder, archive + (size_t) 2 * BLOCK), 0);
        for (size_t n = BLOCK; n < (size_t) 4 * BLOCK; n++)
                assert_int_equal(engine_tar_read_folder(archive, n, &found), 0);
        assert_int_equal(engine_tar_read_folder(archive, (size_t) 4 * BLOCK, &found), 1);
        assert_folder(&found, false);
        (void) snprintf(archive + 124, 12, "77777777777");
        assert_int_equal(engine_tar_read_folder(archive, sizeof archive, &found), 0);
}

static void test_other_things(void **state)
{
        char archive[ENGINE_TAR_SIZE], name[101];
        TarFolder found = { .uid = 7 };

        assert_int_equal(engine_tar_write_folder("data", &folder, archive), 0);
        archive[156] = '2';
        assert_int_equal(engine_tar_read_folder(archive, sizeof archive, &found), -ENOTDIR);
        archive[156] = '5';
        archive[100] = '9';
        assert_int_equal(engine_tar_read_folder(archive, sizeof archive, &found), -EBADMSG);
        memset(archive, 0, sizeof archive);
        assert_int_equal(engine_tar_read_folder(archive, sizeof archive, &found), -EBADMSG);
        assert_int_equal(found.uid, 7);
        memset(name, 'n', 100);
        name[100] = '\0';
        assert_int_equal(engine_tar_write_folder(name, &folder, archive), -ENAMETOOLONG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_folder),
                cmocka_unit_test(test_attributes),
                cmocka_unit_test(test_other_things),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
