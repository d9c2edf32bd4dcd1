/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes coming up: ring records, and counters for everything that failed or was lost. */
#ifndef HOLDFAST_EVENT_H
#define HOLDFAST_EVENT_H

#include "tables.h"

enum event_kind {
	EVENT_IMAGE = 1,    /* an image the daemon has no class for */
	EVENT_FLOW = 2,	    /* a verdict on a new flow, or a new verdict on a flow */
	EVENT_FLOW_END = 3, /* a socket is gone: final counters */
	EVENT_LISTEN = 4,   /* somebody bound a port */
	EVENT_HELD = 6,	    /* a packet held: on the ring `held` */
	EVENT_NETNS = 7,    /* a packet socket in a network namespace without filters: a hint to look at the map `stopped` */
	EVENT_ANSWER = 8,   /* a datagram of a name server, on its way to who asked */
};

/* What decided a flow. */
enum decided_by {
	BY_RULE = 1,
	BY_MODE = 2,
	BY_ONCE = 3,
	BY_AWAY = 4,	 /* would ask, and no daemon */
	BY_UNKNOWN = 5,	 /* a table was full: half.when_unknown */
	BY_IDENTIFY = 6, /* held until the app is known */
};

/* Every record starts with this. */
struct event_header {
	__u16 kind;    /* enum event_kind */
	__u16 version; /* LAYOUT_VERSION */
	__u32 size;    /* of the whole record, bytes */
	__u64 time_ns; /* CLOCK_BOOTTIME */
};

#define COMM_LENGTH 16	      /* TASK_COMM_LEN */
#define IMAGE_PATH_LENGTH 512 /* the end of the path, as the kernel walked it; longer ones are cut at the front */
#define IMAGE_PATH_ROOM 768   /* and room for one component (255 bytes) that would start at its end: spares the verifier a proof */

struct image_event {
	struct event_header header;
	struct image_key key;
	__u64 start_ns;	 /* the process's start, CLOCK_BOOTTIME */
	__u64 netns;	 /* cookie of the process's network namespace; 0 = not had here */
	__u64 args_hash; /* of the arguments as exec had them; 0 = not had here, or too long */
	__u32 tgid;
	__u32 uid;
	__u32 parent_tgid; /* real_parent */
	__u32 path_start;  /* offset in `path` of the first byte; IMAGE_PATH_LENGTH = no path */
	__u8 comm[COMM_LENGTH];
	__u8 path[IMAGE_PATH_ROOM]; /* as seen from the root of its file system tree: a claim */
};

/* Who and where, as every flow record carries it. Addresses: 128-bit numbers in host order, v4 as ::ffff:a.b.c.d. */
struct flow_id {
	__u64 cookie; /* the socket's */
	__u64 netns;
	__u64 peer_high;
	__u64 peer_low;
	__u32 class;
	__u32 tgid;
	__u32 uid;
	__u16 peer_port; /* host order */
	__u16 local_port;
	__u8 protocol;
	__u8 direction; /* enum direction */
	__u8 own;	/* stays on the machine */
	__u8 sent_to;	/* 0 unicast, 1 multicast, 2 broadcast */
	__u32 reserved;
};

struct flow_event {
	struct event_header header;
	struct flow_id flow;
	struct image_key key; /* the owner's, when flow.class is CLASS_UNKNOWN */
	__u32 rule;	      /* rule id, or 0 */
	__u32 generation;
	__u8 verdict;	/* enum action; ASK and IDENTIFY = held */
	__u8 by;	/* enum decided_by */
	__u8 again;	/* the flow had another verdict before */
	__u8 undecided; /* it would ask, and goes on as it was */
	__u8 ambiguous; /* decision.ambiguous */
	__u8 reserved[3];
};

struct flow_counters {
	__u64 bytes_out; /* IP bytes let through */
	__u64 bytes_in;
	__u64 packets_out;
	__u64 packets_in;
	__u64 packets_held; /* dropped while nobody had decided */
	__u64 packets_refused;
};

