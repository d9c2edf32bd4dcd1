// SPDX-License-Identifier: Apache-2.0
/* IP that is neither TCP nor UDP of the kernel's making: echo requests, ping sockets, raw sockets, forged headers. */
#include "forge.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

static struct outcome echo_request(const struct options *options, int type)
{
	union address to;
	socklen_t length = parse_address(options->to, 0, &to);
	bool v6 = to.any.sa_family == AF_INET6;
	char data[MAX_MESSAGE] = { v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO, 0, 0, 0, 0x12, 0x34, 0, 1 };
	size_t size = 8 + message(options, 0, data + 8, 1000);
	unsigned short sum = checksum(data, size, 0);

	if (!v6) /* the kernel fills in ICMPv6's own */
		memcpy(data + 2, &sum, sizeof(sum));
	return send_once(options, socket(to.any.sa_family, type, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP), data, size, &to, length);
}

struct outcome icmp(const struct options *options)
{
	return echo_request(options, SOCK_RAW);
}

struct outcome ping(const struct options *options)
{
	return echo_request(options, SOCK_DGRAM);
}

struct outcome raw_protocol(const struct options *options)
{
	union address to;
	socklen_t length = parse_address(options->to, 0, &to);
	char data[MAX_MESSAGE];
	size_t size = message(options, 0, data, sizeof(data));

	return send_once(options, socket(to.any.sa_family, SOCK_RAW, options->protocol), data, size, &to, length);
}

/* IPPROTO_RAW means IP_HDRINCL in both families: the packet goes out as it was written. */
static struct outcome send_forged(const struct options *options, const unsigned char *packet, size_t size)
{
	union address to;
	socklen_t length = parse_address(options->to, 0, &to);

	return send_once(options, socket(to.any.sa_family, SOCK_RAW, IPPROTO_RAW), packet, size, &to, length);
}

struct outcome forge_syn(const struct options *options)
{
	unsigned char packet[FORGED_BYTES];

	return send_forged(options, packet, forge_syn_packet(options, packet));
}

struct outcome raw_extension(const struct options *options)
{
	unsigned char packet[FORGED_BYTES];

	return send_forged(options, packet, forge_extension_packet(options, packet));
}

struct outcome raw_fragments(const struct options *options)
{
	struct outcome outcome = done("sendto");
	unsigned char packet[FORGED_BYTES];

	for (int index = 0; index < 2 && !outcome.error; index++)
		outcome = send_forged(options, packet, forge_fragment(options, index, packet));
	return outcome;
}
