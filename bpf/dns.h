/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DNS messages (RFC 1035) and those of its relatives on the link, read before the program can: it connects microseconds after it has an
 * answer. A question on its way is noted, its answer teaches the names of addresses (names.h).
 *
 * What a loop carries from step to step stands in map memory (struct dns_work), so that to the verifier every step is like the first.
 * What names come to is src/daemon/dns-message.ts's reading too, which is compared with this one: the question's name and every CNAME's, for all addresses of the answer.
 */
#ifndef HOLDFAST_DNS_H
#define HOLDFAST_DNS_H

#include "packet.h"

#define PORT_DNS 53
#define PORT_MDNS 5353	/* RFC 6762 */
#define PORT_LLMNR 5355 /* RFC 4795 */

#define DNS_MOST 4096 /* what resolvers offer by EDNS at most; longer answers come over TCP */
#define DNS_HEADER 12
#define DNS_RESPONSE 0x8000
#define DNS_NAME_MOST 253
#define DNS_JUMPS 128			 /* a name has no more labels */
#define DNS_NAME_STEPS (256 + DNS_JUMPS) /* bytes of a name as sent, and jumps */
#define DNS_RECORDS 384			 /* as many as fit into DNS_MOST: one has 11 bytes at least */
#define DNS_ADDRESSES 256		 /* the same: an address has 15 with its record */
#define DNS_LABELS 128
#define DNS_TYPE_A 1
#define DNS_TYPE_CNAME 5
#define DNS_TYPE_AAAA 28
#define DNS_CLASS_IN 1
#define DNS_CLASS_FLUSH 0x8000 /* RFC 6762, 10.2 */
#define SECOND_NS 1000000000ull

#define DNS_ODD 1 /* stands for what is no character of a name: a dot or a zero within a label, or no ASCII */

struct dns_address {
	__u64 high;
	__u64 low;
};

struct dns_work {
	__u8 bytes[DNS_MOST];
	__u8 text[256]; /* the name read last: lower case, dots between labels */
	__u64 sums[DNS_LABELS];
	struct dns_address addresses[DNS_ADDRESSES];
	struct candidate candidate;
	struct address_names fresh; /* what an address is called, on its way into the map */
	struct flow_id flow;
	__u64 id; /* of the candidate */
	__u64 now;
	__u64 sum;
	__u32 busy;
	__u32 length; /* of bytes */
	__u32 bad;
	/* the reader of names */
	__u32 from;
	__u32 part; /* where what is read now began: a pointer leads to before it (RFC 1035, 4.1.4), so that there are no loops */
	__u32 end;  /* after the name where it stands; 0 until that is known */
	__u32 left;
	__u32 text_length;
	__u32 jumps;
	__u32 labels;
	/* the reader of records */
	__u32 at;
	__u32 records;
	__u32 count; /* addresses */
	__u32 ttl;
	__u32 multicast; /* mDNS: every record speaks for itself */
	__u32 teaching;	 /* mDNS: the message has been read to its end */
	__u32 trusted;
};

/* Answers are read in softirq, one at a time on a CPU: entry 0. A sender may be interrupted by another: it takes 1 or 2, or none. */
#define DNS_WORKS 3

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DNS_WORKS);
	__type(key, __u32);
	__type(value, struct dns_work);
} dns_works SEC(".maps");

struct dns_walk {
	struct dns_work *work;
	const struct name_key *key;
};

static __always_inline __u8 dns_byte(const struct dns_work *work, __u32 at)
{
	return work->bytes[at & (DNS_MOST - 1)];
}

static __always_inline __u32 dns_u16(const struct dns_work *work, __u32 at)
{
	return (__u32)dns_byte(work, at) << 8 | dns_byte(work, at + 1);
}

static __always_inline __u32 dns_u32(const struct dns_work *work, __u32 at)
{
	return dns_u16(work, at) << 16 | dns_u16(work, at + 2);
}

