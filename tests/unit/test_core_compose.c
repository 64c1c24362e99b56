/* SPDX-License-Identifier: MIT */

/* The compose files on disk: nobody waits for them to be synced, and none stays that nobody owns. */

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/ports.h"
#include "core/spec/deletion-mark.h"
#include "core/verbs/request.h"
#include "core_fixture.h"

#define TEXT_SIZE_MAX (64 * 1024)

/* ---- Nothing waits for the disk ---- */

int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_syncfs(int fd);
void __wrap_sync(void);

int __wrap_fsync(int fd)
{
        fail_msg("the loop waits for the disk");
        return 0;
}

int __wrap_fdatasync(int fd)
{
        return __wrap_fsync(fd);
}

int __wrap_syncfs(int fd)
{
        return __wrap_fsync(fd);
}

void __wrap_sync(void)
{
        (void) __wrap_fsync(-1);
}

static char *path_of(World *w, const char *id, const char *suffix)
{
        char *path = str_printf("%s/compose.%s.yml%s", w->compose_dir, id, suffix);

        assert_non_null(path);
        return path;
}

static char *text_of(const char *path)
{
        char *text = NULL;
        struct stat st;

        assert_int_equal(read_file(path, TEXT_SIZE_MAX, &text, NULL), 0);
        assert_true(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
        return text;
}

static void ask_about(World *w, const char *action)
{
        _cleanup_ask_ Ask a = { 0 };

        ask(w, &a, action, ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_run(w);
        world_assert(w, a.fault == FAULT_NONE);
}

static void test_no_sync(void **state)
{
        for (Variant v = 0; v < _VARIANT_MAX; v++) {
                World *w = world_created(v);

                fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w)));
                ask_about(w, "RestartInstance"); /* writes it again */
                ask_about(w, "DeleteInstance");
                world_check(w);
                world_free(w);
        }
}

/* ---- What is not as it should be is made again ---- */

enum { KEPT, REMOVED, EMPTY, CUT, CHANGED, LONGER, _HARM_MAX };

static void write_text(const char *path, const char *text)
{
        assert_int_equal(write_file_atomic(path, text, 0600), 0);
}

static void do_harm(int harm, const char *path, const char *text)
{
        _cleanup_free_ char *other = str_printf("%s# more\n", text);

        assert_non_null(other);
        if (harm == REMOVED)
                assert_int_equal(unlink(path), 0);
        else if (harm == CUT)
                assert_int_equal(truncate(path, (off_t) strlen(text) / 2), 0);
        else if (harm == LONGER)
                write_text(path, other);
        else if (harm == EMPTY)
                write_text(path, "");
        else if (harm == CHANGED) {
                other[0] ^= 1;
                other[strlen(text)] = '\0';
                write_text(path, other);
        }
}

static ino_t file_number(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void try_harm(Variant variant, int harm, bool broken)
{
        World *w = world_created(variant);
        _cleanup_free_ char *path = path_of(w, world_id(w), ""), *before = text_of(path), *after = NULL;
        ino_t number = file_number(path);

        world_case("variant %d, harm %d, %s", (int) variant, harm, broken ? "broken" : "running");
        if (broken)
                fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w)));
        world_stop(w);
        do_harm(harm, path, before);
        world_start(w);
        world_run(w);
        world_assert(w, streq(world_status(w), broken ? "failed" : "running"));
        after = text_of(path);
        assert_string_equal(after, before);
        if (harm == KEPT)
                assert_true(file_number(path) == number); /* and not written again */
        world_check(w);
        world_free(w);
}

static void test_made_again(void **state)
{
        for (Variant v = 0; v < _VARIANT_MAX; v++)
                for (int harm = 0; harm < _HARM_MAX; harm++)
                        for (int broken = 0; broken < 2; broken++)
                                try_harm(v, harm, broken);
}

/* Of many, each. */
static void test_all_made_again(void **state)
{
        World *w = world_new();
        size_t n = 0;

        for (Variant v = 0; v < _VARIANT_MAX; v++) {
                _cleanup_ask_ Ask a = { 0 };

                ask_create(w, &a, v);
                world_run(w);
        }
        world_stop(w);
        for (const FakeRecord *r = w->ports->records; r; r = r->next)
                if (r->kind == STORE_INSTANCE) {
                        _cleanup_free_ char *path = path_of(w, r->id, "");

                        assert_int_equal(unlink(path), 0);
                        n++;
                }
        assert_int_equal(n, _VARIANT_MAX);
        world_start(w);
        world_run(w);
        world_check(w);
        world_free(w);
}

