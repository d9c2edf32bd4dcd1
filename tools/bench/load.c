// SPDX-License-Identifier: Apache-2.0
/* load: what the bench sends. Each mode prints one number a line, or "rate".
 *
 *   connect ADDRESS PORT COUNT   blocking connects one after the other; nanoseconds each took
 *   many ADDRESS PORT COUNT      non-blocking connects to ADDRESS, ADDRESS+1, ...; connections a second
 *   asked ADDRESS PORT COUNT     blocking connects to ADDRESS, ADDRESS+1, ...; CLOCK_MONOTONIC at which each had returned
 *   stream ADDRESS PORT SECONDS  bytes a second into one TCP connection
 *   packets ADDRESS PORT SECONDS datagrams a second of 64 bytes from one socket
 *   sink PORT                    takes connections and datagrams and drops what they carry, until it is ended
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "load: Cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in place(const char *address, const char *port, unsigned int offset)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		fail("read the address");
	to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + offset);
	return to;
}

static int open_socket(int type)
{
	int fd = socket(AF_INET, type, 0);

	if (fd < 0)
		fail("open a socket");
	return fd;
}

/* With a reset, so that no port is kept in TIME_WAIT. */
static void drop(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void connect_each(char **argv, int stepping, int absolute)
{
	for (int i = 0; i < atoi(argv[4]); i++) {
		struct sockaddr_in to = place(argv[2], argv[3], stepping ? i : 0);
		int fd = open_socket(SOCK_STREAM);
		long long start = now_ns();

		if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
			fail("connect");
		printf("%lld\n", absolute ? now_ns() : now_ns() - start);
		fflush(absolute ? stdout : NULL);
		drop(fd);
	}
}

static void connect_many(char **argv)
{
	int count = atoi(argv[4]);
	long long start = now_ns();

	for (int i = 0; i < count; i++) {
		struct sockaddr_in to = place(argv[2], argv[3], i);
		int fd = open_socket(SOCK_STREAM | SOCK_NONBLOCK);

		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
			fail("connect");
		drop(fd);
	}
	printf("%.0f\n", count * 1e9 / (now_ns() - start));
}

static void send_for(char **argv, int type)
{
	static char data[65536];
	struct sockaddr_in to = place(argv[2], argv[3], 0);
	size_t length = type == SOCK_STREAM ? sizeof(data) : 64;
	int fd = open_socket(type);
	long long start, end, sent = 0;

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	start = now_ns();
	end = start + (long long)(atof(argv[4]) * 1e9);
	while (now_ns() < end) {
		ssize_t done = send(fd, data, length, 0);

		if (done > 0)
			sent += type == SOCK_STREAM ? done : 1;
		else if (errno != ECONNREFUSED && errno != ENOBUFS)
			fail("send");
	}
	printf("%.0f\n", sent * 1e9 / (now_ns() - start));
	drop(fd);
}

static void *swallow(void *argument)
{
	static __thread char data[1 << 18];
	int fd = (int)(long)argument;

	while (recv(fd, data, sizeof(data), 0) > 0)
		;
	close(fd);
	return NULL;
}

static void sink(char **argv)
{
	struct sockaddr_in here = place("0.0.0.0", argv[2], 0);
	int stream = open_socket(SOCK_STREAM), datagrams = open_socket(SOCK_DGRAM), one = 1;
	pthread_t thread;

	setsockopt(stream, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(stream, (struct sockaddr *)&here, sizeof(here)) || listen(stream, 4096) ||
	    bind(datagrams, (struct sockaddr *)&here, sizeof(here)))
		fail("listen");
	pthread_create(&thread, NULL, swallow, (void *)(long)datagrams);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int fd = accept(stream, NULL, NULL);

		if (fd >= 0 && !pthread_create(&thread, NULL, swallow, (void *)(long)fd))
			pthread_detach(thread);
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";

	if (!strcmp(mode, "sink"))
		sink(argv);
	else if (argc == 5 && !strcmp(mode, "connect"))
		connect_each(argv, 0, 0);
	else if (argc == 5 && !strcmp(mode, "asked"))
		connect_each(argv, 1, 1);
	else if (argc == 5 && !strcmp(mode, "many"))
		connect_many(argv);
	else if (argc == 5 && !strcmp(mode, "stream"))
		send_for(argv, SOCK_STREAM);
	else if (argc == 5 && !strcmp(mode, "packets"))
		send_for(argv, SOCK_DGRAM);
	else {
		fputs("usage: load connect|many|asked|stream|packets ADDRESS PORT COUNT|SECONDS, load sink PORT\n", stderr);
		return 2;
	}
	return 0;
}
