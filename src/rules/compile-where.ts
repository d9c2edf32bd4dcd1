// SPDX-License-Identifier: Apache-2.0
/** The address dimension: for every address, the rules whose where holds there. */
import type { Environment } from "../contract/environment.ts";
import { MAX_SPANS4, MAX_SPANS6, Span4, Span6 } from "../contract/layout.gen.ts";
import type { Where } from "../contract/rule.ts";
import { type AddressRange, type Family, lastAddress } from "./address.ts";
import { type Kinds, kindsOf } from "./kinds.ts";
import { rangeOf } from "./match.ts";
import type { Part } from "./parts.ts";
import { BOTH, FIRST, type Interval, type Line, merge, SECOND, type Spans, type Sweep } from "./sweep.ts";
import { TableFullError } from "./table.ts";

const next = (address: bigint): bigint => address + 1n;

/** Addresses, merged. */
type Ranges = { readonly [family in Family]: readonly Interval<bigint>[] };
/** Where an entry holds, for addresses that are not the namespace's own and for those that are. */
type Place = { readonly foreign: Ranges; readonly own: Ranges };

function rangesOf(ranges: readonly AddressRange[]): Ranges {
  const of = (family: Family): Interval<bigint>[] =>
    merge(
      ranges.filter((range) => range.family === family),
      next,
    );
  return { 4: of(4), 6: of(6) };
}

function allBut(ranges: Ranges): Ranges {
  const of = (family: Family): Interval<bigint>[] => {
    const gaps: Interval<bigint>[] = [];
    let first = 0n;
    for (const range of ranges[family]) {
      if (range.first > first) gaps.push({ first, last: range.first - 1n });
      first = range.last + 1n;
    }
    return first > lastAddress(family) ? gaps : [...gaps, { first, last: lastAddress(family) }];
  };
  return { 4: of(4), 6: of(6) };
}

const NOWHERE = rangesOf([]);
const EVERYWHERE = allBut(NOWHERE);
const both = (ranges: Ranges): Place => ({ foreign: ranges, own: ranges });

/** The places of each kind, for outgoing parts and for others. */
function kindPlaces(kinds: Kinds, outgoing: boolean): Readonly<Partial<Record<Where["kind"], Place>>> {
  const near = [kinds.loopback, kinds.unspecified, kinds.multicast, kinds.broadcast, kinds.localNet].flat();
  return {
    any: both(EVERYWHERE),
    loopback: { foreign: rangesOf(outgoing ? [...kinds.loopback, ...kinds.unspecified] : kinds.loopback), own: EVERYWHERE },
    multicast: both(outgoing ? rangesOf(kinds.multicast) : NOWHERE),
    broadcast: both(outgoing ? rangesOf(kinds.broadcast) : NOWHERE),
    "local-net": both(rangesOf(kinds.localNet)),
    "dns-servers": both(rangesOf(kinds.dnsServers)),
    internet: { foreign: allBut(rangesOf(near)), own: NOWHERE },
  };
}

function addressPlace(entry: Where): Place {
  const range = rangeOf(entry);
  if (range === null) return both(NOWHERE);
  return both(range.family === 4 ? { 4: [range], 6: [] } : { 4: [], 6: [range] });
}

function union(places: readonly Ranges[], family: Family): readonly Interval<bigint>[] {
  const [only] = places;
  if (places.length === 1 && only !== undefined) return only[family];
  return merge(
    places.flatMap((place) => place[family]),
    next,
  );
}

/** Where a rule holds, ready to be swept; `own`: for the namespace's own addresses. */
export type Lines = {
  readonly v4: Line;
  readonly own4: Line;
  readonly v6: Interval6;
  readonly own6: Interval6;
  readonly everywhere: boolean;
};
type Interval6 = readonly Interval<bigint>[];

const LAST4 = Number(lastAddress(4));
const LAST6 = lastAddress(6);

const lineOf = (intervals: readonly Interval<bigint>[]): Line => intervals.flatMap(({ first, last }) => [Number(first), Number(last)]);

function covers(intervals: readonly Interval<bigint>[], family: Family): boolean {
  return intervals.some(({ first, last }) => first === 0n && last === lastAddress(family));
}

function linesOf(places: readonly Place[]): Lines {
  const foreign = places.map((place) => place.foreign);
  const own = places.map((place) => place.own);
  const alike = places.every((place) => place.foreign === place.own);
  const of4 = union(foreign, 4);
  const own4 = alike ? of4 : union(own, 4);
  const v6 = union(foreign, 6);
  const own6 = alike ? v6 : union(own, 6);
  const v4 = lineOf(of4);
  return {
    v4,
    own4: alike ? v4 : lineOf(own4),
    v6,
    own6,
    everywhere: covers(of4, 4) && covers(own4, 4) && covers(v6, 6) && covers(own6, 6),
  };
}

/** What the kinds of where stand for in one environment, for outgoing parts and for others. */
export type Places = ReturnType<typeof kindPlaces>;

export type Known = { readonly words: string; readonly outgoing: Places; readonly others: Places };

/** The places by the words of the environment seen last; which paths lead where does not change them. */
let known: Known | null = null;