/* One that cannot be written is told of, and no more. */
static void test_not_writable(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *path = path_of(w, world_id(w), "");

        world_stop(w);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        world_start(w);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        assert_int_equal(rmdir(path), 0);
        world_stop(w);
        world_start(w);
        world_run(w);
        world_check(w);
        world_free(w);
}

/* What is deleted has none, and gets none. */
static void test_not_of_the_deleted(void **state)
{
        World *w = world_created(VARIANT_STRIP);

        ask_about(w, "DeleteInstance");
        world_check(w);
        world_free(w);
}

/* ---- Files of nobody ---- */

static bool is_there(const char *path)
{
        return access(path, F_OK) == 0;
}

/* A daemon was killed before it had written the file whole, and what it was for is deleted before it runs. */
static void test_cut_short_and_deleted(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 }, delete = { 0 };
        _cleanup_free_ char *temporary = NULL;

        ask_create(w, &create, VARIANT_STRIP);
        while (!create.answered)
                assert_true(fake_ports_step(w->ports));
        temporary = path_of(w, world_id(w), TEMPORARY_SUFFIX);
        ask_delete(w, &delete, world_id(w));
        write_text(temporary, "password");
        world_run(w);
        assert_int_equal(delete.fault, FAULT_NONE);
        assert_false(is_there(temporary));
        world_check(w);
        world_free(w);
}

/* The same with nothing but a start after it. */
static void test_cut_short(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *temporary = path_of(w, world_id(w), TEMPORARY_SUFFIX);

        world_stop(w);
        write_text(temporary, "password");
        world_start(w);
        world_run(w);
        assert_false(is_there(temporary));
        world_check(w);
        world_free(w);
}

/* Of an instance that was deleted; the last that knows of one which the store does not know stays. */
static void test_ownerless_files(void **state)
{
        static const struct {
                const char *name;
                bool goes;
        } files[] = {
                { "compose.client_234567234567.yml", true },
                { "compose.client_234567234567.yml.new", true },
                { "compose.client_234567234567.yml.bak", false },
                { "compose.client_765432765432.yml", false },
                { "compose.client_765432765432.yml.new", false },
                { "compose.client_234567234567", false },
                { "compose.client_23456723456.yml", false },
                { "compose.client_018923456789.yml", false },
                { "compose.yml", false },
                { "client_234567234567.yml", false },
                { "notes", false },
        };
        World *w = world_created(VARIANT_STRIP);

        deletion_mark(w->manager, "client_234567234567", now_realtime());
        world_stop(w);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = str_printf("%s/%s", w->compose_dir, files[i].name);

                write_text(path, "text");
        }
        world_start(w);
        world_run(w);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = str_printf("%s/%s", w->compose_dir, files[i].name);

                world_case("%s", files[i].name);
                world_assert(w, is_there(path) != files[i].goes);
                (void) unlink(path);
        }
        world_check(w);
        world_free(w);
}

/* Those of deleted instances, which are known yet. */
static void test_files_of_the_deleted(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *path = path_of(w, world_id(w), ""),
                            *temporary = path_of(w, world_id(w), TEMPORARY_SUFFIX);

        ask_about(w, "DeleteInstance");
        world_stop(w);
        write_text(path, "text");
        write_text(temporary, "text");
        world_start(w);
        world_run(w);
        assert_false(is_there(path) || is_there(temporary));
        world_check(w);
        world_free(w);
}

/* Of what is damaged nothing is touched, nor of what a store that is new here does not know. */
static void test_left(bool damaged)
{
        World *w = world_created(VARIANT_STRIP);
        char *id = strdup(world_id(w));
        _cleanup_free_ char *path = path_of(w, id, ""), *temporary = path_of(w, id, TEMPORARY_SUFFIX);

        world_stop(w);
        write_text(temporary, "text");
        if (damaged)
                fake_ports_put(w->ports, STORE_INSTANCE, id, "{", 0);
        else
                while (w->ports->records) {
                        FakeRecord *next = w->ports->records->next;

                        fake_record_free(w->ports->records);
                        w->ports->records = next;
                }
        world_start(w);
        world_run(w);
        assert_true(is_there(path) && is_there(temporary));
        assert_true(unlink(path) == 0 && unlink(temporary) == 0);
        world_free(w);
        free(id);
}

static void test_damaged(void **state)
{
        test_left(true);
}

static void test_new_store(void **state)
{
        test_left(false);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_sync),
                cmocka_unit_test(test_made_again),
                cmocka_unit_test(test_all_made_again),
                cmocka_unit_test(test_not_writable),
                cmocka_unit_test(test_not_of_the_deleted),
                cmocka_unit_test(test_cut_short_and_deleted),
                cmocka_unit_test(test_cut_short),
                cmocka_unit_test(test_ownerless_files),
                cmocka_unit_test(test_files_of_the_deleted),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_new_store),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
