// SPDX-License-Identifier: Apache-2.0
/**
 * Rules alike in all but where become one: with several places where there are few, else with a list. Not where that would change which
 * rule wins, unless there are so many that they would crowd out all others.
 */
import type { PlacedRule, Rule, Where } from "../../contract/rule.ts";
import { compareRules } from "../order.ts";
import { printWhere } from "../where.ts";

/** A list a rule of the result names. `entries` as rules write places: `.example.org`, `192.0.2.0/24`. */
export type ImportedList = { readonly name: string; readonly entries: readonly string[] };

/** One rule of the result. `from`: the indices of those it was made of. `change`: a sentence when joining them changes something. */
export type Joined = {
  readonly rule: Rule;
  readonly from: readonly number[];
  readonly list: ImportedList | null;
  readonly change: string | null;
};

export type JoinOptions = {
  /** Name of the first list; others get a number. */
  readonly listName: string;
  /** Whether a rule can be used as it is; one with a list that cannot keeps all its places. */
  readonly usable: (rule: Rule) => boolean;
};

/** Places that can still be read in one line. */
export const MOST_PLACES = 32;
/** Alike rules beyond that are joined whatever it changes: the limit is 4,096 rules (contract/layout.gen.ts). */
export const MOST_ALIKE = 256;

const keyOf = (rule: Rule, withNote: boolean): string => JSON.stringify({ ...rule, where: null, note: withNote ? rule.note : null });

/** A rule and its index among those given. */
type Numbered = { readonly rule: Rule; readonly index: number };

/** `rules` by what they are but for where. Notes keep rules apart while there are few. */
function groups(rules: readonly Rule[]): Numbered[][] {
  const counts = Map.groupBy(rules, (rule) => keyOf(rule, false));
  const notesCount = (rule: Rule): boolean => (counts.get(keyOf(rule, false))?.length ?? 0) <= MOST_PLACES;
  const numbered = rules.map((rule, index) => ({ rule, index }));
  return [...Map.groupBy(numbered, ({ rule }) => keyOf(rule, notesCount(rule))).values()];
}

const rulesOf = (group: readonly Numbered[]): Rule[] => group.map(({ rule }) => rule);

function joinedWhere(rules: readonly Rule[]): Where[] {
  return [...new Map(rules.flatMap(({ where }) => where).map((place) => [printWhere([place]), place])).values()];
}

function placed(rule: Rule, id: number): PlacedRule {
  const facts = { author: "own", group: null, line: 0, created: 0, mandatory: false, enabled: true, protected: false } as const;
  return { ...facts, id, rule };
}

/** What a list can have on it as a rule says it: of `*.example.org` lists make the domain, and words like local-net they do not know. */
const isListable = ({ kind }: Where): boolean => ["address", "cidr", "range", "host", "domain"].includes(kind);

/** One rule of each place in the order: those with as many entries, as wide and of one kind, stand alike to all rules of another group. */
function representatives(rules: readonly Rule[]): Rule[] {
  const found: Rule[] = [];
  for (const rule of rules) {
    const same = found.some((other) => {
      const { order, step } = compareRules(placed(rule, 1), placed(other, 2));
      return order === 0 || step > 3;
    });
    if (!same) found.push(rule);
  }
  return found;
}

/** Whether `whole` stands to each of `others` as every one of `parts` does; the step of age is between equals and does not count. */
function keepsOrder(whole: Rule, parts: readonly Rule[], others: readonly Rule[]): boolean {
  const side = (rule: Rule, other: Rule): number => {
    const { order, step } = compareRules(placed(rule, 1), placed(other, 2));
    return step === 9 ? 0 : Math.sign(order);
  };
  return others.every((other) => parts.every((part) => side(part, other) === side(whole, other)));
}

/** Where alike rules stand in one kind (addresses, hosts, domains …), joining them changes less. */
const placeKind = ({ where }: Rule): string => {
  const kinds: readonly string[] = where.map(({ kind }) =>
    kind === "cidr" || kind === "range" ? "address" : kind === "subdomains" ? "domain" : kind,
  );
  return [...new Set(kinds)].toSorted().join();
};

class Joiner {
  readonly options: JoinOptions;
  readonly result: Joined[] = [];
  /** Of each group, so that a file of thousands is compared as the few kinds of rule it has. */
  readonly #representatives: readonly Rule[];
  #lists = 0;

  constructor(rules: readonly Rule[], options: JoinOptions) {
    this.options = options;
    this.#representatives = [...Map.groupBy(rules, (rule) => keyOf(rule, false)).values()].flatMap(representatives);
  }

  /** The one rule `group` would become, and the list it would need. */
  whole(group: readonly Numbered[]): { readonly rule: Rule; readonly list: ImportedList | null } {
    const members = rulesOf(group);
    const [first] = members;
    if (first === undefined) throw new RangeError("Cannot join no rules");
    const note = members.every((member) => member.note === first.note) ? first.note : null;
    const where = joinedWhere(members);
    const rule = { ...first, where, note };
    if (where.length <= MOST_PLACES || !where.every(isListable)) return { rule, list: null };
    const name = this.#lists === 0 ? this.options.listName : `${this.options.listName}-${this.#lists + 1}`;
    const listed: Rule = { ...rule, where: [{ kind: "list", name }] };
    if (!this.options.usable(listed)) return { rule, list: null };
    return { rule: listed, list: { name, entries: where.map((place) => printWhere([place])) } };
  }

  take(group: readonly Numbered[], change: string | null): void {
    const { rule, list } = this.whole(group);
    if (list !== null) this.#lists++;
    this.result.push({ rule, from: group.map(({ index }) => index), list, change });
  }

  /** Whether the joined rule stands to those of other actions as each member did: among equals in action it does not matter who wins. */
  keeps(group: readonly Numbered[]): boolean {
    const whole = this.whole(group).rule;
    const others = this.#representatives.filter(({ action }) => action !== whole.action);
    return keepsOrder(whole, representatives(rulesOf(group)), others);
  }

  join(group: readonly Numbered[]): void {
    if (group.length === 1 || this.keeps(group)) {
      this.take(group, null);
      return;
    }
    for (const part of Map.groupBy(group, ({ rule }) => placeKind(rule)).values()) {
      if (part.length === 1 || this.keeps(part)) this.take(part, null);
      else if (part.length > MOST_ALIKE) this.take(part, "Joined with so many others it comes later in the order than it did by itself");
      else for (const one of part) this.take([one], null);
    }
  }
}

/** `rules` with those joined that are alike, in the order of the first of each. */
export function joinAlike(rules: readonly Rule[], options: JoinOptions): Joined[] {
  const joiner = new Joiner(rules, options);
  for (const group of groups(rules)) joiner.join(group);
  return joiner.result.toSorted((a, b) => (a.from[0] ?? 0) - (b.from[0] ?? 0));
}
