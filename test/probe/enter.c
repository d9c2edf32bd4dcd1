// SPDX-License-Identifier: Apache-2.0
/* enter CGROUP|- NETNS|- [--user UID] -- COMMAND...
 *
 * Joins the cgroup first, then the network namespace, and runs COMMAND there. `ip netns exec` would mount a fresh /sys without the cgroup
 * tree. Proves both memberships before it runs anything: exit 125 with a sentence when one is missing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("enter: ", stderr);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(arguments);
	exit(125);
}

static void join_cgroup(const char *directory)
{
	char path[4096], line[64];
	FILE *members;
	int found = 0;

	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	members = fopen(path, "we");
	if (!members || fprintf(members, "%d\n", getpid()) < 0 || fclose(members))
		fail("Cannot join cgroup \"%s\"", directory);
	members = fopen(path, "re");
	if (!members)
		fail("Cannot read \"%s\"", path);
	while (fgets(line, sizeof(line), members))
		found |= atoi(line) == getpid();
	fclose(members);
	errno = ESRCH;
	if (!found)
		fail("Not in cgroup \"%s\" after joining it", directory);
}

static void enter_netns(const char *name)
{
	char path[4096];
	struct stat wanted, own;
	int fd;

	snprintf(path, sizeof(path), "%s%s", name[0] == '/' ? "" : "/run/netns/", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail("Cannot enter network namespace \"%s\"", path);
	if (fstat(fd, &wanted) || stat("/proc/self/ns/net", &own) || wanted.st_ino != own.st_ino)
		fail("Not in network namespace \"%s\" after entering it", path);
	close(fd);
}

static void become(uid_t uid)
{
	if (setgroups(0, NULL) || setgid(uid) || setuid(uid))
		fail("Cannot become user %u", uid);
}

int main(int argc, char **argv)
{
	int at = 3;

	if (argc > 4 && !strcmp(argv[3], "--user"))
		at = 5;
	if (argc < at + 2 || strcmp(argv[at], "--")) {
		fputs("usage: enter CGROUP|- NETNS|- [--user UID] -- COMMAND...\n", stderr);
		return 125;
	}
	if (strcmp(argv[1], "-"))
		join_cgroup(argv[1]);
	if (strcmp(argv[2], "-"))
		enter_netns(argv[2]);
	if (at == 5)
		become(atoi(argv[4]));
	execvp(argv[at + 1], argv + at + 1);
	fail("Cannot run \"%s\"", argv[at + 1]);
}
