// SPDX-License-Identifier: Apache-2.0
/** The dimension of direction, protocol and port: one number (direction << 24 | protocol << 16 | port), and the rules that hold for it. */
import { MAX_PORT_SPANS, PortSpan } from "../contract/layout.gen.ts";
import type { PortSpec } from "../contract/rule.ts";
import type { Part } from "./parts.ts";
import { ICMP, ICMPV6, WITH_PORTS } from "./protocols.ts";
import { Bits, type RowTable } from "./rows.ts";
import { type Interval, merge, Sweep } from "./sweep.ts";
import { pack, TableFullError } from "./table.ts";

const LAST = 0x1ffffff;
const next = (key: number): number => key + 1;

/** The protocols of an entry, by number. */
export function protocolsOf(spec: PortSpec): readonly number[] {
  if (spec.protocol === "icmp") return [ICMP, ICMPV6];
  return spec.protocol === null ? WITH_PORTS : [spec.protocol];
}

/** Protocol << 16 | port, for the ports part of a rule; merged. */
export function portIntervals(ports: readonly PortSpec[]): Interval<number>[] {
  if (ports.length === 0) return [{ first: 0, last: 0xffffff }];
  const intervals = ports.flatMap((spec) => {
    const { first, last } = spec.ports ?? { first: 0, last: 65535 };
    return protocolsOf(spec).map((protocol) => ({ first: (protocol << 16) | first, last: (protocol << 16) | last }));
  });
  return merge(intervals, next);
}

function intervalsOf(part: Part): Interval<number>[] {
  const directions = part.direction === "both" ? [0, 1] : [part.direction === "out" ? 0 : 1];
  const ports = portIntervals(part.placed.rule.ports);
  const all = directions.flatMap((direction) =>
    ports.map(({ first, last }) => ({ first: (direction << 24) | first, last: (direction << 24) | last })),
  );
  return merge(all, next);
}

/** struct port_span. Throws TableFullError. */
export function compilePorts(parts: readonly Part[], rows: RowTable): Uint8Array {
  const sweep = new Sweep({ lowest: 0, highest: LAST, next }, 1);
  for (const [bit, part] of parts.entries()) sweep.add(0, bit, intervalsOf(part));
  const spans: { start: number; row: number }[] = [];
  sweep.walk((start, [bits = new Bits()]) => {
    const row = rows.indexOf(bits);
    if (spans.at(-1)?.row !== row) spans.push({ start, row });
  });
  if (spans.length <= MAX_PORT_SPANS) return pack(PortSpan, spans);
  throw new TableFullError(
    "Cannot compile these rules: they name too many ports; name the protocol (tcp/443 takes a fifth of 443), or use ranges",
  );
}
