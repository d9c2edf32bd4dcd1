// SPDX-License-Identifier: Apache-2.0
/** A flow record: what one program and one place have had to do with each other under one verdict. Made by flows/, kept by store/. */
import type { z } from "zod";
import type { App } from "./app.ts";
import type { FlowId } from "./ids.ts";
import type { DecidedBy, FlowVerdict, NameShape } from "./shapes.ts";

/** How much the kernel let through. IP bytes and packets. */
export type FlowCounters = {
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly packetsIn: number;
};

export type FlowState = "open" | "closed" | "held";

export type FlowRecord = FlowCounters & {
  readonly id: FlowId;
  /** Null while the program is not identified. */
  readonly app: App | null;
  /** Of the newest connection. */
  readonly pid: number;
  readonly uid: number;
  readonly direction: "out" | "in";
  /** IP protocol number. */
  readonly protocol: number;
  /** The peer, canonical text. */
  readonly address: string;
  /** Outgoing: the peer's; incoming: ours. 0 for protocols without ports. */
  readonly port: number;
  /** Of the newest connection. */
  readonly localPort: number;
  /** What the peer was called at the newest connection, the best first. `own`: its program asked for the name itself. */
  readonly names: readonly z.infer<typeof NameShape>[];
  /** The packets stay on the machine. */
  readonly own: boolean;
  readonly verdict: z.infer<typeof FlowVerdict>;
  /** Null where nothing has decided: the program is not identified yet, or a table was full. */
  readonly by: z.infer<typeof DecidedBy> | null;
  /** Id of the rule that decided. */
  readonly rule: number | null;
  /** A sentence for the person, or null. */
  readonly reason: string | null;
  /** Table generation of the newest verdict. */
  readonly generation: number;
  /** It was running when its rule became "ask", and goes on. */
  readonly undecided: boolean;
  readonly state: FlowState;
  /** Connections; one that a new verdict moved to another record counts in both, one that waited only where it ended up. */
  readonly attempts: number;
  /** Milliseconds since the epoch. */
  readonly firstMs: number;
  readonly lastMs: number;
};

/** What is to be kept of the records: those that are new or changed, and the ids of those that went into another one. */
export type FlowBatch = { readonly flows: readonly FlowRecord[]; readonly removed: readonly FlowId[] };
