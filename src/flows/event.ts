// SPDX-License-Identifier: Apache-2.0
/** What happens to sockets, as the daemon decodes it from the kernel's flow records (bpf/event.h: flow_event, flow_end_event). */
import type { App } from "../contract/app.ts";
import type { FlowCounters, FlowRecord } from "../contract/flow.ts";
import type { ClassId, Cookie } from "../contract/ids.ts";

/** One conversation of a socket: a socket may talk to several peers. */
export type Conversation = {
  readonly cookie: Cookie;
  readonly direction: "out" | "in";
  /** IP protocol number. */
  readonly protocol: number;
  /** The peer, canonical text. */
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly localPort: number;
};

/** A verdict on a new flow, or a new verdict on a flow. */
export type FlowVerdictEvent = Conversation & {
  readonly classId: ClassId;
  /** What the class stands for; null for CLASS_UNKNOWN. */
  readonly app: App | null;
  readonly tgid: number;
  readonly uid: number;
  readonly own: boolean;
  /** What the peer is called, the best first. */
  readonly names: FlowRecord["names"];
  readonly verdict: FlowRecord["verdict"];
  readonly by: FlowRecord["by"];
  /** Id of the rule that decided, or null. */
  readonly ruleId: number | null;
  readonly reason: string | null;
  readonly generation: number;
  readonly undecided: boolean;
  /** The daemon looked at a flow that waits, or is running, again; else an attempt as the kernel met it. */
  readonly looked: boolean;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
};

/** What a socket has counted since it was made: totals over all its peers. The peer named is the one judged last. */
export type FlowCountEvent = Conversation & { readonly totals: FlowCounters; readonly timeMs: number };
