// SPDX-License-Identifier: Apache-2.0
/** The address dimension: for every address, the rules whose where holds there. */
import type { Environment } from "../contract/environment.ts";
import { MAX_SPANS4, MAX_SPANS6, Span4, Span6 } from "../contract/layout.gen.ts";
import type { Where } from "../contract/rule.ts";
import { type AddressRange, type Family, lastAddress } from "./address.ts";
import { type Kinds, kindsOf } from "./kinds.ts";
import { rangeOf } from "./match.ts";
import type { Part } from "./parts.ts";
import { Bits, type RowTable } from "./rows.ts";
import { type Interval, merge, Sweep } from "./sweep.ts";
import { pack, TableFullError } from "./table.ts";

const FAMILIES = [4, 6] as const;
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

type Span = { readonly start: bigint; readonly row: number; readonly rowOwn: number };

const pack4 = (spans: readonly Span[]): Uint8Array =>
  pack(
    Span4,
    spans.map(({ start, row, rowOwn }) => ({ start: Number(start), row, rowOwn, reserved: 0 })),
  );

const pack6 = (spans: readonly Span[]): Uint8Array =>
  pack(
    Span6,
    spans.map(({ start, row, rowOwn }) => ({ startHigh: start >> 64n, startLow: BigInt.asUintN(64, start), row, rowOwn })),
  );

function spansOf(sweep: Sweep<bigint>, rows: RowTable): Span[] {
  const spans: Span[] = [];
  sweep.walk((start, [foreign = new Bits(), own = new Bits()]) => {
    const row = rows.indexOf(foreign);
    const rowOwn = rows.indexOf(own);
    const before = spans.at(-1);
    if (before?.row !== row || before.rowOwn !== rowOwn) spans.push({ start, row, rowOwn });
  });
  return spans;
}

function covers(intervals: readonly Interval<bigint>[], family: Family): boolean {
  return intervals.some(({ first, last }) => first === 0n && last === lastAddress(family));
}

/** struct span4, struct span6, and the bits of the rules that hold for every address. Throws TableFullError. */
export function compileWhere(
  parts: readonly Part[],
  environment: Environment,
  rows: RowTable,
): { readonly spans4: Uint8Array; readonly spans6: Uint8Array; readonly everywhere: Bits } {
  const kinds = kindsOf(environment);
  const [outgoing, others] = [kindPlaces(kinds, true), kindPlaces(kinds, false)];
  const sweeps = FAMILIES.map((family) => ({ family, sweep: new Sweep({ lowest: 0n, highest: lastAddress(family), next }, 2) }));
  const everywhere = new Bits();
  for (const [bit, { placed, direction }] of parts.entries()) {
    const ofKind = direction === "out" ? outgoing : others;
    const places = placed.rule.where.map((entry) => ofKind[entry.kind] ?? addressPlace(entry));
    const [foreign, own] = [places.map((place) => place.foreign), places.map((place) => place.own)];
    let whole = true;
    for (const { family, sweep } of sweeps) {
      const [holds, holdsOwn] = [union(foreign, family), union(own, family)];
      sweep.add(0, bit, holds);
      sweep.add(1, bit, holdsOwn);
      whole &&= covers(holds, family) && covers(holdsOwn, family);
    }
    if (whole) everywhere.add(bit);
  }
  const [spans4 = [], spans6 = []] = sweeps.map(({ sweep }) => spansOf(sweep, rows));
  if (spans4.length > MAX_SPANS4 || spans6.length > MAX_SPANS6) {
    throw new TableFullError(
      `Cannot compile these rules: they name more than ${MAX_SPANS4 / 2} IPv4 or ${MAX_SPANS6 / 2} IPv6 ranges; put addresses into a list, as in deny any -> list:NAME`,
    );
  }
  return { spans4: pack4(spans4), spans6: pack6(spans6), everywhere };
}
