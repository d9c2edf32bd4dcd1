// SPDX-License-Identifier: Apache-2.0
/*
 * Ways in which a socket's peer, or its owner, is another than it seems. Each ends with 0 when its last call went well, else prints errno's
 * name. For test/escape.test.ts.
 *   escape route4 VIA PORT         TCP to 127.0.0.1, by way of VIA (IP_OPTIONS, loose source route)
 *   escape route6 VIA PORT         UDP to ::1, by way of VIA (IPV6_RTHDR, type 4: RFC 8754)
 *   escape more ADDRESS PORT PORT2 a datagram begun for PORT (MSG_MORE) and sent when the socket is connected to PORT2
 *   escape exec NEXT MODE ADDRESS PORT  sends to ADDRESS PORT, then becomes NEXT, which sends again: MODE "send" or "connect"
 *   escape again ADDRESS PORT PORT2     connects to PORT, waits for a line, then connects the same socket to PORT2
 *   escape raw ADDRESS             sends an echo request by a raw socket, and waits for a reply
 *   escape raw-after ADDRESS       opens a raw socket, waits for a line, then sends
 *   escape stay ADDRESS PORT       connects, and reads until the connection ends
 *   escape every ADDRESS PORT      sends a datagram on a connected socket every 10 ms, and says how each went
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIME_TO_BE_KNOWN_US 700000 /* what a program that is new does is held until Holdfast has looked at it */

union place {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t length_of(const union place *place)
{
	return place->any.sa_family == AF_INET ? sizeof(place->v4) : sizeof(place->v6);
}

static union place place_of(const char *address, const char *port)
{
	union place place = { 0 };

	if (strchr(address, ':')) {
		place.v6.sin6_family = AF_INET6;
		place.v6.sin6_port = htons(atoi(port));
		inet_pton(AF_INET6, address, &place.v6.sin6_addr);
	} else {
		place.v4.sin_family = AF_INET;
		place.v4.sin_port = htons(atoi(port));
		inet_pton(AF_INET, address, &place.v4.sin_addr);
	}
	return place;
}

/* Says how the last call went. */
static int outcome(int result)
{
	puts(result < 0 ? strerrorname_np(errno) : "ok");
	fflush(stdout);
	return result < 0;
}

static int must(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "escape: Cannot %s: %s\n", what, strerror(errno));
		exit(2);
	}
	return result;
}

static int open_for(const union place *place, int type)
{
	return must(socket(place->any.sa_family, type | (type == SOCK_STREAM ? SOCK_NONBLOCK : 0), 0), "open a socket");
}

static int connect_to(int fd, const union place *place)
{
	return connect(fd, &place->any, length_of(place));
}

static int route4(char **args)
{
	union place target = place_of("127.0.0.1", args[1]);
	int fd = open_for(&target, SOCK_STREAM);
	unsigned char options[8] = { 131, 7, 4 }; /* RFC 791: loose source route, one address; padded with 0 */

	inet_pton(AF_INET, args[0], options + 3);
	must(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, sizeof(options)), "set IP_OPTIONS");
	return outcome(connect_to(fd, &target));
}

static int route6(char **args)
{
	union place target = place_of("::1", args[1]);
	int fd = open_for(&target, SOCK_DGRAM);
	unsigned char header[40] = { 0, 4, 4, 1, 1 }; /* RFC 8754: two segments, the last first */

	inet_pton(AF_INET6, args[0], header + 24);
	must(setsockopt(fd, IPPROTO_IPV6, IPV6_RTHDR, header, sizeof(header)), "set IPV6_RTHDR");
	must(connect_to(fd, &target), "connect");
	return outcome(send(fd, "x", 1, 0));
}

static int more(char **args)
{
	union place first = place_of(args[0], args[1]);
	union place second = place_of(args[0], args[2]);
	int fd = open_for(&first, SOCK_DGRAM);

	must(connect_to(fd, &first), "connect");
	must(send(fd, "begun", 5, MSG_MORE), "begin a datagram");
	must(connect_to(fd, &second), "connect again");
	return outcome(send(fd, "ended", 5, 0));
}

