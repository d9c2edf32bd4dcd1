// SPDX-License-Identifier: Apache-2.0
/** Which rules can never win, and because of which: worked out once for each set of rules. */
import { coveredBy as covered, coverOf } from "../rules/redundant.ts";
import type { Engine } from "./engine.ts";
import type { Book } from "./rulebook.ts";

const known = new WeakMap<Book, ReadonlyMap<number, number>>();

/** Rule id -> id of the rule that covers it. */
export function coveredBy(engine: Engine): ReadonlyMap<number, number> {
  const { book } = engine.rulebook;
  const found = known.get(book) ?? covered(book.ordered, engine.environment);
  known.set(book, found);
  return found;
}

/** The rule that covers one rule, or null: much cheaper than all of them, after an edit. */
export function coverOfRule(engine: Engine, id: number): number | null {
  const { book } = engine.rulebook;
  const placed = book.byId.get(id);
  if (placed === undefined) return null;
  return known.get(book)?.get(id) ?? coverOf(book.ordered, placed, engine.environment);
}
