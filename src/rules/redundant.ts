// SPDX-License-Identifier: Apache-2.0
/** Rules that can never win. */
import type { PlacedRule, Rule } from "../contract/rule.ts";

const conditions = ({ who, direction, where, ports }: Rule): string => JSON.stringify([who, direction, where, ports]);

/** Rule id -> id of the rule because of which it never wins. `ordered`: enabled rules in precedence order. */
export function findRedundant(ordered: readonly PlacedRule[]): Map<number, number> {
  const first = new Map<string, number>();
  const covered = new Map<number, number>();
  for (const { id, rule } of ordered) {
    const key = conditions(rule);
    const before = first.get(key);
    if (before === undefined) first.set(key, id);
    else covered.set(id, before);
  }
  return covered;
}
