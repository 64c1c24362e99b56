/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Has nginx leave out what applications say before their answers (nginx/module), where the module is for this very
 * program: writes the pieces that load it and use it into the directory, or removes them. Logs what fails.
 */
int module_write(const char *directory, const char *nginx, const char *module);
