// SPDX-License-Identifier: Apache-2.0
/* Packets written by hand, headers and all. */
#include "forge.h"

#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

static const unsigned char padding_option[6] = { 1, 4 }; /* PadN of 6 bytes in all, RFC 8200 section 4.2 */

static unsigned int pseudo_header(const union address *from, const union address *to, int protocol, size_t length)
{
	const unsigned char *parts[2];
	size_t size = from->any.sa_family == AF_INET ? 4 : 16;
	unsigned int sum = protocol + length;

	parts[0] = size == 4 ? (void *)&from->v4.sin_addr : (void *)&from->v6.sin6_addr;
	parts[1] = size == 4 ? (void *)&to->v4.sin_addr : (void *)&to->v6.sin6_addr;
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < size; i += 2)
			sum += parts[side][i] << 8 | parts[side][i + 1];
	return sum;
}

static void addresses(const struct options *options, union address *from, union address *to)
{
	parse_address(options->from, 0, from);
	parse_address(options->to, 0, to);
	if (from->any.sa_family != to->any.sa_family) {
		fputs("probe: --from and --to must be of one family\n", stderr);
		exit(2);
	}
}

size_t forge_ip(const struct options *options, int protocol, size_t length, unsigned char *packet)
{
	union address from, to;

	addresses(options, &from, &to);
	if (to.any.sa_family == AF_INET) {
		struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = protocol, .id = htons(4660) };

		ip.tot_len = htons(sizeof(ip) + length);
		ip.saddr = from.v4.sin_addr.s_addr;
		ip.daddr = to.v4.sin_addr.s_addr;
		ip.check = checksum(&ip, sizeof(ip), 0);
		memcpy(packet, &ip, sizeof(ip));
		return sizeof(ip);
	}
	struct ip6_hdr ip = { .ip6_src = from.v6.sin6_addr, .ip6_dst = to.v6.sin6_addr };

	ip.ip6_flow = htonl(6 << 28);
	ip.ip6_plen = htons(length);
	ip.ip6_nxt = protocol;
	ip.ip6_hlim = 64;
	memcpy(packet, &ip, sizeof(ip));
	return sizeof(ip);
}

size_t forge_udp(const struct options *options, unsigned char *datagram)
{
	union address from, to;
	struct udphdr *udp = (void *)datagram;
	size_t length = sizeof(*udp) + message(options, 0, (char *)(udp + 1), 1400);

	addresses(options, &from, &to);
	*udp = (struct udphdr){ .source = htons(options->source_port ? options->source_port : 40000), .dest = htons(options->port) };
	udp->len = htons(length);
	udp->check = checksum(udp, length, pseudo_header(&from, &to, IPPROTO_UDP, length));
	return length;
}

size_t forge_udp_packet(const struct options *options, unsigned char *packet)
{
	unsigned char datagram[FORGED_BYTES];
	size_t length = forge_udp(options, datagram), header = forge_ip(options, IPPROTO_UDP, length, packet);

	memcpy(packet + header, datagram, length);
	return header + length;
}

size_t forge_syn_packet(const struct options *options, unsigned char *packet)
{
	union address from, to;
	struct tcphdr tcp = { .syn = 1, .doff = 5 };
	size_t header = forge_ip(options, IPPROTO_TCP, sizeof(tcp), packet);

	addresses(options, &from, &to);
	tcp.source = htons(options->source_port ? options->source_port : 40000);
	tcp.dest = htons(options->port);
	tcp.seq = htonl(1);
	tcp.window = htons(64240);
	tcp.check = checksum(&tcp, sizeof(tcp), pseudo_header(&from, &to, IPPROTO_TCP, sizeof(tcp)));
	memcpy(packet + header, &tcp, sizeof(tcp));
	return header + sizeof(tcp);
}

size_t forge_extension_packet(const struct options *options, unsigned char *packet)
{
	unsigned char body[FORGED_BYTES + 16];
	size_t length = 16 + forge_udp(options, body + 16), header;

	memset(body, 0, 16);
	body[0] = IPPROTO_DSTOPTS;
	body[8] = IPPROTO_UDP;
	memcpy(body + 2, padding_option, sizeof(padding_option));
	memcpy(body + 10, padding_option, sizeof(padding_option));
	header = forge_ip(options, IPPROTO_HOPOPTS, length, packet);
	memcpy(packet + header, body, length);
	return header + length;
}

size_t forge_fragment(const struct options *options, int index, unsigned char *packet)
{
	unsigned char datagram[FORGED_BYTES];
	size_t all = forge_udp(options, datagram), cut = 16, header, offset = index ? cut : 0, length = index ? all - cut : cut;

	if (strchr(options->to, ':')) {
		struct ip6_frag fragment = { .ip6f_nxt = IPPROTO_UDP, .ip6f_ident = htonl(4660) };

		fragment.ip6f_offlg = htons(offset | !index);
		header = forge_ip(options, IPPROTO_FRAGMENT, sizeof(fragment) + length, packet);
		memcpy(packet + header, &fragment, sizeof(fragment));
		header += sizeof(fragment);
	} else {
		struct iphdr *ip = (void *)packet;

		header = forge_ip(options, IPPROTO_UDP, length, packet);
		ip->frag_off = htons(offset / 8 | (index ? 0 : IP_MF));
		ip->check = 0;
		ip->check = checksum(ip, sizeof(*ip), 0);
	}
	memcpy(packet + header, datagram + offset, length);
	return header + length;
}
