/* SPDX-License-Identifier: GPL-2.0 */
/* A packet's peer and ports; a held packet's copy. */
#ifndef HOLDFAST_PACKET_H
#define HOLDFAST_PACKET_H

#include "flow.h"

#define IP_FRAGMENT_OFFSET 0x1fff /* RFC 791 3.1 */
#define IPV6_HEADERS 8		  /* extension headers followed; more than any stack sends */
#define IP_OPTIONS 40		  /* bytes at most */
#define IP_OPTIONS_LEAST 4	  /* they come in words; a least length as for SHORTEST_PACKET, below */
#define IPOPT_LSRR_ 131
#define IPOPT_SSRR_ 137
#define ETHERNET_HEADER 14
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_ACK 0x10

#define IPPROTO_HOPOPTS_ 0
#define IPPROTO_ICMP_ 1
#define IPPROTO_IGMP_ 2
#define IPPROTO_TCP_ 6
#define IPPROTO_UDP_ 17
#define IPPROTO_DCCP_ 33
#define IPPROTO_ROUTING_ 43
#define IPPROTO_FRAGMENT_ 44
#define IPPROTO_AH_ 51
#define IPPROTO_ICMPV6_ 58
#define IPPROTO_DSTOPTS_ 60
#define IPPROTO_SCTP_ 132
#define IPPROTO_UDPLITE_ 136

#define SOCK_DGRAM_ 2
#define SOCK_RAW_ 3

#define PACKET_BROADCAST_ 1 /* skb->pkt_type, linux/if_packet.h */
#define PACKET_MULTICAST_ 2

#define LOOPBACK_IFINDEX 1 /* the first device of every namespace (net/core/dev.c insists) */

/* What a packet's headers say. */
struct headers {
	__u64 source_high, source_low;
	__u64 target_high, target_low;
	__u16 source_port, target_port; /* host order; 0 without */
	__u8 protocol;
	__u8 unread; /* UNREAD_*; UNREAD_ALL: the packet names places to go first */
	__u8 tcp_flags;
	__u8 version; /* 4 or 6 */
};

struct ipv4_header {
	__u8 version_length;
	__u8 tos;
	__be16 length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 target;
};

struct ipv6_header {
	__be32 version_class_label;
	__be16 payload;
	__u8 next;
	__u8 hops;
	__be32 source[4];
	__be32 target[4];
};

static __always_inline __u64 mapped(__be32 address)
{
	return V4_MAPPED << 32 | bpf_ntohl(address);
}

static __always_inline __u64 word64(__be32 high, __be32 low)
{
	return (__u64)bpf_ntohl(high) << 32 | bpf_ntohl(low);
}

/* v4-mapped IPv6 is IPv4: ::ffff:a.b.c.d already has that form here. */
static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP_ || protocol == IPPROTO_UDP_ || protocol == IPPROTO_DCCP_ || protocol == IPPROTO_SCTP_ ||
	       protocol == IPPROTO_UDPLITE_;
}

static __always_inline int read_ports(struct __sk_buff *skb, __u32 offset, struct headers *headers)
{
	__be16 ports[2];

	if (!has_ports(headers->protocol))
		return 0;
	if (bpf_skb_load_bytes(skb, offset, ports, sizeof(ports))) {
		headers->unread = UNREAD_PORT;
		return 0;
	}
	headers->source_port = bpf_ntohs(ports[0]);
	headers->target_port = bpf_ntohs(ports[1]);
	if (headers->protocol == IPPROTO_TCP_)
		bpf_skb_load_bytes(skb, offset + 13, &headers->tcp_flags, 1);
	return 0;
}

