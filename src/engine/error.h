/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

/* Maps an HTTP status of the Engine API to 0 (2xx, and 304: it is so already) or a negative errno: -EINVAL (400),
 * -EPERM (401, 403), -ENOENT (404), -EBUSY (409), -EIO. */
int engine_error_of_status(long status);

/*
 * Maps what the engine says of a pull that failed: -ENOENT, -EACCES, -EHOSTUNREACH as core/ports.h has them,
 * -EDQUOT where the registry wants no more pulls for now, -ENOEXEC where it has nothing for this host's processor, or
 * what the status says. The registry's reasons reach us as text only, in the stream or in an error reply; status is
 * 0 or 200 for the stream.
 */
int engine_error_of_pull(long status, const char *message);

/* The reason in an error reply, as one line of valid UTF-8 of bounded length: Docker's {"message"}, else the text
 * itself. A new string; NULL when out of memory. */
char *engine_error_message(struct json_object *json, const char *body, size_t n);

/* Makes one line of valid UTF-8 and bounded length of it. A new string; NULL when out of memory. */
char *engine_error_line(const char *text, size_t n);
