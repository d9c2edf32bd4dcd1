/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe.h"

#define FORGED_BYTES 1500

/* Each writes to `packet` (FORGED_BYTES) and returns the bytes written. Addresses from --from and --to. */
size_t forge_ip(const struct options *options, int protocol, size_t length, unsigned char *packet); /* the header alone */
size_t forge_udp(const struct options *options, unsigned char *datagram);			    /* without an IP header */
size_t forge_udp_packet(const struct options *options, unsigned char *packet);
size_t forge_syn_packet(const struct options *options, unsigned char *packet);
size_t forge_extension_packet(const struct options *options, unsigned char *packet);	/* IPv6: hop-by-hop and destination options */
size_t forge_fragment(const struct options *options, int index, unsigned char *packet); /* index 0 and 1 of two */
