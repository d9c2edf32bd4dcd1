// SPDX-License-Identifier: Apache-2.0
/**
 * A rule as the tables hold it. The tables look up address and direction each by itself, but loopback, multicast and broadcast mean
 * other addresses for each direction: `<->` with one of these becomes two bits, next to each other in the order.
 */
import type { PlacedRule, Rule, Where } from "../contract/rule.ts";
import type { Lines, Places } from "./compile-where.ts";
import type { Line } from "./sweep.ts";

/** What a part was found to be, by whoever compiles it: most rules stay the same from edit to edit. */
export class Found {
  ports: Line | null = null;
  lines: Lines | null = null;
  /** The places that `lines` are in. */
  places: Places | null = null;
}

export type Part = { readonly placed: PlacedRule; readonly direction: "out" | "in" | "both"; readonly found: Found };

type FoundOfRule = { readonly first: Found; readonly second: Found | null };
const known = new WeakMap<Rule, FoundOfRule>();

function foundOf(rule: Rule): FoundOfRule {
  const before = known.get(rule);
  if (before !== undefined) return before;
  const made = { first: new Found(), second: isTwo(rule) ? new Found() : null };
  known.set(rule, made);
  return made;
}

const turns = ({ kind }: Where): boolean => kind === "loopback" || kind === "multicast" || kind === "broadcast";
const isTwo = ({ direction, where }: Rule): boolean => direction === "both" && where.some(turns);

/** The parts of the enabled rules, in order: part n is bit n. */
export function partsOf(ordered: readonly PlacedRule[]): Part[] {
  const parts: Part[] = [];
  for (const placed of ordered) {
    if (!placed.enabled) continue;
    const { first, second } = foundOf(placed.rule);
    if (second !== null) parts.push({ placed, direction: "out", found: first }, { placed, direction: "in", found: second });
    else parts.push({ placed, direction: placed.rule.direction, found: first });
  }
  return parts;
}
