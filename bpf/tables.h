/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes going down: what the daemon writes and the kernel reads. Every type here reaches TypeScript through BTF (layout.bpf.c,
 * tools/gen-layout.ts), so nothing is written twice.
 *
 * The rules are bit vectors: rule n in order of precedence is bit n. Each dimension of a connection looks up one row of bits; the
 * first bit of the AND of all rows is the rule that decides.
 *
 * Every table exists twice. `policy.generation & 1` says which half is in force; the daemon writes the other one and then
 * stores the next generation. Tables are flat arrays, so that the host tests and the kernel read the same bytes.
 */
#ifndef HOLDFAST_TABLES_H
#define HOLDFAST_TABLES_H

#include <linux/types.h>

#define LAYOUT_MAGIC 0x686f6c64u /* "hold" */
#define LAYOUT_VERSION 10	 /* raise with every change of a shared type; an object of another version is replaced, not adopted */

#define MAX_RULES 4096 /* rules.md; one bit each */
#define ROW_WORDS (MAX_RULES / 64)
/* Distinct bitmaps a half, 520 bytes each: both ends of a span for each of 4,096 rules, and 4,096 more. */
#define MAX_ROWS 12288
#define MAX_SPANS4 32768      /* IPv4 spans a half, 16 bytes each */
#define MAX_SPANS6 16384      /* IPv6 spans a half, 24 bytes each */
#define MAX_PORT_SPANS 16384  /* 8 bytes each */
#define MAX_USERS 4096	      /* uids that some rule names */
#define MAX_LIST_CLASSES 4096 /* a half: sets of lists that a name or an address is on, 24 bytes each */
#define MAX_CLASSES 16384     /* application classes, 8 bytes each */
#define MAX_NAME_BUCKETS 2048 /* a half: 15,564 host names that rules name, at 95 % */
#define MAX_NAME_ROWS 16384   /* and what they stand for, 24 bytes each */

enum action {
	ACTION_NONE = 0, /* no rule: the mode decides */
	ACTION_ALLOW = 1,
	ACTION_DENY = 2,
	ACTION_ASK = 3,
	ACTION_IDENTIFY = 4, /* the app is not known yet, and what it is could matter: hold without a question */
};

enum direction {
	DIRECTION_OUT = 0,
	DIRECTION_IN = 1,
};

#define CLASS_UNKNOWN 0u
#define CLASS_KERNEL 1u
#define NO_RULE 0xffffffffu

/* One bitmap. Bit i of `summary` says that words[i] is not zero, so empty stretches are skipped. */
struct row {
	__u64 summary;
	__u64 words[ROW_WORDS];
};

/*
 * A span reaches from its start to before the next one's; the first starts at 0. `row`: the rules whose where holds for these
 * addresses; `row_own`: the same when the address is one of the namespace's own (then it counts as loopback, and not as internet).
 */
struct span4 {
	__u32 start; /* host order */
	__u32 row;
	__u32 row_own;
	__u32 reserved; /* elements of an array map are multiples of 8 bytes apart */
};

struct span6 {
	__u64 start_high; /* host order: the address as a 128-bit number */
	__u64 start_low;
	__u32 row;
	__u32 row_own;
};

/* Ports, protocol and direction in one number: direction << 24 | protocol << 16 | port. */
struct port_span {
	__u32 start;
	__u32 row;
};

struct class_row {
	__u32 row;
	__u32 reserved;
};

/* Sorted by uid. Users that are not here have half.row_other_user. */
struct user_row {
	__u32 uid;
	__u32 row;
};

#define NAME_KEYS 256 /* one a character of the longest name (253: RFC 1035, 2.3.4), and one to start with */
#define NAME_SLOTS 8  /* 64 bytes: one cache line */
#define NAME_CLASS_BITS 24
#define NAME_NO_CLASS 0u
#define NAME_DEPTHS 64

/* Random for each load: what names are hashed by (name_hash.h). */
struct name_key {
	__u64 words[NAME_KEYS];
};

/* A slot: fingerprint << 24 | class. Class 0: empty. */
struct name_bucket {
	__u64 slots[NAME_SLOTS];
};

