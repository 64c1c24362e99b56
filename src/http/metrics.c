/* SPDX-License-Identifier: MIT */
#include "http/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "basic/json-util.h"
#include "basic/string-util.h"

/* A backslash before what would end the text early; quotes end labels' values only. */
static void write_escaped(FILE *f, const char *s, const char *special)
{
        for (; *s; s++) {
                if (!strchr(special, *s))
                        (void) fputc(*s, f);
                else
                        (void) fprintf(f, "\\%c", *s == '\n' ? 'n' : *s);
        }
}

/* The shortest decimal form that is read as the same number again. */
static void write_double(FILE *f, double value)
{
        char text[32];

        if (isnan(value) || isinf(value)) {
                (void) fputs(isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf", f);
                return;
        }
        (void) snprintf(text, sizeof text, "%.15g", value);
        if (fpclassify(strtod(text, NULL) - value) != FP_ZERO)
                (void) snprintf(text, sizeof text, "%.17g", value);
        (void) fputs(text, f);
}

static void write_labels(FILE *f, struct json_object *labels)
{
        bool first = true;

        if (json_object_object_length(labels) == 0)
                return;
        (void) fputc('{', f);
        json_object_object_foreach (labels, name, value) {
                (void) fprintf(f, "%s%s=\"", first ? "" : ",", name);
                write_escaped(f, strempty(json_object_get_string(value)), "\\\"\n");
                (void) fputc('"', f);
                first = false;
        }
        (void) fputc('}', f);
}

static int write_sample(FILE *f, const char *name, struct json_object *sample)
{
        struct json_object *labels = json_get(sample, "labels"), *value = json_get(sample, "value");
        const char *suffix;

        if (json_get_string(sample, "suffix", &suffix) < 0 ||
                        !json_object_is_type(labels, json_type_object) || !value)
                return -EINVAL;
        (void) fprintf(f, "%s%s", name, suffix);
        write_labels(f, labels);
        (void) fputc(' ', f);
        if (json_object_is_type(value, json_type_int))
                (void) fprintf(f, "%" PRIu64, json_object_get_uint64(value));
        else
                write_double(f, json_object_get_double(value));
        (void) fputc('\n', f);
        return 0;
}

static int write_family(FILE *f, struct json_object *family)
{
        struct json_object *samples = json_get(family, "samples");
        const char *name, *type, *help;
        int r = 0;

        if (json_get_string(family, "name", &name) < 0 || json_get_string(family, "type", &type) < 0 ||
                        json_get_string(family, "help", &help) < 0 ||
                        !json_object_is_type(samples, json_type_array))
                return -EINVAL;
        (void) fprintf(f, "# HELP %s ", name);
        write_escaped(f, help, "\\\n");
        (void) fprintf(f, "\n# TYPE %s %s\n", name, type);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(samples); i++)
                r = write_sample(f, name, json_object_array_get_idx(samples, i));
        return r;
}

char *metrics_to_text(struct json_object *metrics)
{
        struct json_object *families = json_get(metrics, "families");
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f;
        int r = 0;

        if (!json_object_is_type(families, json_type_array))
                return NULL;
        f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        for (size_t i = 0; r >= 0 && i < json_object_array_length(families); i++)
                r = write_family(f, json_object_array_get_idx(families, i));
        if (fclose(f) != 0)
                r = -ENOMEM;
        return r < 0 ? NULL : TAKE_PTR(text);
}
