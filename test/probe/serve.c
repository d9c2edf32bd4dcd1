// SPDX-License-Identifier: Apache-2.0
/* serve KIND PORT [KIND PORT]...: the peer's servers, all in one process, IPv4 and IPv6 on one socket each. Ends when standard input does.
 *
 * KIND: tcp (accepts and echoes), udp (echoes), sink (UDP, never answers). Prints {"ready":true}, then one line an event:
 * {"event":"accept"|"data"|"close"|"datagram","port":n,"from":"ADDRESS","fromPort":n,"payload":"HEX"}.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_SOCKETS 2048

enum kind { INPUT, TCP_LISTENER, TCP_CONNECTION, UDP_ECHO, UDP_SINK };

static struct pollfd sockets[MAX_SOCKETS];
static struct {
	enum kind kind;
	int port;
	struct sockaddr_in6 from;
} about[MAX_SOCKETS];
static int count;

static bool add(int fd, enum kind kind, int port, const struct sockaddr_in6 *from)
{
	if (count == MAX_SOCKETS)
		return false;
	sockets[count] = (struct pollfd){ .fd = fd, .events = POLLIN };
	about[count].kind = kind;
	about[count].port = port;
	if (from)
		about[count].from = *from;
	count++;
	return true;
}

static void event(const char *name, int port, const struct sockaddr_in6 *from, const unsigned char *payload, ssize_t length)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &from->sin6_addr, text, sizeof(text));
	printf("{\"event\":\"%s\",\"port\":%d,\"from\":\"%s\",\"fromPort\":%d,\"payload\":\"", name, port,
	       IN6_IS_ADDR_V4MAPPED(&from->sin6_addr) ? text + strlen("::ffff:") : text, ntohs(from->sin6_port));
	for (ssize_t i = 0; i < length; i++)
		printf("%02x", payload[i]);
	puts("\"}");
}

static int listen_on(enum kind kind, int port)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int type = kind == TCP_LISTENER ? SOCK_STREAM : SOCK_DGRAM, on = 1, off = 0, room = 8 << 20;
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    bind(fd, (void *)&at, sizeof(at)) || (kind == TCP_LISTENER && listen(fd, 1024))) {
		fprintf(stderr, "serve: Cannot listen on port %d: %s\n", port, strerror(errno));
		exit(1);
	}
	return fd;
}

static void accept_one(int fd, int port)
{
	struct sockaddr_in6 from;
	socklen_t size = sizeof(from);
	int client = accept4(fd, (void *)&from, &size, SOCK_CLOEXEC);

	if (client < 0)
		return;
	event("accept", port, &from, NULL, 0);
	if (!add(client, TCP_CONNECTION, port, &from))
		close(client);
}

static void echo_stream(int index)
{
	unsigned char data[65536];
	ssize_t length = read(sockets[index].fd, data, sizeof(data));

	event(length > 0 ? "data" : "close", about[index].port, &about[index].from, data, length);
	if (length > 0 && send(sockets[index].fd, data, length, MSG_NOSIGNAL) == length)
		return;
	close(sockets[index].fd);
	sockets[index] = sockets[--count];
	about[index] = about[count];
}

static void answer_datagram(int index)
{
	unsigned char data[65536];
	struct sockaddr_in6 from;
	socklen_t size = sizeof(from);
	ssize_t length = recvfrom(sockets[index].fd, data, sizeof(data), 0, (void *)&from, &size);

	if (length < 0)
		return;
	event("datagram", about[index].port, &from, data, length);
	if (about[index].kind == UDP_ECHO)
		sendto(sockets[index].fd, data, length, 0, (void *)&from, size);
}

int main(int argc, char **argv)
{
	add(STDIN_FILENO, INPUT, 0, NULL);
	setvbuf(stdout, NULL, _IOLBF, 1 << 16);
	for (int i = 1; i + 1 < argc; i += 2) {
		enum kind kind = !strcmp(argv[i], "tcp") ? TCP_LISTENER : !strcmp(argv[i], "udp") ? UDP_ECHO : UDP_SINK;
		int port = atoi(argv[i + 1]);

		add(listen_on(kind, port), kind, port, NULL);
	}
	puts("{\"ready\":true}");
	for (;;) {
		if (poll(sockets, count, -1) < 0 && errno != EINTR)
			return 1;
		for (int i = count - 1; i >= 0; i--) {
			char ignored[64];

			if (!sockets[i].revents)
				continue;
			if (about[i].kind == TCP_LISTENER)
				accept_one(sockets[i].fd, about[i].port);
			else if (about[i].kind == TCP_CONNECTION)
				echo_stream(i);
			else if (about[i].kind != INPUT)
				answer_datagram(i);
			else if (read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
				return 0;
		}
	}
}
