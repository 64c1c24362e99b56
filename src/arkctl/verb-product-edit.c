/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "arkctl/ask.h"
#include "arkctl/product-text.h"
#include "arkctl/terminal.h"
#include "arkctl/verbs.h"
#include "basic/file-util.h"
#include "basic/string-util.h"

/* A file of the user's alone: a product may hold secrets. */
static int make_file(const char *text, char **ret_path)
{
        const char *directory = getenv("TMPDIR");
        _cleanup_free_ char *path = str_printf(
                        "%s/arkctl-product-XXXXXX.json", directory && *directory ? directory : "/tmp");
        _cleanup_close_ int fd = -1;
        size_t n = strlen(text);

        if (!path)
                return -ENOMEM;
        fd = mkostemps(path, (int) strlen(".json"), O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (write(fd, text, n) != (ssize_t) n) {
                (void) unlink(path);
                return -EIO;
        }
        *ret_path = TAKE_PTR(path);
        return 0;
}

static _Noreturn void run_editor(char **words, char *path)
{
        static const char *const usual[] = { "sensible-editor", "editor", "nano", "vi" };

        if (words && words[0]) {
                if (strv_extend(&words, path) >= 0)
                        (void) execvp(words[0], words);
                (void) fprintf(stderr, "The editor %s cannot be started: %s.\n", words[0], strerror(errno));
                _exit(127);
        }
        for (size_t i = 0; i < ELEMENTSOF(usual); i++)
                (void) execlp(usual[i], usual[i], path, (char *) NULL);
        (void) fputs("There is no editor. Set $EDITOR to one.\n", stderr);
        _exit(127);
}

/* What the editor does with Ctrl-C is its affair: arkctl has yet to say where the text is. */
static void interrupts_set(void (*handler)(int))
{
        (void) signal(SIGINT, handler);
        (void) signal(SIGQUIT, handler);
}

/* Opens the file in $VISUAL or $EDITOR, words separated by spaces, and waits for its end. */
static ExitCode edit_file(char *path)
{
        _cleanup_(strv_freep) char **words = NULL;
        const char *editor = getenv("VISUAL");
        int status = 0;
        pid_t pid;

        if (!editor || !*editor)
                editor = getenv("EDITOR");
        if (editor && strv_split(editor, " \t", &words) < 0)
                return ctl_failed(ENOMEM, "The editor cannot be started");
        (void) fflush(NULL);
        interrupts_set(SIG_IGN);
        pid = fork();
        if (pid == 0) {
                interrupts_set(SIG_DFL);
                run_editor(TAKE_PTR(words), path);
        }
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                continue;
        interrupts_set(SIG_DFL);
        if (pid < 0)
                return ctl_failed(EAGAIN, "The editor cannot be started");
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return CTL_OK;
        ctl_error("The editor failed, so the product stays as it was.");
        return CTL_FAILED;
}

/* After a failure: says where the text is, before the user is asked anything that Ctrl-C may answer. One that is as it
 * was is not kept. */
static void keep_text(const char *before, const char *path)
{
        _cleanup_free_ char *text = NULL;

        if (read_file(path, PRODUCT_BYTES_MAX, &text, NULL) >= 0 && streq(text, before))
                (void) unlink(path);
        else if (access(path, F_OK) == 0)
                ctl_warning("What was edited is kept in %s.", path);
}

/* Until the daemon takes it, or the user has had enough. */
static ExitCode edit_until_taken(Ctl *ctl, const char *id, const char *before, char *path)
{
        for (;;) {
                _cleanup_free_ char *text = NULL, *now_id = NULL;
                ExitCode e;
                int r;

                e = edit_file(path);
                r = e == CTL_OK ? read_file(path, PRODUCT_BYTES_MAX, &text, NULL) : 0;
                if (r < 0)
                        e = ctl_failed(r, "What was edited cannot be read");
                if (e != CTL_OK) {
                        keep_text(before, path);
                        return e;
                }
                if (streq(text, before)) {
                        ctl_note(ctl, "Nothing was changed.");
                        return CTL_OK;
                }
                e = product_set(ctl, "what was edited", text, &now_id);
                if (e == CTL_OK) {
                        ctl_note(ctl, "Set the product %s.%s", now_id,
                                        streq(now_id, id) ? "" : " The one edited is still there.");
                        return CTL_OK;
                }
                keep_text(before, path);
                if (!terminal_can_ask() || ask(ctl, "Edit it again?") != CTL_OK)
                        return e;
        }
}

ExitCode verb_product_edit(Ctl *ctl, char **arguments)
{
        _cleanup_free_ char *act = str_printf("edit the product %s", arguments[0]);
        _cleanup_free_ char *json = NULL, *pretty = NULL, *path = NULL;
        ExitCode e;
        int r;

        e = act ? product_get(ctl, act, arguments[0], &json) : ctl_failed(ENOMEM, "Cannot edit the product");
        if (e != CTL_OK)
                return e;
        pretty = product_pretty(json);
        r = pretty ? make_file(pretty, &path) : -ENOMEM;
        if (r < 0 || !path)
                return ctl_failed(r, "The product cannot be laid out for editing");
        e = edit_until_taken(ctl, arguments[0], pretty, path);
        if (e == CTL_OK)
                (void) unlink(path);
        return e;
}
