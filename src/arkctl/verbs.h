/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/options.h"

/* One a file: verb-NAME.c. arguments are those after the verb's name, as many as the table of verbs says. */
ExitCode verb_adopt(Ctl *ctl, char **arguments);
ExitCode verb_cleanup(Ctl *ctl, char **arguments);
ExitCode verb_compose(Ctl *ctl, char **arguments);
ExitCode verb_credentials(Ctl *ctl, char **arguments);
ExitCode verb_delete(Ctl *ctl, char **arguments);
ExitCode verb_deploy(Ctl *ctl, char **arguments);
ExitCode verb_help(Ctl *ctl, char **arguments);
ExitCode verb_keep(Ctl *ctl, char **arguments);
ExitCode verb_list(Ctl *ctl, char **arguments);
ExitCode verb_log_level(Ctl *ctl, char **arguments);
ExitCode verb_logs(Ctl *ctl, char **arguments);
ExitCode verb_product_delete(Ctl *ctl, char **arguments);
ExitCode verb_product_edit(Ctl *ctl, char **arguments);
ExitCode verb_product_list(Ctl *ctl, char **arguments);
ExitCode verb_product_set(Ctl *ctl, char **arguments);
ExitCode verb_product_show(Ctl *ctl, char **arguments);
ExitCode verb_restart(Ctl *ctl, char **arguments);
ExitCode verb_show(Ctl *ctl, char **arguments);
ExitCode verb_status(Ctl *ctl, char **arguments);
ExitCode verb_version(Ctl *ctl, char **arguments);
