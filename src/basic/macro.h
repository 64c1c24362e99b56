/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The error contract, once for the whole tree: functions that can fail return 0 or a positive value for
 * success and a negative errno for failure. Outputs are called ret_… and are untouched on failure. A
 * destructor accepts NULL and returns NULL. A function either logs its failure or returns it, never half.
 */

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))

#define ELEMENTSOF(a)                   (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *) (void *) ((char *) (ptr) -offsetof(type, member)))

#define TAKE_PTR(ptr)                                                                                       \
        ({                                                                                                  \
                __typeof__(ptr) *_p = &(ptr), _v = *_p;                                                     \
                *_p = NULL;                                                                                 \
                _v;                                                                                         \
        })
#define TAKE_FD(fd)                                                                                         \
        ({                                                                                                  \
                int *_p = &(fd), _v = *_p;                                                                  \
                *_p = -1;                                                                                   \
                _v;                                                                                         \
        })

/* Declares name##p(), to be used as _cleanup_(name##p), for a destructor name(type *). */
#define DEFINE_CLEANUP_FUNC(type, name)                                                                     \
        static inline void name##p(type **p)                                                                \
        {                                                                                                   \
                if (*p)                                                                                     \
                        name(*p);                                                                           \
        }

#define _cleanup_free_  _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

static inline void freep(void *p)
{
        free(*(void **) p);
}

static inline void closep(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static inline int close_fd(int fd)
{
        if (fd >= 0)
                close(fd);
        return -1;
}

/* Frees and answers NULL: p = mfree(p). */
static inline void *mfree(void *p)
{
        free(p);
        return NULL;
}

#define new0(type, n) ((type *) calloc((n) ? (n) : 1, sizeof(type)))

static inline bool streq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

/* True where both are NULL, or both are the same string. */
static inline bool streq_ptr(const char *a, const char *b)
{
        return a == b || (a && b && streq(a, b));
}

static inline const char *strempty(const char *s)
{
        return s ? s : "";
}
