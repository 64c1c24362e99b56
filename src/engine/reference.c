/* SPDX-License-Identifier: MIT */
#include "engine/reference.h"

#include <errno.h>

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define NAME_MAX_BYTES 255U

void engine_reference_done(EngineReference *reference)
{
        reference->name = mfree(reference->name);
        reference->tag = mfree(reference->tag);
}

/* n characters, all of the set, at least one, none of them first that may not be. */
static bool is_word(const char *s, size_t n, const char *set)
{
        return n > 0 && strspn(s, set) >= n && strchr(LETTERS_DIGITS, s[0]);
}

static bool is_digest(const char *s)
{
        size_t n = strlen(s);

        return n > 40 && is_word(s, n, LETTERS_DIGITS ":+._-") && strchr(s, ':');
}

/* Path components are not empty, and "." and ".." would change what the URL means. */
static bool is_path(const char *s, size_t n)
{
        if (!is_word(s, n, LETTERS_DIGITS "._-/:") || s[n - 1] == '/' || s[n - 1] == ':')
                return false;
        for (size_t i = 0; i + 1 < n; i++)
                if (s[i] == '/' && (s[i + 1] == '/' || s[i + 1] == '.'))
                        return false;
        return true;
}

int engine_reference_parse(const char *s, EngineReference *ret)
{
        EngineReference parsed = {};
        const char *digest, *slash, *colon, *tag = NULL;
        size_t n;

        if (strlen(s) > ENGINE_REFERENCE_MAX)
                return -EINVAL;
        digest = strchr(s, '@');
        n = digest ? (size_t) (digest - s) : strlen(s);
        slash = memrchr(s, '/', n);
        colon = memrchr(s, ':', n); /* one before the last slash belongs to the registry's port */
        if (colon && (!slash || colon > slash)) {
                tag = colon + 1;
                if (!is_word(tag, n - (size_t) (tag - s), LETTERS_DIGITS "._-"))
                        return -EINVAL;
                n = (size_t) (colon - s);
        }
        if (!is_path(s, n) || (digest && !is_digest(digest + 1)))
                return -EINVAL;

        parsed.name = strndup(s, n);
        /* Without any, a pull would fetch every tag there is. */
        parsed.tag = digest ? strdup(digest + 1) : tag ? strdup(tag) : strdup("latest");
        if (!parsed.name || !parsed.tag) {
                engine_reference_done(&parsed);
                return -ENOMEM;
        }
        *ret = parsed;
        return 0;
}

bool engine_name_is_valid(const char *s)
{
        size_t n = strlen(s);

        return n <= NAME_MAX_BYTES && is_word(s, n, LETTERS_DIGITS "_.-");
}
