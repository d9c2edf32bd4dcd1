// SPDX-License-Identifier: Apache-2.0
/** Whether one rule's conditions hold whenever another's do. "No" may mean "not certain": what depends on the network of the moment never is. */
import type { Environment } from "../contract/environment.ts";
import type { PortSpec, Program, Rule, Where, Who } from "../contract/rule.ts";
import { type AddressRange, type Family, lastAddress } from "./address.ts";
import { portIntervals } from "./compile-ports.ts";
import { globMatches } from "./glob.ts";
import { LIMITED_BROADCAST, LOCAL_NET, LOOPBACK, MULTICAST, UNSPECIFIED } from "./kinds.ts";
import { rangeOf } from "./match.ts";
import { type Interval, merge } from "./sweep.ts";

type Direction = Rule["direction"];

function programContains(outer: Program, inner: Program, { realPaths }: Environment): boolean {
  if (outer.kind === "any") return true;
  const real = (program: Program): string => realPaths.get(program.value) ?? program.value;
  if (outer.kind === "glob" && inner.kind === "path") return globMatches(outer.value, real(inner));
  if (outer.kind !== inner.kind) return false;
  return outer.kind === "path" || outer.kind === "script" ? real(outer) === real(inner) : outer.value === inner.value;
}

/** Whether everyone `inner` is about is one whom `outer` is about. */
export function whoContains(outer: Who, inner: Who, environment: Environment): boolean {
  const contains = (a: Program, b: Program): boolean => programContains(a, b, environment);
  if (outer.user !== null && outer.user !== inner.user) return false;
  if (inner.via === null) return outer.via === null && contains(outer.program, inner.program);
  if (outer.via !== null) return contains(outer.program, inner.program) && contains(outer.via, inner.via);
  return contains(outer.program, inner.program) || contains(outer.program, inner.via);
}

/** The addresses that an entry is sure to take, now and after any change of network. */
function certainRanges(entry: Where, direction: Direction): readonly AddressRange[] {
  const outgoing = direction === "out";
  switch (entry.kind) {
    case "loopback":
      return outgoing ? [...LOOPBACK, ...UNSPECIFIED] : LOOPBACK;
    case "multicast":
      return outgoing ? MULTICAST : [];
    case "broadcast":
      return outgoing ? LIMITED_BROADCAST : [];
    case "local-net":
      return LOCAL_NET;
    default: {
      const range = rangeOf(entry);
      return range === null ? [] : [range];
    }
  }
}

/** A rule's where, made ready to be compared with many. */
export type Places = {
  readonly any: boolean;
  /** Kinds and names, as text, that are the same whatever they stand for. */
  readonly named: ReadonlySet<string>;
  readonly ranges: { readonly [family in Family]: readonly Interval<bigint>[] };
};

const next = (address: bigint): bigint => address + 1n;

/** The places of a rule that goes in `direction`. */
export function placesOf(where: readonly Where[], direction: Direction): Places {
  const ranges = where.flatMap((entry) => certainRanges(entry, direction));
  const of = (family: Family): Interval<bigint>[] =>
    merge(
      ranges.filter((range) => range.family === family),
      next,
    );
  const merged = { 4: of(4), 6: of(6) };
  const whole = ([4, 6] as const).every((family) =>
    merged[family].some((range) => range.first === 0n && range.last === lastAddress(family)),
  );
  const named = where.filter((entry) => rangeOf(entry) === null).map((entry) => JSON.stringify(entry));
  return { any: whole || where.some(({ kind }) => kind === "any"), named: new Set(named), ranges: merged };
}

/** Whether every entry of `where` lies within `outer`. */
export function placesContain(outer: Places, where: readonly Where[]): boolean {
  if (outer.any) return true;
  return where.every((entry) => {
    const range = rangeOf(entry);
    if (range === null) return outer.named.has(JSON.stringify(entry));
    return outer.ranges[range.family].some(({ first, last }) => first <= range.first && range.last <= last);
  });
}

/** Whether every port of `inner` is one of `outer`. */
export function portsContain(outer: readonly PortSpec[], inner: readonly PortSpec[]): boolean {
  if (outer.length === 0) return true;
  const wide = portIntervals(outer);
  return portIntervals(inner).every((range) => wide.some(({ first, last }) => first <= range.first && range.last <= last));
}