static int again_as(char **args)
{
	int fd = atoi(args[0]);
	union place place = place_of(args[2], args[3]);

	if (!strcmp(args[1], "send"))
		return outcome(sendto(fd, "other", 5, 0, &place.any, length_of(&place)));
	must(connect_to(fd, &place), "connect");
	return outcome(send(fd, "other", 5, 0));
}

static int become(char **args)
{
	union place place = place_of(args[2], args[3]);
	int fd = open_for(&place, SOCK_DGRAM);
	char number[12];

	usleep(TIME_TO_BE_KNOWN_US);
	if (!strcmp(args[1], "connect"))
		must(connect_to(fd, &place), "connect");
	must(sendto(fd, "first", 5, 0, strcmp(args[1], "connect") ? &place.any : NULL, strcmp(args[1], "connect") ? length_of(&place) : 0),
	     "send");
	snprintf(number, sizeof(number), "%d", fd);
	execl(args[0], args[0], "again-as", number, args[1], args[2], args[3], NULL);
	return must(-1, "execute");
}

static int reconnect(char **args)
{
	union place first = place_of(args[0], args[1]);
	union place second = place_of(args[0], args[2]);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = must(socket(first.any.sa_family, SOCK_STREAM, 0), "open a socket");

	must(connect_to(fd, &first), "connect");
	puts("connected");
	fflush(stdout);
	getchar();
	must(connect(fd, &none, sizeof(none)), "disconnect");
	return outcome(connect_to(fd, &second));
}

static int echo(int fd, const char *address)
{
	union place place = place_of(address, "0");
	unsigned char request[8] = { 8, 0, 0xf7, 0xff }; /* RFC 792: echo request, its checksum */

	return sendto(fd, request, sizeof(request), 0, &place.any, length_of(&place));
}

static int raw(char **args)
{
	int fd = must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "open a raw socket");
	char reply[64];

	usleep(TIME_TO_BE_KNOWN_US);
	must(echo(fd, args[0]), "send");
	return outcome(recv(fd, reply, sizeof(reply), 0));
}

static int raw_after(char **args)
{
	int fd = must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "open a raw socket");

	usleep(TIME_TO_BE_KNOWN_US);
	puts("listening");
	fflush(stdout);
	getchar();
	return outcome(echo(fd, args[0]));
}

static int stay(char **args)
{
	union place place = place_of(args[0], args[1]);
	int fd = must(socket(place.any.sa_family, SOCK_STREAM, 0), "open a socket");
	char byte;

	must(connect_to(fd, &place), "connect");
	puts("connected");
	fflush(stdout);
	return outcome(read(fd, &byte, 1));
}

static int every(char **args)
{
	union place to = place_of(args[0], args[1]);
	int fd = open_for(&to, SOCK_DGRAM);

	must(connect_to(fd, &to), "connect");
	while (outcome(send(fd, "every", 5, 0)) == 0 || errno == EPERM)
		usleep(10000);
	return 1;
}

static const struct {
	const char *name;
	int arguments;
	int (*run)(char **args);
} WAYS[] = {
	{ "route4", 2, route4 },     { "route6", 2, route6 },	{ "more", 3, more }, { "exec", 4, become },
	{ "again-as", 4, again_as }, { "again", 3, reconnect }, { "raw", 1, raw },   { "raw-after", 1, raw_after },
	{ "stay", 2, stay },	     { "every", 2, every },
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc > 1 && i < sizeof(WAYS) / sizeof(WAYS[0]); i++)
		if (!strcmp(argv[1], WAYS[i].name) && argc == WAYS[i].arguments + 2)
			return WAYS[i].run(argv + 2);
	fputs("usage: see the top of escape.c\n", stderr);
	return 2;
}
