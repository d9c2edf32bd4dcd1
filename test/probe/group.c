// SPDX-License-Identifier: Apache-2.0
/* Groups: multicast, and joining a group, which makes the kernel send reports. Broadcast is `udp` to a broadcast address. */
#include "probe.h"

struct outcome multicast(const struct options *options)
{
	union address to;
	socklen_t length = peer(options, &to);
	int fd = socket(to.any.sa_family, SOCK_DGRAM, 0), index = device_index(options), failure;
	struct ip_mreqn device = { .imr_ifindex = index };
	char data[MAX_MESSAGE];

	if (fd < 0)
		return failed("socket");
	if (to.any.sa_family == AF_INET)
		failure = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &device, sizeof(device));
	else
		failure = setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index));
	if (failure)
		return failed("setsockopt");
	return send_once(options, fd, data, message(options, 0, data, sizeof(data)), &to, length);
}

static int join_by_mcast(int fd, int index, const union address *group, socklen_t length)
{
	struct group_req request = { .gr_interface = index };

	memcpy(&request.gr_group, group, length);
	return setsockopt(fd, group->any.sa_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, MCAST_JOIN_GROUP, &request, sizeof(request));
}

/* Stays in --group for --timeout ms: the kernel sends its reports from a timer. */
struct outcome join_group(const struct options *options)
{
	union address group;
	socklen_t length = parse_address(options->group, 0, &group);
	int fd = socket(group.any.sa_family, SOCK_DGRAM, 0), index = device_index(options), failure;
	struct ip_mreqn v4 = { .imr_multiaddr = group.v4.sin_addr, .imr_ifindex = index };
	struct ipv6_mreq v6 = { .ipv6mr_multiaddr = group.v6.sin6_addr, .ipv6mr_interface = index };

	if (fd < 0)
		return failed("socket");
	if (options->mcast_join)
		failure = join_by_mcast(fd, index, &group, length);
	else if (group.any.sa_family == AF_INET)
		failure = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4, sizeof(v4));
	else
		failure = setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &v6, sizeof(v6));
	if (failure)
		return failed("setsockopt");
	say(options, "joined", 0);
	usleep(options->timeout_ms * 1000);
	return done("setsockopt");
}
