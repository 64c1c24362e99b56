/* SPDX-License-Identifier: MIT */
#include "core/model/listening.h"

#include "core/ports.h"

/* Is what is there reached from within the container alone? */
static bool is_loopback(const Listener *listener)
{
        return startswith(listener->address, "127.") || streq(listener->address, "::1");
}

static char *describe_one(const Listener *l)
{
        if (!*l->address)
                return str_printf("port %u", l->port);
        return strchr(l->address, ':') ? str_printf("[%s]:%u only", l->address, l->port)
                                       : str_printf("%s:%u only", l->address, l->port);
}

static char *append(char *text, const char *between, char *more)
{
        char *longer = text && more ? str_printf("%s%s%s", text, *text ? between : "", more) : NULL;

        free(text);
        free(more);
        return longer;
}

char *listening_describe(const Listener *listeners, size_t n)
{
        char *text = strdup(n > 0 ? "" : "no port");
        bool hidden = false;

        for (size_t i = 0; i < n; i++) {
                text = append(text, ", ", describe_one(listeners + i));
                hidden = hidden || is_loopback(listeners + i);
        }
        return hidden ? append(text, "", strdup(": to be reached it has to listen on 0.0.0.0")) : text;
}
