/* SPDX-License-Identifier: Apache-2.0 */
/* Running the probe again: in this process or in a child. */
#pragma once

#include "probe.h"

/* Replaces this process by the program at `path` (NULL: this program's own file) with these arguments. Returns only when it failed. */
void exec_self(const char *path, char **arguments);
/* The same in a child; its pid, or -1. */
pid_t spawn_self(const char *path, char **arguments);
/* Waits for a child; whether it ended with status 0. */
bool wait_child(pid_t child);
/* A copy of `arguments` with "@" replaced by `number`. */
char **numbered(char **arguments, int count, int number);
void free_arguments(char **arguments);
