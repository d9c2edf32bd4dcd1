/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel side keeps for itself, per process, socket and peer. The daemon reads it through iterators only. */
#ifndef HOLDFAST_FLOW_STATE_H
#define HOLDFAST_FLOW_STATE_H

#include "event.h"

/* What a process runs. Written by exec, fork and exit, and by the first connection of a process older than us. */
struct process {
	struct image_key key;
	__u64 start_ns;
	__u32 class; /* copied from images once it is there */
	__u32 app;
	__u32 responsible;
	__u8 launcher;
	__u8 session;
	__u16 reserved;
};

/*
 * A verdict in one word, so that it is read and written whole: tag of peer and direction (28 bits) | direction (1) | verdict (3) |
 * generation (32). A reader whose tag differs sees no verdict and decides anew.
 */
typedef __u64 verdict_word;

#define SOCKET_OURS 1u	  /* the daemon's raw socket for held packets */
#define SOCKET_LISTENS 2u /* clones of it are accepted connections */
#define SOCKET_ACCEPTED 4u
#define SOCKET_EXPLICIT 8u	/* has sent to explicit addresses */
#define SOCKET_REPORTED 16u	/* the daemon knows it: its end is reported too */
#define SOCKET_UNDECIDED 32u	/* was running when its rule became "ask" */
#define SOCKET_OLDER 128u	/* was connected before the programs were attached: it goes on where its rule is "ask" */
#define SOCKET_RETRIES 64u	/* its SYN retries were raised for a hold */
#define SOCKET_CONNECTED 256u	/* a datagram socket that has been connected, */
#define SOCKET_RAW 1024u	/* gets a copy of everybody's packets of its protocol: what it sends is no reply to them */
#define SOCKET_RECONNECTED 512u /* and again: what was begun for one peer may be sent under the other */

struct socket_state {
	struct image_key key; /* the owner's image, for as long as `flow.class` is unknown */
	struct flow_id flow;  /* the owner, and the peer judged last */
	struct flow_counters counters;
	verdict_word word;
	__u64 word_check; /* of a socket with many peers: word and peer, hashed as one */
	__u64 word_ns;	  /* when a packet was last let through on it */
	__u64 first_ns;
	__u64 explicit_hash;   /* the explicit address sent to last, */
	__u32 explicit_action; /* and what was decided about it */
	__u32 reserved;
	__u32 rule;
	__u16 flags;  /* SOCKET_* */
	__u8 by;      /* enum decided_by */
	__u8 retries; /* the application's own TCP_SYNCNT; 0 = the system's */
};

struct peer_key {
	__u64 cookie;
	__u64 peer_high;
	__u64 peer_low;
	__u32 peer_port;
	__u32 protocol;
};

struct peer_state {
	verdict_word word;
	__u64 word_ns;
	__u32 rule;
	__u32 class; /* whose verdict it is: a socket may be handed on */
};

/* UDP and others without connections: a reply belongs to the flow until so long after the last datagram let through (rules.md). */
#define REPLY_WINDOW_NS (120 * 1000000000ull)

#endif
