/* SPDX-License-Identifier: MIT */
#include "nginx/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/file-util.h"
#include "basic/log.h"
#include "basic/string-util.h"

/* nginx.conf and app.conf include by such names whatever there is. */
#define LOAD_FILE       "module-interim.conf"
#define USE_FILE        "app-interim.conf"
#define TRIED_FILE      "try-module.conf"
#define PID_FILE        "try-module.pid" /* nginx makes it, and leaves it */
#define EXIT_NO_COMMAND 127

static int write_piece(const char *directory, const char *name, const char *text)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);

        return path ? write_file_atomic(path, text, 0644) : -ENOMEM;
}

static int remove_piece(const char *directory, const char *name)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);

        if (!path)
                return -ENOMEM;
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* What nginx has to say is not for the journal: a module for another version is nothing that an operator can mend. */
static _Noreturn void exec_quietly(const char *const command[])
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
                (void) dup2(null, fd);
        (void) execv(command[0], (char *const *) command);
        _exit(EXIT_NO_COMMAND);
}

/* Whether a command ends well. */
static int succeeds(const char *const command[])
{
        pid_t pid = fork();
        int status;

        if (pid < 0)
                return -errno;
        if (pid == 0)
                exec_quietly(command);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* Only nginx itself can tell: a module is for one version, and for one way to build it. */
static int try_module(const char *directory, const char *nginx, const char *load)
{
        _cleanup_free_ char *text = str_printf("pid %s/" PID_FILE ";\n%sevents { }\n", directory, load),
                            *path = str_printf("%s/%s", directory, TRIED_FILE);
        const char *command[] = { nginx, "-t", "-q", "-e", "stderr", "-p", directory, "-c", path, NULL };
        int r;

        if (!text || !path)
                return -ENOMEM;
        r = write_file_atomic(path, text, 0644);
        if (r < 0)
                return r;
        r = succeeds(command);
        (void) unlink(path);
        (void) remove_piece(directory, PID_FILE);
        return r;
}

static int use_module(const char *directory, const char *load)
{
        int r = write_piece(directory, LOAD_FILE, load);

        return r < 0 ? r
                     : write_piece(directory, USE_FILE, "proxy_set_header X-Ark-Interim $ark_interim;\n");
}

/* The use goes before what it needs. */
static int drop_module(const char *directory)
{
        int r = remove_piece(directory, USE_FILE);

        log_notice("There is no module for this version of nginx that leaves out interim answers, so "
                   "answers of "
                   "applications that send 103 Early Hints do not arrive; see arkd-nginx.service(8)");
        return r < 0 ? r : remove_piece(directory, LOAD_FILE);
}

int module_write(const char *directory, const char *nginx, const char *module)
{
        _cleanup_free_ char *load = str_printf("load_module %s;\n", module);
        int r = load ? try_module(directory, nginx, load) : -ENOMEM;

        if (r >= 0)
                r = r > 0 ? use_module(directory, load) : drop_module(directory);
        return r < 0 ? log_error_errno(r, "Cannot find out whether nginx can leave out interim answers: %m")
                     : 0;
}
