// SPDX-License-Identifier: Apache-2.0
/* mark DEVICE ID: sends one marker frame from every CPU, the sniffer's sign that nothing sent earlier is still under way.
 *
 * veth hands a frame to the receiver's queue of the CPU it was sent on. Each queue keeps its order, but not two of them between each other,
 * hence one marker a CPU. QDISC_BYPASS keeps any tc filter under test out of the way. Prints the number of markers sent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "marker.h"

int main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(MARKER_ETHERTYPE) };
	unsigned char frame[60] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 1, MARKER_ETHERTYPE >> 8, MARKER_ETHERTYPE & 0xff
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1, sent = 0;
	cpu_set_t allowed, one;

	if (argc != 3) {
		fputs("usage: mark DEVICE ID\n", stderr);
		return 2;
	}
	to.sll_ifindex = if_nametoindex(argv[1]);
	memcpy(frame + 14, MARKER_MAGIC, 8);
	snprintf((char *)frame + 22, 12, "%u", (unsigned int)strtoul(argv[2], NULL, 10));
	if (fd < 0 || !to.sll_ifindex || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) ||
	    sched_getaffinity(0, sizeof(allowed), &allowed)) {
		perror("mark");
		return 1;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) ||
		    sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)) != sizeof(frame)) {
			perror("mark");
			return 1;
		}
		sent++;
	}
	printf("%d\n", sent);
	return 0;
}