/* One byte of a name, or one jump. 1: the name has ended. */
static long name_step(__u32 step, struct dns_walk *walk)
{
	struct dns_work *work = walk->work;
	__u32 from = work->from;
	__u8 byte = dns_byte(work, from);

	if (from >= work->length || work->text_length > DNS_NAME_MOST) {
		work->bad = 1;
		return 1;
	}
	if (work->left) {
		if (byte >= 'A' && byte <= 'Z')
			byte += 'a' - 'A';
		if (byte == '.' || byte == 0 || byte >= 0x80)
			byte = DNS_ODD;
		work->text[work->text_length & 255] = byte;
		work->text_length++;
		work->left--;
		work->from = from + 1;
		return 0;
	}
	if (byte == 0) {
		if (!work->end)
			work->end = from + 1;
		return 1;
	}
	if (byte >= 0xc0) {
		__u32 to = dns_u16(work, from) & 0x3fff;

		if (!work->end)
			work->end = from + 2;
		if (from + 2 <= work->length && to < work->part && ++work->jumps <= DNS_JUMPS) {
			work->from = to;
			work->part = to;
			return 0;
		}
		work->bad = 1;
		return 1;
	}
	if (byte >= 0x40) {
		work->bad = 1;
		return 1;
	}
	if (work->text_length) {
		work->text[work->text_length & 255] = '.';
		work->text_length++;
	}
	work->left = byte;
	work->from = from + 1;
	return 0;
}

/* Reads the name at `from` into `text`; `end` is after it. */
static __always_inline void read_name(struct dns_walk *walk, __u32 from)
{
	struct dns_work *work = walk->work;

	work->from = from;
	work->part = from;
	work->end = 0;
	work->left = 0;
	work->text_length = 0;
	work->jumps = 0;
	bpf_loop(DNS_NAME_STEPS, name_step, walk, 0);
	if (!work->end || work->text_length > DNS_NAME_MOST)
		work->bad = 1;
}

/* One character from the right; at a dot, what is right of it is a suffix. */
static long sum_step(__u32 step, struct dns_walk *walk)
{
	struct dns_work *work = walk->work;
	__u8 character = work->text[(work->text_length - step - 1) & 255];

	if (character == '.') {
		work->sums[work->labels & (DNS_LABELS - 1)] = work->sum;
		work->labels++;
	}
	work->sum = name_sum_add(walk->key, work->sum, step + 1, character);
	return 0;
}

/* The sums of the suffixes of `text`, shortest first; `sum` is the whole name's. */
static __always_inline void sum_name(struct dns_walk *walk)
{
	struct dns_work *work = walk->work;

	work->labels = 0;
	work->sum = name_sum_start(walk->key);
	bpf_loop(work->text_length & 255, sum_step, walk, 0);
	work->sums[work->labels & (DNS_LABELS - 1)] = work->sum;
	work->labels++;
}

/* Adds the name summed last to the candidate: itself, then its suffixes, longest first. */
static __always_inline void add_name(struct dns_work *work)
{
	struct candidate *candidate = &work->candidate;
	__u32 label = work->labels;
	__u32 place = candidate->count;

	for (int i = 0; i < CANDIDATE_LABELS && label; i++) {
		if (place >= CANDIDATE_SUFFIXES) {
			count(COUNTER_NAMES_LOST);
			break;
		}
		candidate->sums[place & (CANDIDATE_SUFFIXES - 1)] = work->sums[(label - 1) & (DNS_LABELS - 1)];
		candidate->labels[place & (CANDIDATE_SUFFIXES - 1)] = label;
		if (i == 0) {
			candidate->wholes |= 1ull << (place & (CANDIDATE_SUFFIXES - 1));
			work->id = hash_step(work->id, work->sum, 0x9e3779b97f4a7c15ull);
		}
		place++;
		label = i == 0 && label > CANDIDATE_LABELS ? CANDIDATE_LABELS - 1 : label - 1;
	}
	candidate->count = place;
}

static __always_inline void start_candidate(struct dns_work *work)
{
	__builtin_memset(&work->candidate, 0, sizeof(work->candidate));
	work->id = 0;
}