struct flow_end_event {
	struct event_header header;
	struct flow_id flow;
	struct image_key key; /* as in flow_event */
	struct flow_counters counters;
	__u64 first_ns;
};

struct listen_event {
	struct event_header header;
	struct flow_id flow;
};

struct netns_event {
	struct event_header header;
	__u64 netns;
	__u32 tgid;
	__u32 reserved;
};

/* A held packet, as the application sent it: from its IP header on, transport checksum possibly partial (offload). */
struct held_event {
	struct event_header header;
	struct flow_id flow;
	struct image_key key; /* of the sender, when class is CLASS_UNKNOWN */
	__u32 mark;	      /* SO_MARK */
	__u32 bound_ifindex;  /* SO_BINDTODEVICE */
	__u32 priority;	      /* SO_PRIORITY */
	__u32 out_ifindex;    /* the device routing chose */
	__u32 gso_size;	      /* not 0: the packet stands for several, each with this much payload */
	__u32 length;	      /* bytes of `packet` */
	__u8 verdict;	      /* ASK or IDENTIFY */
	__u8 reserved;
	__u16 reserved2;
	__u32 rule; /* id of the ask rule, or 0 */
		    /* __u8 packet[length] */
};

/* A packet from a name server's port that was let in, from its IP header on. It stands in the ring before every flow it leads to. */
struct answer_event {
	struct event_header header;
	struct flow_id flow; /* who asked whom */
	__u32 length;	     /* bytes of `packet` */
	__u8 trusted;	     /* a configured resolver's */
	__u8 reserved[3];
	/* __u8 packet[length] */
};

/* What the iterators stream (iterators.h): a live socket, and the key of an open file. */
struct socket_record {
	struct event_header header;
	struct flow_id flow;
	struct flow_counters counters;
	struct image_key key; /* the owner's, while flow.class is CLASS_UNKNOWN */
	__u64 first_ns;
	__u32 rule;	  /* rule id, or 0 */
	__u32 generation; /* of the verdict */
	__u8 verdict;	  /* enum action; 0 = none yet */
	__u8 by;	  /* enum decided_by */
	__u16 flags;	  /* SOCKET_* of flow_state.h */
	__u32 reserved;
};

struct file_record {
	__u64 inode;
	__u64 ctime_ns;
	__u32 device;
	__u32 fd;
};

/* Per-CPU counters, one entry of the map `counters` each. The name after COUNTER_ is what `status` shows. */
enum counter {
	COUNTER_EVENTS_LOST, /* ring `events` full */
	COUNTER_HELD_LOST,   /* ring `held` full: asked about by the daemon's sweep */
	COUNTER_HELD_PACKETS,
	COUNTER_REFUSED,      /* connects and packets refused */
	COUNTER_UNKNOWN_HELD, /* held because the app was not identified */
	COUNTER_AWAY,	      /* decided by whenAway */
	COUNTER_PROCESSES_FULL,
	COUNTER_PEERS_FULL,
	COUNTER_SOCKET_STORAGE_FAILED,
	COUNTER_PACKET_UNREADABLE,
	COUNTER_SYNCNT_FAILED,
	COUNTER_DECIDE_FAILED,	/* a lookup in the tables failed: never expected */
	COUNTER_NO_STORAGE,	/* a packet of a socket that carries no state of ours */
	COUNTER_DECISIONS,	/* how often the tables were consulted */
	COUNTER_PACKET_SOCKETS, /* packet sockets opened, by anybody */
	COUNTER_STOPPED_FULL,	/* no room to note who waits for filters: the process was ended, or (an older socket) is not judged */
	COUNTER_STOP_FAILED,	/* a process could not be stopped until filters were there */
	COUNTER_NAMES_LOST,	/* a DNS message that could not be read, or had more names than are kept of one answer */
	COUNTER_NAMES_FULL,	/* an older name of an address gave way */
	COUNTERS,
};

#endif
