// SPDX-License-Identifier: Apache-2.0
/**
 * A rule as the tables hold it. The tables look up address and direction each by itself, but loopback, multicast and broadcast mean
 * other addresses for each direction: `<->` with one of these becomes two bits, next to each other in the order.
 */
import type { PlacedRule, Rule, Where } from "../contract/rule.ts";

export type Part = { readonly placed: PlacedRule; readonly direction: "out" | "in" | "both" };

const turns = ({ kind }: Where): boolean => kind === "loopback" || kind === "multicast" || kind === "broadcast";
const isTwo = ({ direction, where }: Rule): boolean => direction === "both" && where.some(turns);

/** The parts of the enabled rules, in order: part n is bit n. */
export function partsOf(ordered: readonly PlacedRule[]): Part[] {
  const parts: Part[] = [];
  for (const placed of ordered) {
    if (!placed.enabled) continue;
    if (isTwo(placed.rule)) parts.push({ placed, direction: "out" }, { placed, direction: "in" });
    else parts.push({ placed, direction: placed.rule.direction });
  }
  return parts;
}
