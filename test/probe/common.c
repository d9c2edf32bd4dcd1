// SPDX-License-Identifier: Apache-2.0
/* What the subcommands share: outcomes, addresses, messages. */
#include "probe.h"

#include <net/if.h>
#include <time.h>

struct outcome done(const char *step)
{
	return (struct outcome){ .step = step };
}

struct outcome failed(const char *step)
{
	return (struct outcome){ .step = step, .error = errno };
}

struct outcome unsupported(const char *step)
{
	return (struct outcome){ .step = step, .error = errno, .unsupported = true };
}

socklen_t parse_address(const char *text, int port, union address *address)
{
	memset(address, 0, sizeof(*address));
	if (text && inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons(port);
		return sizeof(address->v4);
	}
	if (text && inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_family = AF_INET6;
		address->v6.sin6_port = htons(port);
		return sizeof(address->v6);
	}
	fprintf(stderr, "probe: Cannot read address \"%s\": expected IPv4 or IPv6\n", text ? text : "");
	exit(2);
}

socklen_t peer(const struct options *options, union address *address)
{
	return parse_address(options->to, options->port, address);
}

size_t message(const struct options *options, int index, char *buffer, size_t room)
{
	size_t length;

	if (options->count > 1)
		length = snprintf(buffer, room, "%s-%d", options->payload, index);
	else
		length = snprintf(buffer, room, "%s", options->payload);
	if ((size_t)options->size > length && (size_t)options->size <= room) {
		memset(buffer + length, '.', options->size - length);
		length = options->size;
	}
	return length;
}

void say(const struct options *options, const char *event, long number)
{
	printf("{\"op\":\"%s\",\"event\":\"%s\",\"number\":%ld,\"pid\":%d}\n", options->op, event, number, getpid());
	fflush(stdout);
}

void wait_line(const struct options *options, const char *event)
{
	char byte;

	say(options, event, 0);
	while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
		;
}

struct outcome send_once(const struct options *options, int fd, const void *data, size_t size, const union address *to, socklen_t length)
{
	const struct sockaddr *name = to ? &to->any : NULL;
	struct outcome outcome;

	if (fd < 0)
		return failed("socket");
	if (options->wait_stdin)
		wait_line(options, "socket");
	outcome = sendto(fd, data, size, 0, name, length) < 0 ? failed("sendto") : done("sendto");
	outcome.sent = !outcome.error;
	if (options->stay)
		wait_line(options, "sent");
	if (options->again && sendto(fd, data, size, 0, name, length) < 0)
		outcome = failed("sendto");
	close(fd);
	return outcome;
}

double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

unsigned int device_index(const struct options *options)
{
	unsigned int index = options->device ? if_nametoindex(options->device) : 0;

	if (!index) {
		fprintf(stderr, "probe: Cannot find device \"%s\"\n", options->device ? options->device : "");
		exit(2);
	}
	return index;
}

unsigned short checksum(const void *data, size_t length, unsigned int sum)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += byte[i] << 8 | byte[i + 1];
	if (length & 1)
		sum += byte[length - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum & 0xffff);
}
