// SPDX-License-Identifier: Apache-2.0
/** The record as the table works on it: what is told outside (FlowRecord), and how many conversations stand behind it. */
import type { FlowCounters, FlowRecord, FlowState } from "../contract/flow.ts";
import { CLASS_UNKNOWN, type FlowId } from "../contract/ids.ts";
import type { FlowVerdictEvent } from "./event.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export type Entry = {
  key: string;
  /** Conversations of this record that are still there. */
  live: number;
  /** Sequence number of its last change. */
  changed: number;
  readonly facts: Mutable<Omit<FlowRecord, "state">>;
};

/** The port a record is about: the peer's for outgoing, ours for incoming. */
const portOf = (event: FlowVerdictEvent): number => (event.direction === "out" ? event.peerPort : event.localPort);

/**
 * What one record stands for: program and user, direction, protocol, peer, port, verdict. While the program is unknown every socket
 * has a record of its own, because two of them may turn out to be different programs.
 */
export function keyOf(event: FlowVerdictEvent): string {
  const who = event.classId === CLASS_UNKNOWN ? `socket ${event.cookie}` : `class ${event.classId} ${event.uid}`;
  return `${who} ${event.direction} ${event.protocol} ${event.peerAddress} ${portOf(event)} ${event.verdict}`;
}

/** A record with nothing counted yet. */
export function newEntry(id: FlowId, event: FlowVerdictEvent): Entry {
  return {
    key: keyOf(event),
    live: 0,
    changed: 0,
    facts: {
      ...verdictFacts(event),
      id,
      direction: event.direction,
      protocol: event.protocol,
      address: event.peerAddress,
      port: portOf(event),
      bytesOut: 0,
      bytesIn: 0,
      packetsOut: 0,
      packetsIn: 0,
      attempts: 0,
      firstMs: event.timeMs,
      lastMs: event.timeMs,
    },
  };
}

function verdictFacts(event: FlowVerdictEvent) {
  return {
    app: event.app,
    pid: event.tgid,
    uid: event.uid,
    localPort: event.localPort,
    own: event.own,
    names: event.names,
    verdict: event.verdict,
    by: event.by,
    rule: event.ruleId,
    reason: event.reason,
    generation: event.generation,
    undecided: event.undecided,
  };
}

/** The newest verdict is the one shown. */
export function judge(entry: Entry, event: FlowVerdictEvent): void {
  Object.assign(entry.facts, verdictFacts(event));
  entry.key = keyOf(event);
  entry.facts.lastMs = Math.max(entry.facts.lastMs, event.timeMs);
}

/** Adds what was counted since the last time. */
export function add(entry: Entry, more: FlowCounters): void {
  entry.facts.bytesOut += more.bytesOut;
  entry.facts.bytesIn += more.bytesIn;
  entry.facts.packetsOut += more.packetsOut;
  entry.facts.packetsIn += more.packetsIn;
}

/** A refused flow is never open, whether its socket is still there or not. */
function stateOf(entry: Entry): FlowState {
  if (entry.live === 0 || entry.facts.verdict === "deny") return "closed";
  return entry.facts.verdict === "held" ? "held" : "open";
}

/** The record as it is now, for others to keep. */
export function snapshot(entry: Entry): FlowRecord {
  return { ...entry.facts, state: stateOf(entry) };
}
