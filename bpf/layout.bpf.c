/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Never loaded: names each type the kernel side shares with TypeScript once, so that its layout reaches BTF, where tools/gen-layout.ts
 * reads it. The compiler drops a type that is only used through a ring or not at all, and it drops every #define.
 */
#include "maps.h"
#include "decide.h"

#define SHARED(kind, name) kind name *layout_##name

/* tables.h */
SHARED(enum, action);
SHARED(enum, direction);
SHARED(struct, row);
SHARED(struct, span4);
SHARED(struct, span6);
SHARED(struct, port_span);
SHARED(struct, class_row);
SHARED(struct, user_row);
SHARED(struct, name_key);
SHARED(struct, name_bucket);
SHARED(struct, name_table);
SHARED(struct, name_rows);
SHARED(struct, list_span4);
SHARED(struct, list_span6);
SHARED(struct, candidate);
SHARED(struct, named_key);
SHARED(struct, candidate_ref);
SHARED(struct, address_names);
SHARED(struct, question_key);
SHARED(struct, resolver);
SHARED(struct, rule_entry);
SHARED(struct, half);
SHARED(struct, policy);
SHARED(struct, image_key);
SHARED(struct, image);
SHARED(struct, own_key);
SHARED(struct, once_key);
SHARED(struct, stopped_key);

/* flow_state.h */
SHARED(struct, process);

/* event.h */
SHARED(enum, event_kind);
SHARED(enum, decided_by);
SHARED(enum, counter);
SHARED(struct, event_header);
SHARED(struct, image_event);
SHARED(struct, flow_id);
SHARED(struct, flow_event);
SHARED(struct, flow_counters);
SHARED(struct, flow_end_event);
SHARED(struct, listen_event);
SHARED(struct, netns_event);
SHARED(struct, answer_event);
SHARED(struct, held_event);
SHARED(struct, socket_record);
SHARED(struct, file_record);

/* decide.h: what a test sends in and gets back */
SHARED(struct, conn);
SHARED(struct, decision);
SHARED(struct, decide_call);

/* gen-layout fails when a #define of the shared headers is missing here. */
#define CONSTANT(name) CONSTANT_##name = name
enum constants {
	CONSTANT(LAYOUT_MAGIC),
	CONSTANT(LAYOUT_VERSION),
	CONSTANT(MAX_RULES),
	CONSTANT(ROW_WORDS),
	CONSTANT(MAX_ROWS),
	CONSTANT(MAX_SPANS4),
	CONSTANT(MAX_SPANS6),
	CONSTANT(MAX_PORT_SPANS),
	CONSTANT(MAX_USERS),
	CONSTANT(MAX_CLASSES),
	CONSTANT(MAX_NAME_BUCKETS),
	CONSTANT(MAX_NAME_ROWS),
	CONSTANT(MAX_LIST_CLASSES),
	CONSTANT(LIST_SETS),
	CONSTANT(SOURCE_LISTS),
	CONSTANT(NAME_KEYS),
	CONSTANT(NAME_SLOTS),
	CONSTANT(NAME_CLASS_BITS),
	CONSTANT(NAME_NO_CLASS),
	CONSTANT(NAME_DEPTHS),
	CONSTANT(CANDIDATE_SUFFIXES),
	CONSTANT(CANDIDATE_LABELS),
	CONSTANT(DECIDED_CANDIDATES),
	CONSTANT(CANDIDATE_TRUSTED),
	CONSTANT(ADDRESS_NAMES),
	CONSTANT(DNS_LEAST_SECONDS),
	CONSTANT(DNS_MOST_SECONDS),
	CONSTANT(MAX_RESOLVERS),
	CONSTANT(CLASS_UNKNOWN),
	CONSTANT(CLASS_KERNEL),
	CONSTANT(NO_RULE),
	CONSTANT(AWAY_AFTER_NS),
	CONSTANT(IMAGE_OTHER_MOUNTS),
	CONSTANT(IMAGE_UNLINKED),
	CONSTANT(IMAGE_FOR_WHOM_UNKNOWN),
	CONSTANT(COMM_LENGTH),
	CONSTANT(IMAGE_PATH_LENGTH),
	CONSTANT(IMAGE_PATH_ROOM),
	CONSTANT(UNREAD_PORT),
	CONSTANT(UNREAD_ALL),
	CONSTANT(V4_MAPPED),
	/* flow_state.h: socket_record.flags */
	CONSTANT(SOCKET_OURS),
	CONSTANT(SOCKET_LISTENS),
	CONSTANT(SOCKET_ACCEPTED),
	CONSTANT(SOCKET_EXPLICIT),
	CONSTANT(SOCKET_REPORTED),
	CONSTANT(SOCKET_UNDECIDED),
	CONSTANT(SOCKET_OLDER),
	CONSTANT(SOCKET_RETRIES),
};
SHARED(enum, constants);