/* Bytes of a word that are `byte`: not 0 when there are some ("Bit Twiddling Hacks", haszero). */
static __always_inline __u64 has_byte(__u64 word, __u8 byte)
{
	word ^= 0x0101010101010101ull * byte;
	return (word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull;
}

/*
 * Whether the `length` bytes of options of an IPv4 packet may name places it goes first: loose or strict source route (RFC 791, 3.1). Looks
 * for their numbers anywhere, so that no list of options hides them; a number among another option's data counts too.
 */
__noinline int names_route(struct __sk_buff *skb, __u32 at, __u32 length)
{
	__u64 options[IP_OPTIONS / 8] = {};
	__u64 found = 0;

	if (length < IP_OPTIONS_LEAST || length > IP_OPTIONS || bpf_skb_load_bytes(skb, at, options, length))
		return 1;
	for (int i = 0; i < IP_OPTIONS / 8; i++)
		found |= has_byte(options[i], IPOPT_LSRR_) | has_byte(options[i], IPOPT_SSRR_);
	return found != 0;
}

/* Reads the headers of the packet, whose IP header is `at` bytes from its start. -1: it is no IP packet that can be read. */
__noinline int read_headers(struct __sk_buff *skb, struct headers *headers, __u32 at)
{
	__u8 version = 0;

	if (!headers)
		return -1;
	__builtin_memset(headers, 0, sizeof(*headers));
	if (at > ETHERNET_HEADER || bpf_skb_load_bytes(skb, at, &version, 1))
		return -1;
	headers->version = version >> 4;
	if (version >> 4 == 4) {
		struct ipv4_header ip;

		if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
			return -1;
		headers->source_low = mapped(ip.source);
		headers->target_low = mapped(ip.target);
		headers->protocol = ip.protocol;
		if ((ip.version_length & 15) > 5 && names_route(skb, at + sizeof(ip), (ip.version_length & 15) * 4 - sizeof(ip))) {
			headers->unread = UNREAD_ALL;
			return 0;
		}
		if (bpf_ntohs(ip.fragment) & IP_FRAGMENT_OFFSET) {
			headers->unread = UNREAD_PORT;
			return 0;
		}
		return read_ports(skb, at + (ip.version_length & 15) * 4, headers);
	}
	if (version >> 4 != 6)
		return -1;

	struct ipv6_header ip6;
	__u32 offset = at + sizeof(ip6);

	if (bpf_skb_load_bytes(skb, at, &ip6, sizeof(ip6)))
		return -1;
	headers->source_high = word64(ip6.source[0], ip6.source[1]);
	headers->source_low = word64(ip6.source[2], ip6.source[3]);
	headers->target_high = word64(ip6.target[0], ip6.target[1]);
	headers->target_low = word64(ip6.target[2], ip6.target[3]);
	headers->protocol = ip6.next;
	for (int i = 0; i < IPV6_HEADERS; i++) {
		__u8 extension[8];

		if (headers->protocol != IPPROTO_HOPOPTS_ && headers->protocol != IPPROTO_ROUTING_ &&
		    headers->protocol != IPPROTO_FRAGMENT_ && headers->protocol != IPPROTO_DSTOPTS_ && headers->protocol != IPPROTO_AH_)
			return read_ports(skb, offset, headers);
		if (headers->protocol == IPPROTO_ROUTING_) {
			headers->unread = UNREAD_ALL;
			return 0;
		}
		if (bpf_skb_load_bytes(skb, offset, extension, sizeof(extension))) {
			headers->unread = UNREAD_PORT;
			return 0;
		}
		/* Only the first fragment carries ports (RFC 8200 4.5: 13 bits of offset, 2 reserved, M). */
		if (headers->protocol == IPPROTO_FRAGMENT_ && (extension[2] || extension[3] & 0xf8)) {
			headers->protocol = extension[0];
			headers->unread = UNREAD_PORT;
			return 0;
		}
		offset += headers->protocol == IPPROTO_FRAGMENT_ ? 8 :
			  headers->protocol == IPPROTO_AH_	 ? (extension[1] + 2u) * 4 :
								   (extension[1] + 1u) * 8;
		headers->protocol = extension[0];
	}
	headers->unread = UNREAD_PORT;
	return 0;
}

/* An IPv4 header. Why not "longer than 0": to the verifier of Linux 6.1, "not 0" is no lower bound. */
#define SHORTEST_PACKET 20

/* Fills in who a packet's headers say it goes to, or comes from. Returns what could not be read (UNREAD_*), or -1 for no IP packet. */
__noinline int read_peer(struct __sk_buff *skb, struct flow_id *flow, __u32 outgoing)
{
	struct headers headers;

	if (!flow || read_headers(skb, &headers, 0))
		return -1;
	flow->protocol = headers.protocol;
	flow->peer_high = outgoing ? headers.target_high : headers.source_high;
	flow->peer_low = outgoing ? headers.target_low : headers.source_low;
	flow->peer_port = outgoing ? headers.target_port : headers.source_port;
	flow->local_port = outgoing ? headers.source_port : headers.target_port;
	return headers.unread;
}

/* Whether a TCP packet ends its connection. */
__noinline int is_reset(struct __sk_buff *skb)
{
	struct headers headers;

	return !read_headers(skb, &headers, 0) && headers.tcp_flags & TCP_FLAG_RST;
}

#define HELD_SMALL 512
#define HELD_MEDIUM 4096
#define HELD_LARGE 65600 /* the largest IP packet, and the longest IPv6 header in front of it */

/* Copies the packet to the ring `held`. The ring being full is counted; the daemon's sweep asks about the flow all the same. */
#define COPY_HELD(room)                                                                                  \
	do {                                                                                             \
		struct {                                                                                 \
			struct held_event event;                                                         \
			__u8 packet[room];                                                               \
		} *record = bpf_ringbuf_reserve(&held, sizeof(struct held_event) + (room), 0);           \
		if (!record)                                                                             \
			return count(COUNTER_HELD_LOST);                                                 \
		fill_held(skb, state, flow, action, &record->event, sizeof(struct held_event) + (room)); \
		record->event.length = length;                                                           \
		if (bpf_skb_load_bytes(skb, 0, record->packet, length)) {                                \
			bpf_ringbuf_discard(record, 0);                                                  \
			return count(COUNTER_PACKET_UNREADABLE);                                         \
		}                                                                                        \
		bpf_ringbuf_submit(record, 0);                                                           \
	} while (0)

static __always_inline void fill_held(struct __sk_buff *skb, struct socket_state *state, const struct flow_id *flow, __u8 action,
				      struct held_event *event, __u32 size)
{
	event->header.kind = EVENT_HELD;
	event->header.version = LAYOUT_VERSION;
	event->header.size = size;
	event->header.time_ns = bpf_ktime_get_boot_ns();
	event->flow = *flow;
	event->key = state->key;
	event->mark = skb->mark;
	event->bound_ifindex = skb->sk ? skb->sk->bound_dev_if : 0;
	event->priority = skb->priority;
	event->out_ifindex = skb->ifindex;
	event->gso_size = skb->gso_size;
	event->verdict = action;
	event->reserved = 0;
	event->reserved2 = 0;
	event->rule = state->rule;
}

static __noinline void copy_held(struct __sk_buff *skb, struct socket_state *state, struct flow_id *flow, __u32 action)
{
	__u32 length = skb->len;

	if (!state || !flow || length < SHORTEST_PACKET)
		return;
	count(COUNTER_HELD_PACKETS);
	if (length <= HELD_SMALL)
		COPY_HELD(HELD_SMALL);
	else if (length <= HELD_MEDIUM)
		COPY_HELD(HELD_MEDIUM);
	else if (length <= HELD_LARGE)
		COPY_HELD(HELD_LARGE);
	else
		count(COUNTER_PACKET_UNREADABLE);
}

#endif
