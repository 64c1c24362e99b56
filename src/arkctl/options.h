/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/ctl.h"

/* A verb, as the command line, the help and the completion know it. */
typedef struct Verb {
        const char *name; /* one word, or "product list" */
        const char *arguments; /* for the help; "" for none */
        const char *help; /* one line, without a full stop */
        unsigned min, max; /* arguments after its name; UINT_MAX: any number */
        ExitCode (*run)(Ctl *ctl, char **arguments); /* NULL-terminated */
        bool local; /* needs no bus */
        bool authorise; /* polkit may ask for a password */
} Verb;

/* All of them, in the order of the help, ended by one without a name. */
extern const Verb verbs[];

/*
 * Finds the verb that arguments begin with ("list" where there are none) and checks how many follow. Answers CTL_OK,
 * or CTL_USAGE having said why. ret_rest: what follows the name, in arguments.
 */
ExitCode verb_find(char **arguments, const Verb **ret_verb, char ***ret_rest);
/* By its whole name; NULL. */
const Verb *verb_by_name(const char *name);

/* An option. */
typedef struct Option {
        const char *name;
        char letter; /* or 0 */
        const char *argument; /* its name in the help; NULL where it takes none */
        const char *help;
        const char *verbs; /* the verbs that have it, with a space before and after each; NULL for all */
        int (*parse)(Ctl *ctl, const char *value); /* -EINVAL where the value is not valid */
        const char *expected; /* what is valid */
} Option;

extern const Option options[];
extern const size_t n_options;

/* Reads the options, which may stand anywhere. ret_arguments: what remains, in argv. CTL_OK or CTL_USAGE. */
ExitCode options_parse(Ctl *ctl, int argc, char **argv, char ***ret_arguments);
/* Refuses options that the verb does not have. CTL_OK or CTL_USAGE. */
ExitCode options_check(const Verb *verb);
bool option_is_of(const Option *option, const Verb *verb);
