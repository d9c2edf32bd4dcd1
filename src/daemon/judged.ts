// SPDX-License-Identifier: Apache-2.0
/** A verdict on a flow becomes a line: in the flow table, on the stream, in the rule's hit count. */

import type { FlowCounters, FlowRecord } from "../contract/flow.ts";
import type { Cookie } from "../contract/ids.ts";
import { Action, DecidedBy } from "../contract/layout.gen.ts";
import type { FlowVerdictEvent } from "../flows/event.ts";
import type { SocketFields } from "../kernel/kernel.ts";
import { addressText } from "./address.ts";
import type { Engine } from "./engine.ts";
import { askerOf, type FlowFields } from "./holds.ts";
import { shownFlow } from "./shown.ts";

export const VERDICTS = {
  [Action.NONE]: "held",
  [Action.ALLOW]: "allow",
  [Action.DENY]: "deny",
  [Action.ASK]: "held",
  [Action.IDENTIFY]: "held",
} as const satisfies Record<Action, FlowRecord["verdict"]>;

/** What was decided, as the kernel says it: enum action, enum decided_by, rule id or 0. `undecided`: it would ask, and goes on as it was. */
export type Judgement = {
  readonly action: number;
  readonly by: number;
  readonly rule: number;
  readonly generation: number;
  readonly timeMs: number;
  readonly undecided?: boolean;
  /** The daemon looked again at what the kernel had met before. */
  readonly looked?: boolean;
  /** The names of the peer come to different verdicts, or are more than are decided. */
  readonly ambiguous?: boolean;
};

function decidedBy(engine: Engine, by: number, rule: number): FlowRecord["by"] {
  if (by === DecidedBy.RULE) return engine.rulebook.book.byId.get(rule)?.author === "factory" ? "factory" : "rule";
  if (by === DecidedBy.MODE) return "mode";
  if (by === DecidedBy.ONCE) return "once";
  if (by === DecidedBy.AWAY) return "away";
  return null;
}

/** The conversation a kernel record is about, in the words of flows/. */
export function conversation(
  flow: FlowFields,
): Pick<FlowVerdictEvent, "cookie" | "direction" | "protocol" | "peerAddress" | "peerPort" | "localPort"> {
  return {
    cookie: flow.cookie as Cookie,
    direction: flow.direction === 0 ? "out" : "in",
    protocol: flow.protocol,
    peerAddress: addressText({ high: flow.peerHigh, low: flow.peerLow }),
    peerPort: flow.peerPort,
    localPort: flow.localPort,
  };
}

/** What a socket has counted since it was made. */
export function totalsOf({ bytesOut, bytesIn, packetsOut, packetsIn }: SocketFields["counters"]): FlowCounters {
  return { bytesOut: Number(bytesOut), bytesIn: Number(bytesIn), packetsOut: Number(packetsOut), packetsIn: Number(packetsIn) };
}

/** Why a flow is what it is, where its names leave that open. */
const AMBIGUOUS = "Ambiguous: the names this address was asked for come to different verdicts, and the most restrictive counts";

/** Files a verdict and tells whoever follows. */
export function judged(engine: Engine, flow: FlowFields, judgement: Judgement): void {
  const { action, by, rule, generation, timeMs, undecided = false, looked = false, ambiguous = false } = judgement;
  const talk = conversation(flow);
  const { record, echo } = engine.flows.judged({
    ...talk,
    names: engine.names.of(talk.peerAddress, askerOf(flow)),
    classId: flow.class as FlowVerdictEvent["classId"],
    app: engine.registry.app(flow.class),
    tgid: flow.tgid,
    uid: flow.uid,
    own: flow.own !== 0,
    verdict: VERDICTS[action as Action] ?? "held",
    by: decidedBy(engine, by, rule),
    ruleId: rule || null,
    reason: ambiguous ? AMBIGUOUS : null,
    generation,
    undecided,
    looked,
    timeMs,
  });
  if (by === DecidedBy.RULE && rule !== 0 && !echo) {
    const before = engine.hits.get(rule);
    engine.hits.set(rule, { hits: (before?.hits ?? 0) + 1, lastUsedMs: timeMs });
  }
  engine.publish({ kind: "flow", undecided: record.undecided || record.verdict === "held", flow: shownFlow(engine, record) });
}
