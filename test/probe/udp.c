// SPDX-License-Identifier: Apache-2.0
/* UDP: every way to send a datagram, a steady prober, and a receiver that answers. */
#include "probe.h"

#include <netinet/udp.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* Linux 4.18, include/uapi/linux/udp.h */
#endif
#define MAX_BATCH 64

static struct outcome send_batch(const struct options *options, int fd, const union address *to, socklen_t length)
{
	static char data[MAX_BATCH][2048];
	struct mmsghdr messages[MAX_BATCH] = {};
	struct iovec parts[MAX_BATCH];
	int count = options->count < MAX_BATCH ? options->count : MAX_BATCH;
	struct outcome outcome = done("sendmmsg");

	for (int i = 0; i < count; i++) {
		parts[i] = (struct iovec){ data[i], message(options, i, data[i], sizeof(data[i])) };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = (void *)to;
		messages[i].msg_hdr.msg_namelen = length;
	}
	outcome.sent = sendmmsg(fd, messages, count, 0);
	if (outcome.sent < 0)
		return failed("sendmmsg");
	return outcome;
}

/* --count datagrams of --size bytes handed over as one buffer; the kernel cuts it. */
static struct outcome send_segments(const struct options *options, int fd, const union address *to, socklen_t length)
{
	static char data[65000];
	int size = options->size ? options->size : 100, filled = 0;
	struct outcome outcome = done("sendto");

	if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)))
		return errno == EPERM ? failed("setsockopt") : unsupported("setsockopt");
	for (int i = 0; i < options->count && filled + size <= (int)sizeof(data); i++, filled += size)
		memset(data + filled, '.', size), snprintf(data + filled, size, "%s-%d", options->payload, i);
	if (sendto(fd, data, filled, 0, &to->any, length) < 0)
		return failed("sendto");
	outcome.sent = filled / size;
	return outcome;
}

static struct outcome send_each(const struct options *options, int fd, const union address *to, socklen_t length)
{
	struct outcome outcome = done("sendto");
	char data[MAX_MESSAGE];
	bool available = true;

	for (int i = 0; i < options->count; i++) {
		size_t size = message(options, i, data, sizeof(data));

		if (options->uring)
			errno = -uring_send(fd, data, size, to, length, &available);
		else
			errno = sendto(fd, data, size, 0, length ? &to->any : NULL, length) < 0 ? errno : 0;
		if (errno)
			return available ? (struct outcome){ "sendto", errno, false, outcome.sent } : unsupported("io_uring_setup");
		outcome.sent++;
		if (options->interval_us)
			usleep(options->interval_us);
	}
	return outcome;
}

static struct outcome send_all(const struct options *options, int fd, const union address *to, socklen_t length)
{
	if (options->mmsg)
		return send_batch(options, fd, to, length);
	return options->gso ? send_segments(options, fd, to, length) : send_each(options, fd, to, length);
}

/* A hop-by-hop and a destination options header, each one PadN option of 6 bytes in all. */
static int add_extension_headers(int fd)
{
	unsigned char header[8] = { 0, 0, 1, 4, 0, 0, 0, 0 };

	return setsockopt(fd, IPPROTO_IPV6, IPV6_HOPOPTS, header, sizeof(header)) ||
	       setsockopt(fd, IPPROTO_IPV6, IPV6_DSTOPTS, header, sizeof(header));
}

struct outcome udp(const struct options *options)
{
	union address to;
	socklen_t length = peer(options, &to);
	struct timeval wait = { .tv_sec = options->timeout_ms / 1000, .tv_usec = options->timeout_ms % 1000 * 1000 };
	int fd = socket(to.any.sa_family, SOCK_DGRAM, 0), on = 1;
	struct outcome outcome;
	char data[MAX_MESSAGE];

	if (fd < 0)
		return failed("socket");
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (options->extension && add_extension_headers(fd))
		return failed("setsockopt");
	if (options->wait_socket)
		wait_line(options, "socket");
	if (options->connected && connect(fd, &to.any, length))
		return failed("connect");
	if (options->wait_stdin)
		wait_line(options, options->connected ? "connected" : "socket");
	outcome = send_all(options, fd, &to, options->connected ? 0 : length);
	if (!outcome.error && options->reply && recv(fd, data, sizeof(data), 0) < 0)
		outcome = (struct outcome){ "reply", errno == EAGAIN ? ETIMEDOUT : errno, false, outcome.sent };
	if (options->stay)
		wait_line(options, "sent");
	if (options->again)
		outcome = send_all(options, fd, &to, options->connected ? 0 : length);
	close(fd);
	return outcome;
}

/* Receives --count datagrams on --port, says each, and with --reply sends it back. */
struct outcome udp_listen(const struct options *options)
{
	union address at, from;
	socklen_t length = parse_address(options->to ? options->to : "::", options->port, &at);
	int fd = socket(at.any.sa_family, SOCK_DGRAM, 0);
	struct outcome outcome = done("recvfrom");
	char data[MAX_MESSAGE];

	if (fd < 0 || bind(fd, &at.any, length))
		return failed("bind");
	say(options, "listening", options->port);
	while (outcome.sent < options->count) {
		socklen_t size = sizeof(from);
		ssize_t received = recvfrom(fd, data, sizeof(data), 0, &from.any, &size);

		if (received < 0)
			return failed("recvfrom");
		say(options, "received", ++outcome.sent);
		if (options->reply && sendto(fd, data, received, 0, &from.any, size) < 0)
			return failed("sendto");
	}
	return outcome;
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* One numbered datagram every --interval-us (default 1 ms), refused or not, until SIGTERM. Says {"event":"tick"} every 100. */
struct outcome prober(const struct options *options)
{
	struct sigaction action = { .sa_handler = stop };
	union address to;
	socklen_t length = peer(options, &to);
	int fd = socket(to.any.sa_family, SOCK_DGRAM, 0);
	struct outcome outcome = done("sendto");
	struct timespec next;
	long number = 0;
	char data[64];

	if (fd < 0)
		return failed("socket");
	sigaction(SIGTERM, &action, NULL);
	clock_gettime(CLOCK_MONOTONIC, &next);
	say(options, "started", 0);
	while (!stopped) {
		int size = snprintf(data, sizeof(data), "%s-%ld", options->payload, number++);

		if (sendto(fd, data, size, 0, &to.any, length) == size)
			outcome.sent++;
		else
			outcome.error = errno;
		if (number % 100 == 0)
			say(options, "tick", number);
		next.tv_nsec += (options->interval_us ? options->interval_us : 1000) * 1000L;
		while (next.tv_nsec >= 1000000000L)
			next.tv_nsec -= 1000000000L, next.tv_sec++;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	return outcome;
}