/* An address of an answer calls one of these its name. */
static __always_inline void learn_address(struct dns_work *work, __u64 high, __u64 low)
{
	struct named_key key = { .netns = work->flow.netns, .address_high = high, .address_low = low };
	struct candidate_ref ref = {
		.id = work->id,
		.learnt_ns = work->now,
		.until_ns = work->now + DNS_LEAST_SECONDS * SECOND_NS,
		.tgid = work->flow.tgid,
	};
	__u64 ttl = work->ttl < DNS_MOST_SECONDS ? work->ttl : DNS_MOST_SECONDS;

	if (ttl > DNS_LEAST_SECONDS)
		ref.until_ns = work->now + ttl * SECOND_NS;
	const struct address_names *known = work->trusted ? bpf_map_lookup_elem(&names, &key) : bpf_map_lookup_elem(&claimed_names, &key);
	struct address_names *now = &work->fresh;
	__u64 oldest_ns = ~0ull;
	__u32 oldest = 0;

	/* Written anew as a whole, and not where it stands: that may be another address's by now (is_still). */
	if (known)
		*now = *known;
	if (!known || !names_of(now, &key)) {
		__builtin_memset(now, 0, sizeof(*now));
		now->key = key;
	}
	/* The same question again takes its own place; a new one the place of the oldest, which free ones are. */
	for (__u32 i = 0; i < ADDRESS_NAMES; i++) {
		__u64 learnt_ns = now->refs[i].learnt_ns;

		if (now->refs[i].id == ref.id && now->refs[i].tgid == ref.tgid)
			learnt_ns = 0;
		if (learnt_ns < oldest_ns) {
			oldest_ns = learnt_ns;
			oldest = i;
		}
	}
	struct candidate_ref *place = &now->refs[oldest & (ADDRESS_NAMES - 1)];

	if (place->id && (place->id != ref.id || place->tgid != ref.tgid))
		count(COUNTER_NAMES_FULL);
	*place = ref;
	long failed =
		work->trusted ? bpf_map_update_elem(&names, &key, now, BPF_ANY) : bpf_map_update_elem(&claimed_names, &key, now, BPF_ANY);

	if (failed)
		count(COUNTER_NAMES_LOST);
}

static long address_step(__u32 step, struct dns_walk *walk)
{
	struct dns_work *work = walk->work;
	const struct dns_address *address = &work->addresses[step & (DNS_ADDRESSES - 1)];

	if (step >= work->count)
		return 1;
	learn_address(work, address->high, address->low);
	return 0;
}

/* Makes the candidate known under its id. */
static __always_inline void keep_candidate(struct dns_work *work)
{
	work->id = (work->id & ~CANDIDATE_TRUSTED) | work->trusted;
	if (work->id <= CANDIDATE_TRUSTED)
		work->id += 2;
	work->candidate.id = work->id;
	long failed = work->trusted ? bpf_map_update_elem(&candidates, &work->id, &work->candidate, BPF_ANY) :
				      bpf_map_update_elem(&claimed_candidates, &work->id, &work->candidate, BPF_ANY);

	if (failed)
		count(COUNTER_NAMES_LOST);
}

/* mDNS tells names below .local and no others (RFC 6762, 3). */
static __always_inline int ends_in_local(const struct dns_work *work)
{
	__u32 length = work->text_length;
	const char local[] = ".local";

	if (length < sizeof(local))
		return 0;
	for (__u32 i = 0; i < sizeof(local) - 1; i++)
		if (work->text[(length - (sizeof(local) - 1) + i) & 255] != local[i])
			return 0;
	return 1;
}

