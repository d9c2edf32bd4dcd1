// SPDX-License-Identifier: Apache-2.0
/** Running totals. The kernel tells a socket's totals again and again, so only what is more than before is new. */
import type { FlowCounters } from "../contract/flow.ts";

export const NOTHING: FlowCounters = { bytesOut: 0, bytesIn: 0, packetsOut: 0, packetsIn: 0 };

function combine(a: FlowCounters, b: FlowCounters, how: (a: number, b: number) => number): FlowCounters {
  return {
    bytesOut: how(a.bytesOut, b.bytesOut),
    bytesIn: how(a.bytesIn, b.bytesIn),
    packetsOut: how(a.packetsOut, b.packetsOut),
    packetsIn: how(a.packetsIn, b.packetsIn),
  };
}

/** What `now` has more than `before`; a snapshot that arrives late has nothing more. */
export const more = (now: FlowCounters, before: FlowCounters): FlowCounters => combine(now, before, (n, b) => Math.max(0, n - b));

export const highest = (a: FlowCounters, b: FlowCounters): FlowCounters => combine(a, b, Math.max);

export const isNothing = (c: FlowCounters): boolean => c.bytesOut + c.bytesIn + c.packetsOut + c.packetsIn === 0;
