// SPDX-License-Identifier: Apache-2.0
/** Rules that can never win: a rule before them holds whenever they do. Only what is certain; several rules that cover one together are not found. */
import type { Environment } from "../contract/environment.ts";
import type { PlacedRule, Rule } from "../contract/rule.ts";
import { looksAtNames, type Places, type Ports, placesContain, placesOf, portsContain, portsOf, whoContains } from "./contains.ts";
import { rangeOf } from "./match.ts";

/** A rule's conditions, made ready to be compared with many. */
type Conditions = { readonly placed: PlacedRule; readonly places: Places; readonly ports: Ports };

function conditionsOf(placed: PlacedRule): Conditions {
  const { where, direction, ports } = placed.rule;
  return { placed, places: placesOf(where, direction), ports: portsOf(ports) };
}

/** Names that a program made up count for rules that deny or ask, and not for an *allow* before them. */
function namesDiffer(outer: Conditions, inner: Conditions): boolean {
  const [a, b] = [outer.placed.rule.action, inner.placed.rule.action];
  return a === "allow" && b !== "allow" && !outer.places.any && looksAtNames(inner.places);
}

function covers(outer: Conditions, inner: Conditions, environment: Environment): boolean {
  const [a, b] = [outer.placed.rule, inner.placed.rule];
  return (
    (a.direction === "both" || a.direction === b.direction) &&
    placesContain(outer.places, inner.places) &&
    portsContain(outer.ports, inner.ports) &&
    whoContains(a.who, b.who, environment) &&
    !namesDiffer(outer, inner)
  );
}

/** Rules that end by themselves cover nothing for good. */
const lasts = ({ rule, enabled }: PlacedRule): boolean => enabled && rule.lifetime.kind === "ever";

/**
 * Whether a rule for one address, prefix or range cannot cover `inner`: known without making its conditions ready, which for thousands of
 * rules is most of what an edit would wait for.
 */
function tooNarrow({ where }: Rule, inner: Rule): boolean {
  const [only] = where;
  const range = only === undefined || where.length > 1 ? null : rangeOf(only);
  if (range === null) return false;
  return !inner.where.every((entry) => {
    const other = rangeOf(entry);
    return other !== null && other.family === range.family && range.first <= other.first && other.last <= range.last;
  });
}

/** The id of the first rule before `placed` in `ordered` (from orderRules) that covers it, or null. For one rule, as after an edit. */
export function coverOf(ordered: readonly PlacedRule[], placed: PlacedRule, environment: Environment): number | null {
  const inner = conditionsOf(placed);
  for (const outer of ordered) {
    if (outer.id === placed.id) return null;
    if (!lasts(outer) || tooNarrow(outer.rule, placed.rule)) continue;
    if (covers(conditionsOf(outer), inner, environment)) return outer.id;
  }
  return null;
}

/**
 * For each enabled rule of `ordered` (from orderRules) that can never win, the id of the first that covers it. Quadratic: for listings;
 * after an edit ask `coverOf`.
 */
export function coveredBy(ordered: readonly PlacedRule[], environment: Environment): ReadonlyMap<number, number> {
  const covered = new Map<number, number>();
  const before: Conditions[] = [];
  for (const placed of ordered) {
    if (!placed.enabled) continue;
    const inner = conditionsOf(placed);
    const by = before.find((outer) => covers(outer, inner, environment));
    if (by !== undefined) covered.set(placed.id, by.placed.id);
    // A covered rule covers nothing that the one over it does not.
    else if (lasts(placed)) before.push(inner);
  }
  return covered;
}