/* An address, unless it is one of the machine itself, which no answer may name. */
static __always_inline int read_address(const struct dns_work *work, __u32 at, __u32 length, struct dns_address *address)
{
	if (length == 4) {
		__u32 v4 = dns_u32(work, at);

		address->high = 0;
		address->low = V4_MAPPED << 32 | v4;
		return v4 != 0 && v4 >> 24 != 127;
	}
	address->high = (__u64)dns_u32(work, at) << 32 | dns_u32(work, at + 4);
	address->low = (__u64)dns_u32(work, at + 8) << 32 | dns_u32(work, at + 12);
	if (is_v4(address->high, address->low))
		return (__u32)address->low != 0 && (address->low >> 24 & 255) != 127;
	return address->high != 0 || address->low > 1;
}

/* One record of the answer. 1: there are no more, or what is there cannot be read. */
static long record_step(__u32 step, struct dns_walk *walk)
{
	struct dns_work *work = walk->work;
	struct dns_address address;
	__u32 at = work->at;

	if (step >= work->records)
		return 1;
	if (!work->multicast && dns_u16(work, at) == (0xc000 | DNS_HEADER)) {
		at += 2; /* the name asked for, which has been read */
	} else {
		read_name(walk, at);
		if (work->bad)
			return 1;
		at = work->end;
	}
	__u32 type = dns_u16(work, at);
	__u32 class = dns_u16(work, at + 2) & ~DNS_CLASS_FLUSH;
	__u32 ttl = dns_u32(work, at + 4);
	__u32 length = dns_u16(work, at + 8);

	at += 10;
	if (at > work->length || at + length > work->length) {
		work->bad = 1;
		return 1;
	}
	work->at = at + length;
	if (class != DNS_CLASS_IN)
		return 0;
	if (type == DNS_TYPE_CNAME && !work->multicast) {
		read_name(walk, at);
		if (work->bad || work->end != work->at) {
			work->bad = 1;
			return 1;
		}
		if (!work->text_length)
			return 0;
		sum_name(walk);
		add_name(work);
		return 0;
	}
	if (type != DNS_TYPE_A && type != DNS_TYPE_AAAA)
		return 0;
	if (length != (type == DNS_TYPE_A ? 4 : 16)) {
		work->bad = 1;
		return 1;
	}
	if (!read_address(work, at, length, &address))
		return 0;
	if (ttl < work->ttl || !work->count)
		work->ttl = ttl;
	if (work->multicast) {
		if (!work->teaching || !ends_in_local(work))
			return 0;
		sum_name(walk);
		start_candidate(work);
		add_name(work);
		keep_candidate(work);
		learn_address(work, address.high, address.low);
		return 0;
	}
	if (work->count >= DNS_ADDRESSES) {
		count(COUNTER_NAMES_LOST);
		return 1;
	}
	work->addresses[work->count & (DNS_ADDRESSES - 1)] = address;
	work->count++;
	return 0;
}

/* The offset of a UDP datagram's payload behind plain headers; 0 for others, whose names are not read. */
static __always_inline __u32 udp_payload(struct __sk_buff *skb)
{
	__u8 start[8];

	if (bpf_skb_load_bytes(skb, 0, start, sizeof(start)))
		return 0;
	if (start[0] >> 4 == 4)
		return (start[0] & 15) * 4 + 8;
	return start[0] >> 4 == 6 && start[6] == IPPROTO_UDP_ ? sizeof(struct ipv6_header) + 8 : 0;
}

/* Reads the message behind `at` and its one question; 0 when it is none that could teach or ask a name: `bad` says whether it is unreadable. */
static __always_inline int read_message(struct __sk_buff *skb, struct dns_walk *walk, __u32 at, __u32 response)
{
	struct dns_work *work = walk->work;
	__u32 length = skb->len - at;

	work->bad = 1;
	if (!at || at > skb->len || length < DNS_HEADER)
		return 0;
	if (length > DNS_MOST)
		length = DNS_MOST;
	asm volatile("" : "+r"(length)); /* the bounds just checked are the ones the verifier is to see */
	if (length < DNS_HEADER || length > DNS_MOST || bpf_skb_load_bytes(skb, at, work->bytes, length))
		return 0;
	work->length = length;
	work->bad = 0;
	if ((dns_u16(work, 2) & DNS_RESPONSE) != response)
		return 0;
	work->at = DNS_HEADER;
	if (work->multicast)
		return 1;
	if (dns_u16(work, 4) != 1)
		return 0;
	read_name(walk, DNS_HEADER);
	work->bad |= work->end + 4 > work->length;
	if (work->bad || !work->text_length)
		return 0;
	sum_name(walk);
	work->at = work->end + 4;
	return 1;
}

