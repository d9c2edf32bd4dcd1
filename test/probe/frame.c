// SPDX-License-Identifier: Apache-2.0
/* Decodes an Ethernet frame into one JSON line. Never reads behind `end`: what is cut short is printed as far as it goes. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "frame.h"

#define PAYLOAD_BYTES 2048 /* of each frame, printed as hexadecimal */

struct cursor {
	const unsigned char *at, *end;
};

static unsigned int u16(const unsigned char *at)
{
	return at[0] << 8 | at[1];
}

static bool has(const struct cursor *cursor, size_t bytes)
{
	return cursor->at <= cursor->end && (size_t)(cursor->end - cursor->at) >= bytes;
}

static void print_payload(const struct cursor *cursor)
{
	size_t length = cursor->at < cursor->end ? (size_t)(cursor->end - cursor->at) : 0;

	printf(",\"payloadLength\":%zu,\"payload\":\"", length);
	for (size_t i = 0; i < length && i < PAYLOAD_BYTES; i++)
		printf("%02x", cursor->at[i]);
	putchar('"');
}

static void print_group(int family, const unsigned char *address, bool first)
{
	char text[INET6_ADDRSTRLEN];

	printf("%s\"%s\"", first ? "" : ",", inet_ntop(family, address, text, sizeof(text)));
}

/* IGMPv1/v2: one group. IGMPv3 (0x22) and MLDv2 (143) reports: records of {type, aux words, sources, group}. */
static void print_groups(const struct cursor *cursor, int family, bool many)
{
	size_t size = family == AF_INET ? 4 : 16, offset = many ? 8 : family == AF_INET ? 4 : 8;
	unsigned int left = many && has(cursor, 8) ? u16(cursor->at + 6) : !many;

	fputs(",\"groups\":[", stdout);
	for (bool first = true; left--; first = false) {
		if (!has(cursor, offset + (many ? 4 : 0) + size))
			break;
		print_group(family, cursor->at + offset + (many ? 4 : 0), first);
		if (many)
			offset += 4 + size + 4 * cursor->at[offset + 1] + size * u16(cursor->at + offset + 2);
	}
	putchar(']');
}

static void print_tcp_flags(unsigned int flags)
{
	static const char names[] = "FSRPAUEC";

	fputs(",\"flags\":\"", stdout);
	for (int bit = 0; bit < 8; bit++)
		if (flags & 1 << bit)
			putchar(names[bit]);
	putchar('"');
}

static void print_transport(struct cursor cursor, unsigned int protocol, bool first_fragment)
{
	printf(",\"protocol\":%u", protocol);
	if (first_fragment && (protocol == 6 || protocol == 17) && has(&cursor, 8))
		printf(",\"sourcePort\":%u,\"port\":%u", u16(cursor.at), u16(cursor.at + 2));
	if (first_fragment && protocol == 6 && has(&cursor, 20)) {
		print_tcp_flags(cursor.at[13]);
		cursor.at += (cursor.at[12] >> 4) * 4;
	} else if (first_fragment && protocol == 17) {
		cursor.at += 8;
	} else if (first_fragment && (protocol == 1 || protocol == 58) && has(&cursor, 4)) {
		unsigned int type = cursor.at[0];

		printf(",\"icmpType\":%u", type);
		if (protocol == 58 && (type == 143 || (type >= 130 && type <= 132)))
			print_groups(&cursor, AF_INET6, type == 143);
		cursor.at += 8;
	} else if (first_fragment && protocol == 2 && has(&cursor, 8)) {
		print_groups(&cursor, AF_INET, cursor.at[0] == 0x22);
	}
	print_payload(&cursor);
}

static void print_ip(int family, const unsigned char *source, const unsigned char *destination)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	printf(",\"ip\":%d,\"source\":\"%s\",\"destination\":\"%s\"", family == AF_INET ? 4 : 6,
	       inet_ntop(family, source, from, sizeof(from)), inet_ntop(family, destination, to, sizeof(to)));
}

static void print_ipv4(struct cursor cursor)
{
	const unsigned char *header = cursor.at;
	unsigned int fragment;

	if (!has(&cursor, 20))
		return;
	fragment = u16(header + 6);
	print_ip(AF_INET, header + 12, header + 16);
	printf(",\"fragmentOffset\":%u,\"moreFragments\":%s", (fragment & 0x1fff) * 8, fragment & 0x2000 ? "true" : "false");
	/* A total length of 0 is a frame beyond 64 KiB (BIG TCP); the padding of short frames is not payload. */
	if (u16(header + 2) && has(&cursor, u16(header + 2)))
		cursor.end = header + u16(header + 2);
	cursor.at += (header[0] & 15) * 4;
	print_transport(cursor, header[9], !(fragment & 0x1fff));
}

static void print_ipv6(struct cursor cursor)
{
	const unsigned char *header = cursor.at;
	unsigned int next, offset = 0, more = 0;
	bool first = true;

	if (!has(&cursor, 40))
		return;
	next = header[6];
	print_ip(AF_INET6, header + 8, header + 24);
	if (u16(header + 4) && has(&cursor, 40 + u16(header + 4)))
		cursor.end = header + 40 + u16(header + 4);
	cursor.at += 40;
	fputs(",\"extensions\":[", stdout);
	while ((next == 0 || next == 43 || next == 44 || next == 60) && has(&cursor, 8)) {
		printf("%s%u", first ? "" : ",", next);
		first = false;
		if (next == 44) {
			offset = u16(cursor.at + 2) & 0xfff8;
			more = cursor.at[3] & 1;
		}
		size_t length = next == 44 ? 8 : 8 + 8 * cursor.at[1];
		next = cursor.at[0];
		cursor.at += length;
		if (offset)
			break;
	}
	printf("],\"fragmentOffset\":%u,\"moreFragments\":%s", offset, more ? "true" : "false");
	print_transport(cursor, next, !offset);
}

void print_frame(const char *device, const unsigned char *frame, size_t length, unsigned int segments)
{
	struct cursor cursor = { frame + 14, frame + length };
	unsigned int ethertype = u16(frame + 12);

	printf("{\"device\":\"%s\",\"ethertype\":%u,\"length\":%zu,\"segments\":%u", device, ethertype, length, segments);
	if (ethertype == 0x0800)
		print_ipv4(cursor);
	else if (ethertype == 0x86dd)
		print_ipv6(cursor);
	else
		print_payload(&cursor);
	puts("}");
}
