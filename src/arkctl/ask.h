/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/ctl.h"

/*
 * Asks whether to do what question says; --yes is the answer to all. CTL_OK to go on; CTL_FAILED where the user does
 * not want to; CTL_USAGE where nobody can be asked, having said that --yes is needed.
 */
ExitCode ask(const Ctl *ctl, const char *question, ...) _printf_(2, 3);
