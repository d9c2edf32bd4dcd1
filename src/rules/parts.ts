// SPDX-License-Identifier: Apache-2.0
/**
 * A rule as the tables hold it. The tables look up address and direction each by itself, but loopback, multicast and broadcast mean
 * other addresses for each direction: `<->` with one of these becomes two bits, next to each other in the order.
 */
import type { PlacedRule } from "../contract/rule.ts";

export type Part = { readonly placed: PlacedRule; readonly direction: "out" | "in" | "both" };

/** The parts of the enabled rules, in order: part n is bit n. */
export function partsOf(ordered: readonly PlacedRule[]): Part[] {
  return ordered
    .filter(({ enabled }) => enabled)
    .flatMap((placed): Part[] => {
      const { direction, where } = placed.rule;
      const turns = where.some(({ kind }) => kind === "loopback" || kind === "multicast" || kind === "broadcast");
      if (direction !== "both" || !turns) return [{ placed, direction }];
      return [
        { placed, direction: "out" },
        { placed, direction: "in" },
      ];
    });
}
