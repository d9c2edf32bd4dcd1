// SPDX-License-Identifier: Apache-2.0
/** The dimension of direction, protocol and port: one number (direction << 24 | protocol << 16 | port), and the rules that hold for it. */
import { MAX_PORT_SPANS, PortSpan } from "../contract/layout.gen.ts";
import type { PortSpec } from "../contract/rule.ts";
import type { Part } from "./parts.ts";
import { ICMP, ICMPV6, WITH_PORTS } from "./protocols.ts";
import { FIRST, type Interval, type Line, merge, type Sweep } from "./sweep.ts";
import { TableFullError } from "./table.ts";

/** The highest number on the line of ports. */
export const LAST = 0x1ffffff;
const INCOMING = 1 << 24;
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

function newLine(ports: readonly PortSpec[], direction: Part["direction"]): Line {
  const intervals = portIntervals(ports);
  const from = (key: number): Interval<number>[] => intervals.map(({ first, last }) => ({ first: key + first, last: key + last }));
  const all = direction === "out" ? intervals : direction === "in" ? from(INCOMING) : merge([...intervals, ...from(INCOMING)], next);
  return all.flatMap(({ first, last }) => [first, last]);
}

/** Any port is what most rules say that name none; one line does for all of them. */
const ANY_PORT = { out: [0, INCOMING - 1], in: [INCOMING, LAST], both: [0, LAST] } as const satisfies Record<Part["direction"], Line>;

/** The ports a part holds for. */
export function portLine({ placed, direction, found }: Part): Line {
  const { ports } = placed.rule;
  found.ports ??= ports.length === 0 ? ANY_PORT[direction] : newLine(ports, direction);
  return found.ports;
}

/** struct port_span of spans in order: where each begins, and its row. */
export function packPorts(starts: ArrayLike<number>, rows: ArrayLike<number>): Uint8Array {
  const { start, row } = PortSpan.fields;
  const bytes = new Uint8Array(starts.length * PortSpan.size);
  const view = new DataView(bytes.buffer);
  for (let i = 0, at = 0; i < starts.length; i++, at += PortSpan.size) {
    view.setUint32(at + start.offset, starts[i] ?? 0, true);
    view.setUint32(at + row.offset, rows[i] ?? 0, true);
  }
  return bytes;
}

/** struct port_span. Throws TableFullError. */
export function compilePorts(parts: readonly Part[], sweep: Sweep): Uint8Array {
  parts.forEach((part, bit) => {
    sweep.add(FIRST, bit, portLine(part), LAST);
  });
  const { count, starts, rows } = sweep.spans();
  if (count <= MAX_PORT_SPANS) return packPorts(starts.subarray(0, count), rows);
  throw new TableFullError(
    "Cannot compile these rules: they name too many ports; name the protocol (tcp/443 takes a fifth of 443), or use ranges",
  );
}
