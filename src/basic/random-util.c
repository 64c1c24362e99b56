/* SPDX-License-Identifier: MIT */
#include "basic/random-util.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

int random_string(const char *alphabet, size_t n, char *buffer)
{
        size_t length = strlen(alphabet), limit = 256 - 256 % length;
        unsigned char bytes[64];

        for (size_t i = 0; i < n;) {
                ssize_t got = getrandom(bytes, sizeof bytes, 0);

                if (got < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                /* Bytes past the last whole multiple would favour the alphabet's beginning. */
                for (ssize_t b = 0; b < got && i < n; b++)
                        if (bytes[b] < limit)
                                buffer[i++] = alphabet[bytes[b] % length];
        }
        buffer[n] = '\0';
        explicit_bzero(bytes, sizeof bytes);
        return 0;
}