static __always_inline struct question_key question_of(const struct dns_work *work, const struct flow_id *flow)
{
	return (struct question_key){
		.cookie = flow->cookie,
		.name = work->sum,
		.peer_high = flow->peer_high,
		.peer_low = flow->peer_low,
		.id_type = dns_u16(work, 0) << 16 | dns_u16(work, work->at - 4),
		.peer_port = flow->peer_port,
	};
}

static __always_inline struct dns_work *work_of(struct dns_walk *walk, __u32 which)
{
	__u32 zero = 0;

	walk->work = bpf_map_lookup_elem(&dns_works, &which);
	walk->key = bpf_map_lookup_elem(&name_keys, &zero);
	return walk->key ? walk->work : NULL;
}

/* Whether a datagram asks for names, and is answered by whom it is sent to. */
static __always_inline int asks_names(const struct flow_id *flow)
{
	return flow->protocol == IPPROTO_UDP_ && flow->peer_port == PORT_DNS && flow->direction == DIRECTION_OUT;
}

/* Notes a question that leaves. */
static __noinline void note_question(struct __sk_buff *skb, struct flow_id *flow)
{
	struct dns_walk walk = {};
	__u8 one = 1;

	for (__u32 which = 1; flow && which < DNS_WORKS; which++) {
		struct dns_work *work = work_of(&walk, which);

		if (!work)
			return;
		if (__sync_fetch_and_or(&work->busy, 1))
			continue;
		work->multicast = 0;
		if (read_message(skb, &walk, udp_payload(skb), 0)) {
			struct question_key key = question_of(work, flow);

			if (bpf_map_update_elem(&questions, &key, &one, BPF_ANY))
				count(COUNTER_NAMES_LOST);
		} else if (work->bad) {
			count(COUNTER_NAMES_LOST);
		}
		__sync_fetch_and_and(&work->busy, 0);
		return;
	}
	count(COUNTER_NAMES_LOST);
}

/* A configured resolver's address, in a namespace that only root can have set up: nobody else answers from there. */
static __always_inline __u32 is_resolver(struct __sk_buff *skb, const struct flow_id *flow)
{
	const struct policy *policy = the_policy();
	struct bpf_sock *sk = skb->sk;
	struct sock *address = NULL;

	if (!policy || !sk || flow->peer_port != PORT_DNS)
		return 0;
	/* What came by the loopback device was sent in this namespace: in another than the daemon's, a container's, anybody may have the address. */
	if (flow->own && (flow->netns != policy->home_netns || !is_own(flow)))
		return 0;
	const struct half *half = &policy->halves[policy->generation & 1];
	__u32 found = 0;

	for (__u32 i = 0; i < MAX_RESOLVERS; i++)
		found |= i < half->resolver_count && half->resolvers[i].address_high == flow->peer_high &&
			 half->resolvers[i].address_low == flow->peer_low;
	if (!found)
		return 0;
	bpf_probe_read_kernel(&address, sizeof(address), &sk);
	return BPF_CORE_READ(address, __sk_common.skc_net.net, user_ns, level) == 0;
}

static __always_inline int is_names_port(__u16 port)
{
	return port == PORT_DNS || port == PORT_MDNS || port == PORT_LLMNR;
}

/* Whether a datagram that was let in may tell names: it answers a question of this socket, or is what others tell everybody on the link. */
static __always_inline int tells_names(const struct flow_id *flow)
{
	return flow->protocol == IPPROTO_UDP_ && is_names_port(flow->peer_port) &&
	       (flow->peer_port != PORT_DNS || flow->direction == DIRECTION_OUT);
}

