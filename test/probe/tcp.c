// SPDX-License-Identifier: Apache-2.0
/* TCP: every way to open a connection, a steady stream, and a listener. */
#include "probe.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262 /* Linux 5.6, include/uapi/linux/in.h */
#endif

static struct outcome finish_nonblocking(int fd, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(errno);
	int ready = poll(&wait, 1, timeout_ms);

	if (ready == 0)
		errno = ETIMEDOUT;
	else if (ready > 0)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &size);
	return failed("connect"); /* with errno 0: connected */
}

static struct outcome open_connection(const struct options *options, int fd, const union address *to, socklen_t length)
{
	bool available = true;

	if (options->fastopen) {
		char data[MAX_MESSAGE];
		size_t size = message(options, 0, data, sizeof(data));

		return sendto(fd, data, size, MSG_FASTOPEN, &to->any, length) < 0 ? failed("sendto") : done("sendto");
	}
	if (options->uring) {
		errno = -uring_connect(fd, to, length, &available);
		return available ? failed("connect") : unsupported("io_uring_setup");
	}
	if (connect(fd, &to->any, length) == 0)
		return done("connect");
	return errno == EINPROGRESS ? finish_nonblocking(fd, options->timeout_ms) : failed("connect");
}

static void set_receive_timeout(int fd, int timeout_ms)
{
	struct timeval wait = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
}

/* Sends the payload, ends our half and reads until the peer ends its own, so that no reset follows. */
static struct outcome talk(const struct options *options, int fd)
{
	char data[MAX_MESSAGE];
	ssize_t length;

	set_receive_timeout(fd, options->timeout_ms);
	for (int i = 0; i < options->count && !options->fastopen; i++)
		if (send(fd, data, message(options, i, data, sizeof(data)), MSG_NOSIGNAL) < 0)
			return failed("send");
	shutdown(fd, SHUT_WR);
	do
		length = recv(fd, data, sizeof(data), MSG_WAITALL);
	while (length > 0);
	return length < 0 ? failed("reply") : done("reply");
}

struct outcome tcp(const struct options *options)
{
	union address to;
	socklen_t length = peer(options, &to);
	int fd = socket(to.any.sa_family, SOCK_STREAM | (options->nonblocking ? SOCK_NONBLOCK : 0), options->mptcp ? IPPROTO_MPTCP : 0);
	struct outcome outcome;

	if (fd < 0)
		return options->mptcp && errno != EPERM ? unsupported("socket") : failed("socket");
	if (options->wait_socket)
		wait_line(options, "socket");
	outcome = open_connection(options, fd, &to, length);
	if (!outcome.error) {
		if (options->nonblocking) {
			int off = 0;

			ioctl(fd, FIONBIO, &off);
		}
		if (options->wait_stdin)
			wait_line(options, "connected");
		outcome = talk(options, fd);
	}
	close(fd);
	return outcome;
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void stop_on_sigterm(void)
{
	struct sigaction action = { .sa_handler = stop }; /* no SA_RESTART: waiting calls return */

	sigaction(SIGTERM, &action, NULL);
}

/* One numbered message every --interval-us (default 10 ms), each echoed before the next; says {"event":"echo","number":n}. Ends with an
 * error when the stream breaks or an echo takes longer than --timeout, or on SIGTERM with result 0.
 */
struct outcome tcp_stream(const struct options *options)
{
	union address to;
	socklen_t length = peer(options, &to);
	int fd = socket(to.any.sa_family, SOCK_STREAM, 0), on = 1;
	struct outcome outcome = done("stream");
	char data[64], echo[64];

	if (fd < 0)
		return failed("socket");
	if (connect(fd, &to.any, length))
		return failed("connect");
	stop_on_sigterm();
	set_receive_timeout(fd, options->timeout_ms);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	say(options, "connected", 0);
	while (!stopped) {
		ssize_t size = snprintf(data, sizeof(data), "%ld\n", outcome.sent + 1), received;

		if (send(fd, data, size, MSG_NOSIGNAL) != size) {
			outcome.error = errno;
			break;
		}
		received = recv(fd, echo, size, MSG_WAITALL);
		if (received != size) {
			outcome.error = stopped ? 0 : received < 0 ? errno : EPIPE;
			break;
		}
		say(options, "echo", ++outcome.sent);
		usleep(options->interval_us ? options->interval_us : 10000);
	}
	close(fd);
	return outcome;
}

/* Listens on --port, accepts --count connections one after the other and echoes each until its end. */
struct outcome tcp_listen(const struct options *options)
{
	union address at;
	socklen_t length = parse_address(options->to ? options->to : "::", options->port, &at);
	int fd = socket(at.any.sa_family, SOCK_STREAM, 0), on = 1;
	struct outcome outcome = done("accept");
	char data[4096];

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, &at.any, length) || listen(fd, 64))
		return failed("listen");
	say(options, "listening", options->port);
	while (outcome.sent < options->count) {
		int client = accept(fd, NULL, NULL);
		ssize_t size;

		if (client < 0)
			return failed("accept");
		say(options, "accepted", ++outcome.sent);
		while ((size = recv(client, data, sizeof(data), 0)) > 0)
			send(client, data, size, MSG_NOSIGNAL);
		close(client);
	}
	return outcome;
}
