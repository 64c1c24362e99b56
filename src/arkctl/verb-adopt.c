/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "arkctl/output.h"
#include "arkctl/unknown.h"
#include "arkctl/verbs.h"
#include "basic/json-util.h"
#include "basic/string-util.h"

typedef struct Adoption {
        UnknownList unknown;
        char **ids; /* to be adopted */
        char **adopted;
        StringPairs failed; /* id and reason */
} Adoption;

static void adoption_done(Adoption *a)
{
        unknown_list_done(&a->unknown);
        strv_free(a->ids);
        strv_free(a->adopted);
        string_pairs_done(&a->failed);
}

static const UnknownView *find(const Adoption *a, const char *id)
{
        for (size_t i = 0; i < a->unknown.n; i++)
                if (streq(a->unknown.items[i].id, id))
                        return a->unknown.items + i;
        return NULL;
}

/* ---- Which ---- */

static bool word_fits(const char *word, const char *id)
{
        const char *rest = startswith(id, "client_");

        return startswith(id, word) || (rest && startswith(rest, word));
}

/* What fits none is named as it is: arkd tells what is the matter with it. */
static ExitCode add_word(Adoption *a, const char *word)
{
        const char *fits = NULL;
        size_t n = 0;

        for (size_t i = 0; i < a->unknown.n; i++)
                if (word_fits(word, a->unknown.items[i].id)) {
                        fits = a->unknown.items[i].id;
                        n++;
                }
        if (n > 1) {
                ctl_error("\"%s\" fits %zu unknown instances. Give more of the ID.", word, n);
                return CTL_USAGE;
        }
        return strv_extend(&a->ids, fits ? fits : word) < 0
                               ? ctl_failed(ENOMEM, "The instances cannot be named")
                               : CTL_OK;
}

static ExitCode choose(Ctl *ctl, char **words, Adoption *a)
{
        ExitCode e = CTL_OK;

        if (ctl->all && *words) {
                ctl_error("Give the IDs of unknown instances, or --all, but not both.");
                return CTL_USAGE;
        }
        if (!ctl->all && !*words) {
                ctl_error("Give the IDs of unknown instances, or --all. \"arkctl status\" names them.");
                return CTL_USAGE;
        }
        for (size_t i = 0; ctl->all && i < a->unknown.n && e == CTL_OK; i++)
                e = strv_extend(&a->ids, a->unknown.items[i].id) < 0
                                    ? ctl_failed(ENOMEM, "The instances cannot be named")
                                    : CTL_OK;
        for (; *words && e == CTL_OK; words++)
                e = add_word(a, *words);
        return e;
}

/* ---- Doing it ---- */

static ExitCode adopt_one(Ctl *ctl, Adoption *a, const char *id, size_t n)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        const UnknownView *view = find(a, id);
        _cleanup_free_ char *act = str_printf("adopt %s", id),
                            *name = view ? unknown_name(view) : strdup(id);
        size_t total = strv_length(a->ids);
        int r;

        if (!act || !name)
                return ctl_failed(ENOMEM, "The instance cannot be named");
        r = ctl_try(ctl, ARK_BUS_PATH, ARK_MANAGER_INTERFACE, "AdoptInstance", &error, NULL, "s", id);
        if (r < 0) {
                if (string_pairs_add(&a->failed, id, error.message ? error.message : strerror(-r)) < 0)
                        return ctl_failed(ENOMEM, "The outcome cannot be kept");
                return ctl_report(ctl, act, r, &error);
        }
        if (strv_extend(&a->adopted, id) < 0)
                return ctl_failed(ENOMEM, "The outcome cannot be kept");
        if (total > 1)
                ctl_note(ctl, "Adopted %s, %zu of %zu.", name, n, total);
        else
                ctl_note(ctl, "Adopted %s.", name);
        return CTL_OK;
}

static ExitCode print_json(const Ctl *ctl, const Adoption *a)
{
        struct json_object *json = json_object_new_object(), *adopted = json_object_new_array();
        struct json_object *failed = json_object_new_array();
        int r = json_set(json, "adopted", adopted);

        if (r >= 0)
                r = json_set(json, "failed", failed);
        for (char **id = a->adopted; r >= 0 && id && *id; id++)
                r = json_append(adopted, json_object_new_string(*id));
        for (size_t i = 0; r >= 0 && i < a->failed.n; i++) {
                struct json_object *one = json_object_new_object();

                r = json_append(failed, one);
                if (r >= 0)
                        r = json_set_string(one, "id", a->failed.items[i].key);
                if (r >= 0)
                        r = json_set_string(one, "reason", a->failed.items[i].value);
        }
        return r < 0 ? ctl_failed(ENOMEM, "The outcome could not be printed") : json_print(ctl, json);
}

ExitCode verb_adopt(Ctl *ctl, char **arguments)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(adoption_done) Adoption a = { 0 };
        ExitCode e, result;
        size_t n = 0;
        int r;

        r = unknown_list_read(ctl, &a.unknown, &error);
        if (r < 0)
                return ctl_report(ctl, "look for unknown instances", r, &error);
        result = choose(ctl, arguments, &a);
        if (result != CTL_OK)
                return result;
        for (char **id = a.ids; id && *id; id++) {
                e = adopt_one(ctl, &a, *id, ++n);
                result = e != CTL_OK ? e : result;
        }
        if (ctl->json != JSON_OFF) {
                e = print_json(ctl, &a);
                result = result != CTL_OK ? result : e;
        } else if (n == 0)
                ctl_note(ctl, "There is nothing to adopt: the store knows every instance.");
        return result;
}
