/* SPDX-License-Identifier: Apache-2.0 */
/* The probe makes one kind of traffic per subcommand. What they share: options, outcome, addresses. */
#pragma once

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct options {
	const char *op;
	const char *to;	     /* peer's address; "::ffff:a.b.c.d" is sent from an AF_INET6 socket */
	const char *from;    /* own address, for forged packets */
	const char *payload; /* text; "-N" is appended when count > 1 */
	const char *device;
	const char *mac;    /* destination of a frame; default broadcast */
	const char *group;  /* multicast group to join */
	const char *path;   /* a second executable, the path a binary is mounted over, or a tun device's name */
	const char *netns;  /* path or name below /run/netns */
	const char *cgroup; /* the receiver of a passed socket moves there first */
	int port, source_port, protocol;
	int ethertype; /* of a frame, instead of its packet's own */
	int timeout_ms, interval_us;
	int count, size; /* size: bytes of each payload, 0: as long as its text */
	int fd;
	bool nonblocking, fastopen, mptcp, uring, connected, mmsg, gso, reply;
	bool wait_start;  /* wait for a line on standard input before anything else */
	bool wait_socket; /* wait for a line on standard input after socket() */
	bool wait_stdin;  /* ... and after connect(), before the first byte is sent */
	bool stay;	  /* wait for a line after sending, with the socket still open */
	bool again;	  /* ... and then send once more: that is the outcome */
	bool dgram, bypass, mcast_join, extension;
	char **rest; /* after "--", ends with NULL */
	int rest_count;
};

/* What the operation came to. error 0 means done; `step` is the call that failed or that came last. */
struct outcome {
	const char *step;
	int error;
	bool unsupported;
	long sent;
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

typedef struct outcome operation(const struct options *options);

struct outcome done(const char *step);
struct outcome failed(const char *step);
/* This kernel does not have it (errno says why): the row is skipped, not passed. */
struct outcome unsupported(const char *step);

/* Fills `address` from `text`; exit 2 with a sentence when it is not one. Returns its length. */
socklen_t parse_address(const char *text, int port, union address *address);
socklen_t peer(const struct options *options, union address *address);
/* Writes message `index` to `buffer`; returns its length. */
size_t message(const struct options *options, int index, char *buffer, size_t room);
void say(const struct options *options, const char *event, long number);
void wait_line(const struct options *options, const char *event);
/* Sends one message as --wait-stdin, --stay and --again say, and closes the socket. `to` is NULL for a connected one. */
struct outcome send_once(const struct options *options, int fd, const void *data, size_t size, const union address *to, socklen_t length);
double now_ms(void);
unsigned int device_index(const struct options *options);
unsigned short checksum(const void *data, size_t length, unsigned int sum);
/* Runs one subcommand in this process and prints its outcome. Returns the exit status. */
int run(int argc, char **argv);

/* io_uring: submits one connect or sendto and waits for it. Returns -errno; *available is false when there is no io_uring. */
int uring_connect(int fd, const union address *to, socklen_t length, bool *available);
int uring_send(int fd, const void *data, size_t size, const union address *to, socklen_t length, bool *available);

#define MAX_MESSAGE 65536

operation tcp, tcp_stream, tcp_listen, udp, udp_listen, prober;
operation icmp, ping, forge_syn, raw_protocol, raw_fragments, raw_extension;
operation packet, xdp, multicast, join_group, tun_carry, tun_inject;
operation pass_socket, receive_socket, inherit, use_fd, in_thread, exec_now, spawn_many, fork_once;
operation in_netns, in_new_mounts, in_new_pids;
