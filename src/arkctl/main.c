/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "arkctl/agent.h"
#include "arkctl/client.h"
#include "arkctl/terminal.h"
#include "arkctl/verbs.h"

static ExitCode run(Ctl *ctl, int argc, char **argv)
{
        char **arguments, **rest;
        const Verb *verb;
        ExitCode e;

        e = options_parse(ctl, argc, argv, &arguments);
        if (e != CTL_OK)
                return e;
        if (ctl->version)
                return verb_version(ctl, arguments);
        if (ctl->help)
                return verb_help(ctl, arguments);
        e = verb_find(arguments, &verb, &rest);
        if (e == CTL_OK)
                e = options_check(verb);
        if (e == CTL_OK && !verb->local)
                e = ctl_connect(ctl);
        if (e == CTL_OK && verb->authorise)
                agent_open(ctl);
        return e == CTL_OK ? verb->run(ctl, rest) : e;
}

int main(int argc, char **argv)
{
        Ctl ctl = { 0 };
        ExitCode e;

        terminal_setup();
        e = run(&ctl, argc, argv);
        if (fflush(stdout) != 0 && !ctl.pager && e == CTL_OK)
                e = ctl_failed(errno, "The output could not be written");
        ctl_done(&ctl);
        return (int) e;
}
