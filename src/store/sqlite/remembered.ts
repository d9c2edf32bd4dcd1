// SPDX-License-Identifier: Apache-2.0
/** Rules as the database has them, in memory: read once, then kept up with every edit, which would otherwise read thousands again. */
import type { RuleStep, StoredRule } from "../store.ts";
import type { Database } from "./database.ts";
import { disabledInGroups, ownRules } from "./rules.ts";

export class RememberedRules {
  readonly #database: Database;
  /** By id. */
  #own: StoredRule[] | null = null;
  #disabledInGroups: readonly StoredRule[] | null = null;

  constructor(database: Database) {
    this.#database = database;
  }

  /** One's own rules, oldest first, as they are now. */
  own(): StoredRule[] {
    return [...this.#known()];
  }

  /** One's own rules, and those of groups that a person disabled. */
  all(): StoredRule[] {
    return [...this.#known(), ...this.disabledInGroups()];
  }

  #known(): StoredRule[] {
    this.#own ??= ownRules(this.#database);
    return this.#own;
  }

  /** Rules of groups that a person disabled. */
  disabledInGroups(): readonly StoredRule[] {
    this.#disabledInGroups ??= disabledInGroups(this.#database);
    return this.#disabledInGroups;
  }

  /** Takes over steps that are in the database now. */
  follow(steps: readonly RuleStep[]): void {
    for (const { before, after } of steps) {
      const rule = after ?? before;
      if (rule === null) continue;
      if (rule.group !== null) this.#disabledInGroups = null;
      else if (this.#own !== null) put(this.#own, rule.id, after);
    }
  }

  /** Reads again when asked next. */
  forget(): void {
    this.#own = null;
    this.forgetGroups();
  }

  forgetGroups(): void {
    this.#disabledInGroups = null;
  }
}

/** Puts `rule` in the place of `id`, or takes away what is there. `rules` are sorted by id. */
function put(rules: StoredRule[], id: number, rule: StoredRule | null): void {
  let [low, high] = [0, rules.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rules[middle]?.id ?? 0) < id) low = middle + 1;
    else high = middle;
  }
  const there = rules[low]?.id === id ? 1 : 0;
  rules.splice(low, there, ...(rule === null ? [] : [rule]));
}
