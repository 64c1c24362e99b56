/* SPDX-License-Identifier: MIT */
#include "arkd/state-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "basic/log.h"

/* The directory itself is locked: it is there whoever starts arkd and however, and no file is left behind. Nobody but
 * arkd and root may open it. */
int state_lock(const char *directory, int *ret_fd)
{
        _cleanup_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return log_error_errno(errno, "The state directory %s cannot be opened: %m", directory);
        if (flock(fd, LOCK_EX | LOCK_NB) >= 0) {
                *ret_fd = TAKE_FD(fd);
                return 0;
        }
        if (errno != EWOULDBLOCK)
                return log_error_errno(errno, "The state directory %s cannot be locked: %m", directory);
        return log_error_errno(EBUSY,
                        "Another arkd runs already and has locked %s, so this one does not start; see "
                        "“systemctl status arkd”",
                        directory);
}