/** The places of the kinds; the same object for as long as the environment says the same about them. */
export function placesIn(environment: Environment): Known {
  const words = JSON.stringify([environment.attached, environment.broadcasts, environment.dnsServers]);
  if (known?.words === words) return known;
  const kinds = kindsOf(environment);
  known = { words, outgoing: kindPlaces(kinds, true), others: kindPlaces(kinds, false) };
  return known;
}

/** Where a part holds. */
export function linesOfPart({ outgoing, others }: Known, { placed, direction, found }: Part): Lines {
  const places = direction === "out" ? outgoing : others;
  if (found.lines !== null && found.places === places) return found.lines;
  found.lines = linesOf(placed.rule.where.map((entry) => places[entry.kind] ?? addressPlace(entry)));
  found.places = places;
  return found.lines;
}

/** struct span4 of spans in order: where each begins, and its two rows. */
export function pack4(starts: ArrayLike<number>, rows: ArrayLike<number>, own: ArrayLike<number>): Uint8Array {
  const { start, row, rowOwn } = Span4.fields;
  const bytes = new Uint8Array(starts.length * Span4.size);
  const view = new DataView(bytes.buffer);
  for (let i = 0, at = 0; i < starts.length; i++, at += Span4.size) {
    view.setUint32(at + start.offset, starts[i] ?? 0, true);
    view.setUint32(at + row.offset, rows[i] ?? 0, true);
    view.setUint32(at + rowOwn.offset, own[i] ?? 0, true);
  }
  return bytes;
}

/** struct span6, the same way. */
export function pack6(starts: readonly bigint[], rows: ArrayLike<number>, own: ArrayLike<number>): Uint8Array {
  const { startHigh, startLow, row, rowOwn } = Span6.fields;
  const bytes = new Uint8Array(starts.length * Span6.size);
  const view = new DataView(bytes.buffer);
  for (let i = 0, at = 0; i < starts.length; i++, at += Span6.size) {
    const address = starts[i] ?? 0n;
    view.setBigUint64(at + startHigh.offset, address >> 64n, true);
    view.setBigUint64(at + startLow.offset, BigInt.asUintN(64, address), true);
    view.setUint32(at + row.offset, rows[i] ?? 0, true);
    view.setUint32(at + rowOwn.offset, own[i] ?? 0, true);
  }
  return bytes;
}

function checkRoom({ count }: Spans, most: number): void {
  if (count <= most) return;
  throw new TableFullError(
    `Cannot compile these rules: they name more than ${MAX_SPANS4 / 2} IPv4 or ${MAX_SPANS6 / 2} IPv6 ranges; put addresses into a list, as in deny any -> list:NAME`,
  );
}

/** Addresses of 128 bits are swept by number: every place where an interval begins or has ended, in order. */
function startsOf(lines: readonly Lines[]): bigint[] {
  const starts = new Set([0n]);
  for (const { v6, own6 } of lines)
    for (const intervals of v6 === own6 ? [v6] : [v6, own6])
      for (const { first, last } of intervals) {
        starts.add(first);
        if (last < LAST6) starts.add(next(last));
      }
  return [...starts].sort((a, b) => (a < b ? -1 : 1));
}

function compile4(lines: readonly Lines[], sweep: Sweep): Uint8Array {
  lines.forEach(({ v4, own4 }, bit) => {
    sweep.add(v4 === own4 ? BOTH : FIRST, bit, v4, LAST4);
    if (v4 !== own4) sweep.add(SECOND, bit, own4, LAST4);
  });
  const spans = sweep.spans();
  checkRoom(spans, MAX_SPANS4);
  const { count, starts, rows, others } = spans;
  return pack4(starts.subarray(0, count), rows, others);
}

function compile6(lines: readonly Lines[], sweep: Sweep): Uint8Array {
  const starts = startsOf(lines);
  const numbers = new Map(starts.map((address, i) => [address, i]));
  const highest = starts.length - 1;
  const numbered = (intervals: Interval6): Line =>
    intervals.flatMap(({ first, last }) => [numbers.get(first) ?? 0, last < LAST6 ? (numbers.get(next(last)) ?? 0) - 1 : highest]);
  lines.forEach(({ v6, own6 }, bit) => {
    if (v6.length > 0) sweep.add(v6 === own6 ? BOTH : FIRST, bit, numbered(v6), highest);
    if (v6 !== own6) sweep.add(SECOND, bit, numbered(own6), highest);
  });
  const spans = sweep.spans();
  checkRoom(spans, MAX_SPANS6);
  const { count, rows, others } = spans;
  return pack6(
    Array.from(spans.starts.subarray(0, count), (number) => starts[number] ?? 0n),
    rows,
    others,
  );
}

/** struct span4 and struct span6; from here on each part knows its lines. Throws TableFullError. */
export function compileWhere(
  parts: readonly Part[],
  environment: Environment,
  sweep: Sweep,
): { readonly spans4: Uint8Array; readonly spans6: Uint8Array } {
  const places = placesIn(environment);
  const lines = parts.map((part) => linesOfPart(places, part));
  return { spans4: compile4(lines, sweep), spans6: compile6(lines, sweep) };
}
