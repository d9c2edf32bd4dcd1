// SPDX-License-Identifier: Apache-2.0
/** Rules that can never win: a rule before them holds whenever they do. Only what is certain; several rules that cover one together are not found. */
import type { Environment } from "../contract/environment.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { type Places, placesContain, placesOf, portsContain, whoContains } from "./contains.ts";

type Candidate = { readonly placed: PlacedRule; readonly places: Places };

function covers({ placed, places }: Candidate, { rule }: PlacedRule, environment: Environment): boolean {
  const outer = placed.rule;
  return (
    (outer.direction === "both" || outer.direction === rule.direction) &&
    whoContains(outer.who, rule.who, environment) &&
    portsContain(outer.ports, rule.ports) &&
    placesContain(places, rule.where)
  );
}

/**
 * For each enabled rule of `ordered` (from orderRules) that can never win, the id of the first that covers it. Rules that end by
 * themselves cover nothing. Quadratic in the worst case: for listings, not for every edit.
 */
export function coveredBy(ordered: readonly PlacedRule[], environment: Environment): ReadonlyMap<number, number> {
  const covered = new Map<number, number>();
  const before: Candidate[] = [];
  for (const placed of ordered) {
    if (!placed.enabled) continue;
    const by = before.find((candidate) => covers(candidate, placed, environment));
    if (by !== undefined) covered.set(placed.id, by.placed.id);
    // A covered rule covers nothing that the one over it does not.
    else if (placed.rule.lifetime.kind === "ever") before.push({ placed, places: placesOf(placed.rule.where, placed.rule.direction) });
  }
  return covered;
}
