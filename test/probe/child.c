// SPDX-License-Identifier: Apache-2.0
#include "child.h"

#include <sys/wait.h>

void exec_self(const char *path, char **arguments)
{
	char own[4096], *all[64] = {};
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (!path && length < 0)
		return;
	own[length < 0 ? 0 : length] = 0;
	all[0] = path ? (char *)path : own;
	for (int i = 0; arguments[i] && i < 62; i++)
		all[i + 1] = arguments[i];
	execv(all[0], all);
}

pid_t spawn_self(const char *path, char **arguments)
{
	pid_t child = fork();

	if (child == 0) {
		exec_self(path, arguments);
		perror("probe: exec");
		_exit(127);
	}
	return child;
}

bool wait_child(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	errno = ECHILD;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

char **numbered(char **arguments, int count, int number)
{
	char **copy = calloc(count + 1, sizeof(*copy));

	for (int i = 0; copy && i < count; i++) {
		const char *at = strchr(arguments[i], '@');
		int before = at ? at - arguments[i] : 0;

		if (!at)
			copy[i] = strdup(arguments[i]);
		else if (asprintf(&copy[i], "%.*s%d%s", before, arguments[i], number, at + 1) < 0)
			copy[i] = NULL;
	}
	return copy;
}

void free_arguments(char **arguments)
{
	for (int i = 0; arguments[i]; i++)
		free(arguments[i]);
	free(arguments);
}
