// SPDX-License-Identifier: Apache-2.0
/* The same operation from another namespace. */
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

/* Enters --netns (a path or a name below /run/netns) and goes on there, in this process. */
struct outcome in_netns(const struct options *options)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s%s", options->netns[0] == '/' ? "" : "/run/netns/", options->netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		return failed("setns");
	run(options->rest_count, options->rest);
	return done("setns");
}

/* A mount namespace of its own; with --path this program's file is mounted over PATH there and run as PATH. */
struct outcome in_new_mounts(const struct options *options)
{
	char own[4096] = {};

	if (readlink("/proc/self/exe", own, sizeof(own) - 1) < 0)
		return failed("readlink");
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return failed("unshare");
	if (options->path && mount(own, options->path, NULL, MS_BIND, NULL))
		return failed("mount");
	exec_self(options->path, options->rest);
	return failed("exec");
}

struct outcome in_new_pids(const struct options *options)
{
	if (unshare(CLONE_NEWPID))
		return failed("unshare");
	return wait_child(spawn_self(options->path, options->rest)) ? done("child") : failed("child");
}