struct name_table {
	__u32 buckets; /* 0: no names. At most 2^21 */
	__u32 reserved;
	__u64 depths; /* bit n: names of n labels occur; bit 63: of 63 or more */
};

/* The rules that hold for a name in the table: for it alone, and for the names below it. `forged`: those of them that deny or ask. */
struct name_rows {
	__u32 self;
	__u32 below;
	__u32 self_forged;
	__u32 below_forged;
	__u32 final; /* lists: shorter suffixes of the name do not count any more */
	__u32 reserved;
};

/* Addresses on lists, as in span4 and span6: the class is the set of lists. Not in halves: the tables of lists are maps in a map. */
struct list_span4 {
	__u32 start;
	__u32 class;
};

struct list_span6 {
	__u64 start_high;
	__u64 start_low;
	__u32 class;
	__u32 reserved;
};

#define LIST_SETS 2	/* of tables: one in force, one that may be written */
#define SOURCE_LISTS 2u /* where the buckets of names are: 0 and 1 the halves of the rules, from here on the sets of lists */

#define CANDIDATE_SUFFIXES 64
#define CANDIDATE_LABELS 16 /* of a name: itself and its suffixes of up to 15 labels. No rule and no list names longer domains */
#define DECIDED_CANDIDATES 4
#define CANDIDATE_TRUSTED 1ull /* bit of an id: another than the program itself says so */

/* One question: the name asked and the CNAMEs of its answer. Of each the whole name first, then its suffixes, longest first. */
struct candidate {
	__u64 id; /* first: see is_still() */
	__u64 sums[CANDIDATE_SUFFIXES];
	__u8 labels[CANDIDATE_SUFFIXES];
	__u64 wholes; /* bit n: sums[n] is a whole name */
	__u32 count;
	__u32 reserved;
};

/* An address in one namespace. v4 as ::ffff:a.b.c.d, host order. */
struct named_key {
	__u64 netns; /* cookie */
	__u64 address_high;
	__u64 address_low;
};

#define ADDRESS_NAMES 8 /* questions remembered of an address */

struct candidate_ref {
	__u64 id;	 /* of the candidate, a hash; 0 = none */
	__u64 learnt_ns; /* CLOCK_BOOTTIME */
	__u64 until_ns;	 /* how long it counts for others than who asked */
	__u32 tgid;	 /* who asked; 0 = nobody (/etc/hosts) */
	__u32 reserved;
};

#define DNS_LEAST_SECONDS 60   /* how long a name counts for others at least: programs keep answers for a while */
#define DNS_MOST_SECONDS 3600u /* and at most */

struct address_names {
	struct named_key key; /* first: see is_still() */
	struct candidate_ref refs[ADDRESS_NAMES];
};

/* A question on its way, so that nobody is told what was not asked. */
struct question_key {
	__u64 cookie; /* the socket's */
	__u64 name;   /* its sum */
	__u64 peer_high;
	__u64 peer_low;
	__u32 id_type; /* DNS id << 16 | type */
	__u32 peer_port;
};

#define MAX_RESOLVERS 8

struct resolver {
	__u64 address_high;
	__u64 address_low;
};

/* Per rule, by bit. */
struct rule_entry {
	__u32 id;
	__u8 action; /* enum action */
	__u8 quiet;
	__u8 notify;
	__u8 factory;
};

/* One half of the policy: how much of each table counts, and the rows that belong to no table. */
struct half {
	__u32 rules;
	__u32 words; /* words of a row in use: (rules + 63) / 64 */
	__u32 spans4;
	__u32 spans6;
	__u32 port_spans;
	__u32 users;
	__u32 row_any_app;	  /* rules that hold for every app, an unidentified one included */
	__u32 row_other_user;	  /* rules that name no user */
	__u32 row_not_allow;	  /* rules that deny or ask */
	__u32 row_sent_multicast; /* incoming: rules whose where names multicast */
	__u32 row_sent_broadcast; /* incoming: rules whose where names broadcast */
	__u32 row_anything;	  /* rules that hold whatever the address, port and protocol, outgoing */
	__u8 mode;		  /* enum action: ALLOW, DENY or ASK when no rule matches */
	__u8 when_away;		  /* ALLOW or DENY for what would ask, while no daemon is there */
	__u8 when_unknown;	  /* ALLOW or DENY for what could not be looked up because a table was full */
	__u8 reserved;
	__u32 row_not_allow_out; /* rules that deny or ask about outgoing traffic: what may matter when address or port cannot be read */
	__u32 zero;		 /* always 0. Searches start here: from a constant the verifier would follow every path of every step */
	__u32 resolver_count;
	struct name_table names; /* what rules name */
	struct name_table lists; /* the names on lists; buckets 0: no lists */
	__u32 list_set;		 /* which tables of lists count */
	__u32 list_spans4;
	__u32 list_spans6;
	__u32 reserved2;
	struct resolver resolvers[MAX_RESOLVERS]; /* the configured ones: what they say counts for allow, too */
};

