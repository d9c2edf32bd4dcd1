// SPDX-License-Identifier: Apache-2.0
/* Below IP: a UDP packet written by hand and handed to the device by AF_PACKET or AF_XDP. */
#include "forge.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/ethernet.h>
#include <netinet/ether.h>
#include <sys/mman.h>

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

static void read_mac(const struct options *options, unsigned char *mac)
{
	const struct ether_addr *parsed = ether_aton(options->mac ? options->mac : "ff:ff:ff:ff:ff:ff");

	if (!parsed) {
		fprintf(stderr, "probe: Cannot read MAC address \"%s\"\n", options->mac);
		exit(2);
	}
	memcpy(mac, parsed, ETH_ALEN);
}

static int ethertype(const struct options *options)
{
	if (options->ethertype)
		return options->ethertype;
	return strchr(options->to, ':') ? ETH_P_IPV6 : ETH_P_IP;
}

static size_t forge_frame(const struct options *options, unsigned char *frame)
{
	struct ethhdr header = { .h_source = { 2, 0, 0, 0, 0, 2 }, .h_proto = htons(ethertype(options)) };

	read_mac(options, header.h_dest);
	memcpy(frame, &header, sizeof(header));
	return sizeof(header) + forge_udp_packet(options, frame + sizeof(header));
}

struct outcome packet(const struct options *options)
{
	unsigned char frame[ETH_HLEN + FORGED_BYTES];
	size_t size = options->dgram ? forge_udp_packet(options, frame) : forge_frame(options, frame);
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = ETH_ALEN };
	int fd = socket(AF_PACKET, options->dgram ? SOCK_DGRAM : SOCK_RAW, 0), on = 1;
	struct outcome outcome = done("sendto");

	if (fd < 0)
		return failed("socket");
	to.sll_protocol = htons(ethertype(options));
	to.sll_ifindex = device_index(options);
	read_mac(options, to.sll_addr);
	if (options->wait_stdin)
		wait_line(options, "socket");
	if (options->bypass && setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)))
		return failed("setsockopt");
	for (int i = 0; i < options->count; i++, outcome.sent++)
		if (sendto(fd, frame, size, 0, (void *)&to, sizeof(to)) < 0)
			return failed("sendto");
	if (options->stay)
		wait_line(options, "sent");
	if (options->again && sendto(fd, frame, size, 0, (void *)&to, sizeof(to)) < 0)
		return failed("sendto");
	return outcome;
}

enum { CHUNK = 4096, CHUNKS = 16, RING = 8 };

static int prepare_rings(int fd, void *area)
{
	struct xdp_umem_reg area_registration = { .addr = (unsigned long)area, .len = CHUNK * CHUNKS, .chunk_size = CHUNK };
	int size = RING;

	return setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &area_registration, sizeof(area_registration)) ||
	       setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &size, sizeof(size)) ||
	       setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &size, sizeof(size)) ||
	       setsockopt(fd, SOL_XDP, XDP_TX_RING, &size, sizeof(size));
}

/* One frame in chunk 0, described by entry 0 of the transmit ring; copy mode, so any device will do. */
struct outcome xdp(const struct options *options)
{
	int fd = socket(AF_XDP, SOCK_RAW, 0);
	void *area = mmap(NULL, CHUNK * CHUNKS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sockaddr_xdp at = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = device_index(options) };
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	struct outcome outcome;
	char *ring;

	if (fd < 0)
		return errno == EAFNOSUPPORT ? unsupported("socket") : failed("socket");
	if (area == MAP_FAILED || prepare_rings(fd, area) || getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size))
		return failed("setsockopt");
	ring = mmap(NULL, offsets.tx.desc + RING * sizeof(struct xdp_desc), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		    XDP_PGOFF_TX_RING);
	if (ring == MAP_FAILED)
		return failed("mmap");
	if (bind(fd, (void *)&at, sizeof(at)))
		return failed("bind");
	*(struct xdp_desc *)(ring + offsets.tx.desc) = (struct xdp_desc){ .addr = 0, .len = forge_frame(options, area) };
	__atomic_store_n((unsigned int *)(ring + offsets.tx.producer), 1, __ATOMIC_RELEASE);
	outcome = sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? failed("sendto") : done("sendto");
	outcome.sent = !outcome.error;
	return outcome;
}
