// SPDX-License-Identifier: Apache-2.0
/** Whether one rule's conditions hold whenever another's do. "No" may mean "not certain": what depends on the network of the moment never is. */
import type { Environment } from "../contract/environment.ts";
import type { PortSpec, Program, Rule, Where, Who } from "../contract/rule.ts";
import { type AddressRange, type Family, lastAddress } from "./address.ts";
import { portIntervals } from "./compile-ports.ts";
import { globMatches } from "./glob.ts";
import { LIMITED_BROADCAST, LOCAL_NET, LOOPBACK, MULTICAST, UNSPECIFIED } from "./kinds.ts";
import { rangeOf } from "./match.ts";
import { nameMatches } from "./names.ts";
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
  /** Entries that are no addresses. */
  readonly named: readonly Where[];
  /** The addresses the entries name. */
  readonly ranges: readonly AddressRange[];
  /** The addresses the rule is sure to take. */
  readonly certain: { readonly [family in Family]: readonly Interval<bigint>[] };
};

const next = (address: bigint): bigint => address + 1n;

/** The places of a rule that goes in `direction`. */
export function placesOf(where: readonly Where[], direction: Direction): Places {
  const all = where.flatMap((entry) => certainRanges(entry, direction));
  const of = (family: Family): Interval<bigint>[] =>
    merge(
      all.filter((range) => range.family === family),
      next,
    );
  const certain = { 4: of(4), 6: of(6) };
  const whole = ([4, 6] as const).every((family) =>
    certain[family].some(({ first, last }) => first === 0n && last === lastAddress(family)),
  );
  const ranges = where.map(rangeOf).filter((range) => range !== null);
  const named = where.filter((entry) => rangeOf(entry) === null);
  return { any: whole || where.some(({ kind }) => kind === "any"), named, ranges, certain };
}

/** Whether an entry that is no address takes whatever `inner` does. What is on a list changes: the same list alone is certain. */
function entryContains(outer: Where, inner: Where): boolean {
  switch (inner.kind) {
    case "host":
      return nameMatches(outer, inner.name);
    case "domain":
      return outer.kind !== "host" && nameMatches(outer, inner.name);
    case "subdomains":
      return outer.kind !== "host" && (nameMatches(outer, inner.name) || (outer.kind === "subdomains" && outer.name === inner.name));
    case "list":
      return outer.kind === "list" && outer.name === inner.name;
    case "asn":
      return outer.kind === "asn" && outer.number === inner.number;
    case "country":
      return outer.kind === "country" && outer.code === inner.code;
    default:
      return outer.kind === inner.kind;
  }
}

/** Whether any of the entries looks at names. */
export function looksAtNames({ named }: Places): boolean {
  return named.some(({ kind }) => kind === "host" || kind === "domain" || kind === "subdomains" || kind === "list");
}

/** Whether every place of `inner` lies within `outer`. */
export function placesContain(outer: Places, inner: Places): boolean {
  if (outer.any) return true;
  for (const range of inner.ranges) {
    if (!outer.certain[range.family].some(({ first, last }) => first <= range.first && range.last <= last)) return false;
  }
  return inner.named.every((entry) => outer.named.some((other) => entryContains(other, entry)));
}

/** Ports made ready to be compared with many: protocol << 16 | port; null is every one. */
export type Ports = readonly Interval<number>[] | null;

export function portsOf(specs: readonly PortSpec[]): Ports {
  return specs.length === 0 ? null : portIntervals(specs);
}

/** Whether every port of `inner` is one of `outer`. */
export function portsContain(outer: Ports, inner: Ports): boolean {
  if (outer === null) return true;
  return inner?.every((range) => outer.some(({ first, last }) => first <= range.first && range.last <= last)) ?? false;
}