/* The one entry of the map `policy`. */
struct policy {
	__u32 magic;
	__u32 version;
	__u32 generation;      /* 0 = no policy yet: everything is held */
	__u32 daemon_tgid;     /* whose raw sockets send held packets again; 0 = nobody's */
	__u64 daemon_start_ns; /* its start, so that a pid used again is somebody else */
	__u64 heartbeat_ns;    /* CLOCK_BOOTTIME; the daemon is away when this is older than AWAY_AFTER_NS */
	__u64 scope_cgroup;    /* id of the cgroup the programs hang on */
	__u32 scope_level;     /* its depth: 0 = the root, to which every task belongs */
	__u32 mount_namespace; /* inode number of the daemon's: the one in which a path means what rules say */
	__u64 home_netns;      /* cookie of the daemon's network namespace: the one whose own addresses a configured resolver may have */
	__u64 hash_secret[2];  /* random for each load: keys the hash of arguments */
	struct half halves[2];
};

#define AWAY_AFTER_NS 2000000000ull /* architecture.md: away = no heartbeat for 2 s */

/* What a program image is looked up by: everything that makes two runs of one file different applications, and nothing else. */
struct image_key {
	__u64 inode;
	__u64 ctime_ns;
	__u64 cgroup;	   /* id of the cgroup v2 */
	__u64 args_hash;   /* keyed hash of arguments and working directory, for interpreters; else 0 */
	__u64 salt;	   /* not 0: this one run only (its responsible app was not known yet, or its arguments are too long to hash) */
	__u32 device;	   /* s_dev */
	__u32 responsible; /* app id of the program it acts for; 0 = none */
	__u32 flags;	   /* IMAGE_* */
	__u32 reserved;
};

#define IMAGE_OTHER_MOUNTS 1u	  /* runs in another mount namespace than the daemon's: its paths are claims */
#define IMAGE_UNLINKED 2u	  /* a memfd or a deleted file */
#define IMAGE_FOR_WHOM_UNKNOWN 4u /* `responsible` is not known here: the daemon looks at the ancestors. Never without a salt */

/* What the daemon knows of an image. */
struct image {
	__u32 class;	  /* CLASS_UNKNOWN: only the flags below are known */
	__u32 app;	  /* its own id as a responsible app */
	__u8 launcher;	  /* a shell, sudo, env …: what it starts acts for whom it acts for */
	__u8 session;	  /* init, a service or session manager, a terminal: what it starts acts for itself */
	__u8 interpreter; /* look again with args_hash */
	__u8 reserved;
	__u32 responsible; /* app id it acts for: the key does not say it where IMAGE_FOR_WHOM_UNKNOWN */
};

/* An address the kernel has in one namespace: packets to it stay on the machine. */
struct own_key {
	__u64 netns;	    /* cookie */
	__u64 address_high; /* v4 as ::ffff:a.b.c.d, host order */
	__u64 address_low;
};

/* "once": the answer written on a held flow. */
struct once_key {
	__u64 cookie; /* the socket's */
	__u64 peer_high;
	__u64 peer_low;
	__u16 peer_port; /* host order */
	__u8 protocol;
	__u8 direction;
	__u32 reserved;
};

/* A process in a network namespace without filters for packet sockets. */
struct stopped_key {
	__u64 netns;
	__u32 tgid;
	__u32 reserved;
};

#endif
