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
const ALL: readonly AddressRange[] = FAMILIES.map((family) => ({ family, first: 0n, last: lastAddress(family) }));
const NEITHER: readonly AddressRange[] = [];
const next = (address: bigint): bigint => address + 1n;

/** What no kind of place on this machine or near it takes. */
function internetOf(kinds: Kinds): AddressRange[] {
  const near = [kinds.loopback, kinds.unspecified, kinds.multicast, kinds.broadcast, kinds.localNet].flat();
  return FAMILIES.flatMap((family) => {
    const gaps: AddressRange[] = [];
    let from = 0n;
    for (const { first, last } of merge(ofFamily(near, family), next)) {
      if (first > from) gaps.push({ family, first: from, last: first - 1n });
      from = last + 1n;
    }
    return from > lastAddress(family) ? gaps : [...gaps, { family, first: from, last: lastAddress(family) }];
  });
}

function ofFamily(ranges: readonly AddressRange[], family: Family): AddressRange[] {
  return ranges.filter((range) => range.family === family);
}

type Place = { readonly foreign: readonly AddressRange[]; readonly own: readonly AddressRange[] };
const both = (ranges: readonly AddressRange[]): Place => ({ foreign: ranges, own: ranges });

/** Where an entry holds, for addresses that are not the namespace's own and for those that are. */
function placeOf(entry: Where, part: Part, kinds: Kinds, internet: readonly AddressRange[]): Place {
  const outgoing = part.direction === "out";
  switch (entry.kind) {
    case "any":
      return both(ALL);
    case "loopback":
      return { foreign: outgoing ? [...kinds.loopback, ...kinds.unspecified] : kinds.loopback, own: ALL };
    case "multicast":
      return both(outgoing ? kinds.multicast : NEITHER);
    case "broadcast":
      return both(outgoing ? kinds.broadcast : NEITHER);
    case "local-net":
      return both(kinds.localNet);
    case "dns-servers":
      return both(kinds.dnsServers);
    case "internet":
      return { foreign: internet, own: NEITHER };
    default: {
      const range = rangeOf(entry);
      return both(range === null ? NEITHER : [range]);
    }
  }
}

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

type Span = { readonly start: bigint; readonly row: number; readonly rowOwn: number };

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
  const internet = internetOf(kinds);
  const sweeps = FAMILIES.map((family) => ({ family, sweep: new Sweep({ lowest: 0n, highest: lastAddress(family), next }, 2) }));
  const everywhere = new Bits();
  for (const [bit, part] of parts.entries()) {
    const places = part.placed.rule.where.map((entry) => placeOf(entry, part, kinds, internet));
    let whole = true;
    for (const { family, sweep } of sweeps) {
      const foreign = merge(
        ofFamily(
          places.flatMap((place) => place.foreign),
          family,
        ),
        next,
      );
      const own = merge(
        ofFamily(
          places.flatMap((place) => place.own),
          family,
        ),
        next,
      );
      sweep.add(0, bit, foreign);
      sweep.add(1, bit, own);
      whole &&= covers(foreign, family) && covers(own, family);
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
