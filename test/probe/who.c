// SPDX-License-Identifier: Apache-2.0
/* Who is talking: sockets that change hands, children, threads, many short lives. */
#include "child.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

/* TCP with --protocol 6, else UDP; connected with --connected. -1 with `step` set when that failed. */
static int open_socket(const struct options *options, const char **step)
{
	union address to;
	socklen_t length = peer(options, &to);
	int fd = socket(to.any.sa_family, options->protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM, 0);

	*step = "socket";
	if (fd >= 0 && options->connected && connect(fd, &to.any, length)) {
		*step = "connect";
		return -1;
	}
	return fd;
}

static struct outcome send_on(const struct options *options, int fd)
{
	union address to;
	socklen_t length = peer(options, &to);
	char data[MAX_MESSAGE];
	bool tcp = options->protocol == IPPROTO_TCP, named = !tcp && !options->connected;

	if (tcp && !options->connected && connect(fd, &to.any, length))
		return failed("connect");
	return send_once(options, fd, data, message(options, 0, data, sizeof(data)), named ? &to : NULL, named ? length : 0);
}

struct outcome use_fd(const struct options *options)
{
	return send_on(options, options->fd);
}

/* Runs "probe SUBCOMMAND --fd N" with our own peer and payload in a child made by fork and exec; waits for it. */
static struct outcome hand_to_child(const struct options *options, const char *subcommand, int fd)
{
	char number[16], port[16], protocol[16];
	char *arguments[20] = { (char *)subcommand, "--to", (char *)options->to, "--port", port, "--fd", number };
	int count = 7;

	snprintf(number, sizeof(number), "%d", fd);
	snprintf(port, sizeof(port), "%d", options->port);
	snprintf(protocol, sizeof(protocol), "%d", options->protocol);
	arguments[count++] = "--payload";
	arguments[count++] = (char *)options->payload;
	arguments[count++] = "--protocol";
	arguments[count++] = protocol;
	if (options->connected)
		arguments[count++] = "--connected";
	if (options->stay)
		arguments[count++] = "--stay";
	if (options->again)
		arguments[count++] = "--again";
	if (options->cgroup) {
		arguments[count++] = "--cgroup";
		arguments[count++] = (char *)options->cgroup;
	}
	return wait_child(spawn_self(options->path, arguments)) ? done("child") : failed("child");
}

/* The parent opens the socket; its child (the program at --path, or this one) sends on it. */
struct outcome inherit(const struct options *options)
{
	const char *step;
	int fd = open_socket(options, &step);

	return fd < 0 ? failed(step) : hand_to_child(options, "use-fd", fd);
}

static int send_descriptor(int channel, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { "x", 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(channel, &message, 0) == 1 ? 0 : -1;
}

static int receive_descriptor(int channel)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(channel, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* Opens the socket and passes it to a receiver (the program at --path, or this one), which may leave for --cgroup before it sends. */
struct outcome pass_socket(const struct options *options)
{
	const char *step;
	int fd = open_socket(options, &step), ends[2];

	if (fd < 0)
		return failed(step);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) || socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) || send_descriptor(ends[0], fd))
		return failed("sendmsg");
	close(fd);
	return hand_to_child(options, "receive-socket", ends[1]);
}

struct outcome receive_socket(const struct options *options)
{
	char path[4096];
	int fd;

	if (options->cgroup) {
		FILE *members;

		snprintf(path, sizeof(path), "%s/cgroup.procs", options->cgroup);
		members = fopen(path, "we");
		if (!members || fprintf(members, "%d\n", getpid()) < 0 || fclose(members))
			return failed("cgroup");
	}
	fd = receive_descriptor(options->fd);
	return fd < 0 ? failed("recvmsg") : send_on(options, fd);
}

static void *run_rest(void *argument)
{
	const struct options *options = argument;

	run(options->rest_count, options->rest);
	return NULL;
}

struct outcome in_thread(const struct options *options)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run_rest, (void *)options);
	if (!errno)
		errno = pthread_join(thread, NULL);
	return failed("thread"); /* with errno 0: done */
}

struct outcome fork_once(const struct options *options)
{
	pid_t child = fork();

	if (child == 0)
		_exit(run(options->rest_count, options->rest));
	return wait_child(child) ? done("child") : failed("child");
}

/* Becomes the program at --path (or this one) and goes on there at once. */
struct outcome exec_now(const struct options *options)
{
	exec_self(options->path, options->rest);
	return failed("exec");
}

/* --count processes at once, each made by fork and exec; "@" in their arguments becomes their number. Waits for all. */
struct outcome spawn_many(const struct options *options)
{
	struct outcome outcome = done("child");
	int alive = 0;

	for (int i = 0; i < options->count; i++) {
		char **arguments = numbered(options->rest, options->rest_count, i);

		if (spawn_self(options->path, arguments) < 0)
			return failed("fork");
		free_arguments(arguments);
		alive++;
	}
	for (int status; alive > 0; alive--)
		outcome.sent += wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return outcome;
}