/* Learns from an answer. 0: it teaches nothing; else 1, and CANDIDATE_TRUSTED << 1 where a configured resolver said it. */
static __noinline int learn_answer(struct __sk_buff *skb, struct flow_id *flow)
{
	struct dns_walk walk = {};

	if (!flow)
		return 0;
	struct dns_work *work = work_of(&walk, 0);

	if (!work)
		return 0;
	work->multicast = flow->peer_port == PORT_MDNS;
	work->flow = *flow;
	work->now = bpf_ktime_get_boot_ns();
	work->trusted = 0;
	work->count = 0;
	work->ttl = 0;
	if (!read_message(skb, &walk, udp_payload(skb), DNS_RESPONSE)) {
		if (work->bad)
			count(COUNTER_NAMES_LOST);
		return 0;
	}
	if (flow->peer_port == PORT_DNS) {
		struct question_key key = question_of(work, flow);

		if (bpf_map_delete_elem(&questions, &key))
			return 0;
		work->trusted = is_resolver(skb, flow);
	}
	/* LLMNR tells single labels and nothing else (RFC 4795, 2). */
	if (flow->peer_port == PORT_LLMNR && work->labels != 1)
		return 0;
	start_candidate(work);
	if (!work->multicast)
		add_name(work);
	work->records = dns_u16(work, 6);
	if (work->multicast)
		work->records += dns_u16(work, 8) + dns_u16(work, 10);
	__u32 first = work->at;

	work->teaching = 0;
	bpf_loop(DNS_RECORDS, record_step, &walk, 0);
	if (work->bad || work->records > DNS_RECORDS)
		count(COUNTER_NAMES_LOST);
	/* What cannot be read to its end says nothing; of what is longer than we read, the part that was read counts. */
	if (work->bad && work->length < DNS_MOST)
		return 0;
	if (work->multicast) {
		work->at = first;
		work->bad = 0;
		work->teaching = 1;
		bpf_loop(DNS_RECORDS, record_step, &walk, 0);
		return 1;
	}
	if (!work->count)
		return 0;
	keep_candidate(work);
	bpf_loop(DNS_ADDRESSES, address_step, &walk, 0);
	return 1 | work->trusted << 1;
}

#define ANSWER_SMALL 512
#define ANSWER_LARGE 4096 /* DNS_MOST, and nearly as many: what is longer is not shown */

#define COPY_ANSWER(room)                                                                          \
	do {                                                                                       \
		struct {                                                                           \
			struct answer_event event;                                                 \
			__u8 packet[room];                                                         \
		} *record = bpf_ringbuf_reserve(&events, sizeof(struct answer_event) + (room), 0); \
		if (!record)                                                                       \
			return count(COUNTER_EVENTS_LOST);                                         \
		record->event.header.kind = EVENT_ANSWER;                                          \
		record->event.header.version = LAYOUT_VERSION;                                     \
		record->event.header.size = sizeof(struct answer_event) + (room);                  \
		record->event.header.time_ns = bpf_ktime_get_boot_ns();                            \
		record->event.flow = *flow;                                                        \
		record->event.length = length;                                                     \
		record->event.trusted = trusted;                                                   \
		if (bpf_skb_load_bytes(skb, 0, record->packet, length)) {                          \
			bpf_ringbuf_discard(record, 0);                                            \
			return count(COUNTER_PACKET_UNREADABLE);                                   \
		}                                                                                  \
		bpf_ringbuf_submit(record, unhurried(record->event.header.time_ns));               \
	} while (0)

/* Hands the daemon an answer, by which it knows the names of addresses. Best effort. */
static __noinline void copy_answer(struct __sk_buff *skb, struct flow_id *flow, __u32 trusted)
{
	__u32 length = skb->len;

	if (!flow || length < SHORTEST_PACKET)
		return;
	if (length <= ANSWER_SMALL)
		COPY_ANSWER(ANSWER_SMALL);
	else if (length <= ANSWER_LARGE)
		COPY_ANSWER(ANSWER_LARGE);
}

#endif
