// SPDX-License-Identifier: Apache-2.0
/* sniff: prints every frame that arrives in this network namespace as one JSON line. Ends when standard input does.
 *
 * Lines: {"ready":true} once it listens, {"marker":ID,"lost":n} for a frame of mark.c (lost: frames the socket had no room for since the
 * start), and one record a frame, see frame.c. "segments" is the number of packets a large (GSO) frame stands for.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"
#include "marker.h"

#define RECEIVE_BUFFER (64 << 20) /* some 60,000 small frames may wait while the reader is busy */

static unsigned long lost;

static void count_lost(int fd)
{
	struct tpacket_stats now;
	socklen_t size = sizeof(now);

	if (!getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &now, &size))
		lost += now.tp_drops;
}

static unsigned int segments_of(const struct virtio_net_hdr *offload, size_t length)
{
	if (offload->gso_type == VIRTIO_NET_HDR_GSO_NONE || !offload->gso_size || length <= offload->hdr_len)
		return 1;
	return (length - offload->hdr_len + offload->gso_size - 1) / offload->gso_size;
}

static void receive(int fd)
{
	static unsigned char buffer[sizeof(struct virtio_net_hdr) + (512 << 10)];
	const struct virtio_net_hdr *offload = (void *)buffer;
	const unsigned char *frame = buffer + sizeof(*offload);
	struct sockaddr_ll from = {};
	socklen_t size = sizeof(from);
	char device[IF_NAMESIZE] = "?";
	ssize_t length = recvfrom(fd, buffer, sizeof(buffer), 0, (void *)&from, &size);

	if (length < 0) {
		/* A GSO kind virtio_net_hdr cannot say (UDP_L4 before 6.2): a frame was there all the same. */
		if (errno == EINVAL)
			puts("{\"undecoded\":true,\"segments\":1}");
		return;
	}
	length -= sizeof(*offload);
	if (from.sll_pkttype == PACKET_OUTGOING || length < ETH_HLEN)
		return;
	if (ntohs(from.sll_protocol) == MARKER_ETHERTYPE && length >= 34 && !memcmp(frame + 14, MARKER_MAGIC, 8)) {
		count_lost(fd);
		printf("{\"marker\":%u,\"lost\":%lu}\n", (unsigned int)strtoul((const char *)frame + 22, NULL, 10), lost);
		return;
	}
	if_indextoname(from.sll_ifindex, device);
	if (strcmp(device, "lo"))
		print_frame(device, frame, length, segments_of(offload, length));
}

int main(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), on = 1, room = RECEIVE_BUFFER;
	struct pollfd wait[2] = { { .fd = fd, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on))) {
		perror("sniff");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 1 << 16);
	puts("{\"ready\":true}");
	for (;;) {
		char ignored[64];

		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return 1;
		if (wait[0].revents)
			receive(fd);
		if (wait[1].revents && read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
			return 0;
	}
}
