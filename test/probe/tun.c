// SPDX-License-Identifier: Apache-2.0
/* Tunnels: one that carries the packets of others on, as a VPN does, and one an application writes its own packets into. */
#include "forge.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

static int open_tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	return fd < 0 || ioctl(fd, TUNSETIFF, &request) ? -1 : fd;
}

/* Makes tun device --path, and sends every packet for --to that is routed into it out of --device, unchanged. Until it is ended. */
struct outcome tun_carry(const struct options *options)
{
	unsigned char packet[FORGED_BYTES];
	union address to;
	socklen_t length = parse_address(options->to, 0, &to);
	int tun = open_tun(options->path), out = socket(to.any.sa_family, SOCK_RAW, IPPROTO_RAW);
	bool v6 = to.any.sa_family == AF_INET6;

	if (tun < 0)
		return unsupported("tun");
	if (out < 0 || setsockopt(out, SOL_SOCKET, SO_BINDTODEVICE, options->device, strlen(options->device)))
		return failed("socket");
	say(options, "ready", 0);
	for (;;) {
		ssize_t size = read(tun, packet, sizeof(packet));

		if (size < 0 && errno != EIO)
			return failed("read");
		if (size < 40 - !v6 * 20 || packet[0] >> 4 != (v6 ? 6 : 4))
			continue;
		if (v6 ? memcmp(packet + 24, &to.v6.sin6_addr, 16) : memcmp(packet + 16, &to.v4.sin_addr, 4))
			continue;
		say(options, "carried", sendto(out, packet, size, 0, &to.any, length));
	}
}

/* Makes tun device --path and writes one forged UDP packet into it: the kernel receives it there and forwards it. */
struct outcome tun_inject(const struct options *options)
{
	unsigned char packet[FORGED_BYTES];
	size_t size = forge_udp_packet(options, packet);
	int tun = open_tun(options->path), control = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
	struct outcome outcome;

	if (tun < 0)
		return errno == EPERM ? failed("tun") : unsupported("tun");
	strncpy(request.ifr_name, options->path, IFNAMSIZ - 1);
	if (control < 0 || ioctl(control, SIOCSIFFLAGS, &request))
		return failed("up");
	outcome = write(tun, packet, size) == (ssize_t)size ? done("write") : failed("write");
	outcome.sent = !outcome.error;
	return outcome;
}
