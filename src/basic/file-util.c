/* SPDX-License-Identifier: MIT */
#include "basic/file-util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/macro.h"
#include "basic/string-util.h"

#define CREDENTIAL_MAX 4096

int read_file(const char *path, size_t max, char **ret_text, size_t *ret_size)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_free_ char *text = NULL;
        struct stat st;
        size_t n = 0;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        if ((uintmax_t) st.st_size > max)
                return -EFBIG;
        text = malloc(max + 1 < (size_t) st.st_size + 2 ? max + 1 : (size_t) st.st_size + 2);
        if (!text)
                return -ENOMEM;
        for (;;) {
                ssize_t k = read(fd, text + n, (size_t) st.st_size + 1 - n);

                if (k < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (k == 0)
                        break;
                n += (size_t) k;
                if (n > (size_t) st.st_size)
                        return -EFBIG; /* it grew under us */
        }
        text[n] = '\0';
        *ret_text = TAKE_PTR(text);
        if (ret_size)
                *ret_size = n;
        return 0;
}

static int write_all(int fd, const char *text)
{
        size_t n = strlen(text);

        while (n > 0) {
                ssize_t k = write(fd, text, n);

                if (k < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                text += k;
                n -= (size_t) k;
        }
        return 0;
}

int write_file_atomic(const char *path, const char *text, mode_t mode)
{
        _cleanup_free_ char *temporary = str_printf("%s" TEMPORARY_SUFFIX, path);
        _cleanup_close_ int fd = -1;
        int r;

        if (!temporary)
                return -ENOMEM;
        (void) unlink(temporary);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;
        r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, text);
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);
        return r;
}

int read_credential(const char *name, char **ret_secret)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(str_erase_freep) char *secret = NULL;
        _cleanup_free_ char *path = NULL;
        size_t n = 0;
        int r;

        if (!directory)
                return -ENOENT;
        path = str_printf("%s/%s", directory, name);
        if (!path)
                return -ENOMEM;
        r = read_file(path, CREDENTIAL_MAX, &secret, &n);
        if (r < 0)
                return r;
        while (n > 0 && strchr(" \t\r\n", secret[n - 1]))
                secret[--n] = '\0';
        if (n == 0)
                return -ENOENT;
        *ret_secret = TAKE_PTR(secret);
        return 0;
}
