// SPDX-License-Identifier: Apache-2.0
/** Rules of other programs -> ours: which format a file has, what it comes to, and a report of every entry in it. */
import { type Rule, Rule as RuleSchema } from "../../contract/rule.ts";
import { parseRule } from "../parse.ts";
import { printRule } from "../print.ts";
import { type Draft, leftOut } from "./draft.ts";
import { type ImportedList, type Joined, joinAlike } from "./join.ts";
import { isLsrules, readLsrules } from "./lsrules.ts";
import { isOpensnitch, REMARKS, readOpensnitch } from "./opensnitch.ts";
import type { Machine } from "./programs.ts";

export const FORMATS = ["lsrules", "opensnitch"] as const;
export type ForeignFormat = (typeof FORMATS)[number];

/** What became of an entry: as it was, with something changed, or nothing. */
export type Outcome = "carried" | "changed" | "left-out";

/** One entry of the file. `rules`: indices into the rules of the import. `sentences`: what was changed, or why it was left out. */
export type ReportLine = {
  readonly at: string;
  readonly outcome: Outcome;
  readonly rules: readonly number[];
  readonly sentences: readonly string[];
};

export type Report = {
  readonly carried: number;
  readonly changed: number;
  readonly leftOut: number;
  /** What is true of all of it. */
  readonly remarks: readonly string[];
  readonly lines: readonly ReportLine[];
};

export type ForeignImport = {
  readonly format: ForeignFormat;
  readonly name: string | null;
  readonly description: string | null;
  readonly rules: readonly Rule[];
  readonly lists: readonly ImportedList[];
  readonly report: Report;
};

export type ImportOptions = {
  readonly machine: Machine;
  /** Why a rule cannot be used (rules/unsupported.ts), or null. Such rules are left out, with that sentence. */
  readonly refused: (rule: Rule) => string | null;
  /** What to call lists when the file has no name. */
  readonly fileName: string;
  /** Where each entry stands, when several files were put together as one list. */
  readonly entryNames?: readonly string[];
};

/** The JSON value of a text that may be a foreign file; null when it is no JSON object or list. */
export function readJson(text: string): unknown {
  const plain = text.replace(/^\ufeff/, "");
  if (!/^\s*[[{]/.test(plain)) return null;
  try {
    return JSON.parse(plain);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}

/** The format of a JSON value, or null when it is none of those known here. */
export function formatOf(value: unknown): ForeignFormat | null {
  if (isLsrules(value)) return "lsrules";
  return isOpensnitch(value) ? "opensnitch" : null;
}

/** Why a rule cannot be taken: it does not come out of its own text as it went in (a host called "any"), or it cannot be used. */
function refusal(rule: Rule, options: ImportOptions): string | null {
  const text = printRule(rule);
  const parsed = parseRule(text);
  if (!parsed.ok) return parsed.problems[0]?.message ?? "It cannot be written as a rule";
  const same = JSON.stringify(RuleSchema.parse(parsed.rule)) === JSON.stringify(RuleSchema.parse(rule));
  return same ? options.refused(rule) : `Written as a rule it would mean something else: ${text}`;
}

function withRefusals(draft: Draft, options: ImportOptions): Draft {
  const sentence = draft.rules.map((rule) => refusal(rule, options)).find((found) => found !== null);
  return sentence === undefined ? draft : leftOut(draft.at, sentence);
}

/** The report, from the drafts and where each of their rules went. */
function reportOf(drafts: readonly Draft[], joined: readonly Joined[], remarks: readonly string[]): Report {
  const places = new Map(joined.flatMap(({ from }, index) => from.map((i) => [i, index] as const)));
  let next = 0;
  const lines = drafts.map((each): ReportLine => {
    if (each.leftOut !== null) return { at: each.at, outcome: "left-out", rules: [], sentences: [each.leftOut] };
    const sentences = [...each.changes];
    const rules = new Set<number>();
    for (const rule of each.rules) {
      const index = places.get(next++) ?? 0;
      rules.add(index);
      const { change = null, rule: whole } = joined[index] ?? {};
      if (change !== null) sentences.push(change);
      if (rule.note !== null && whole?.note !== rule.note)
        sentences.push(`Its note ${JSON.stringify(rule.note)} is not kept: it is one rule with others`);
    }
    return { at: each.at, outcome: sentences.length === 0 ? "carried" : "changed", rules: [...rules], sentences: [...new Set(sentences)] };
  });
  const count = (outcome: Outcome): number => lines.filter((line) => line.outcome === outcome).length;
  return { carried: count("carried"), changed: count("changed"), leftOut: count("left-out"), remarks, lines };
}

/** A name for a list: small letters, digits and hyphens. */
function listName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return name === "" ? "imported" : name;
}

const textField = (value: unknown, key: "name" | "description"): string | null => {
  const fields = value as Readonly<Record<string, unknown>>;
  return typeof fields[key] === "string" && fields[key] !== "" ? fields[key] : null;
};

/** What the file comes to. `value` is of `format` (formatOf). */
export function importForeign(value: unknown, format: ForeignFormat, options: ImportOptions): ForeignImport {
  const read =
    format === "opensnitch" ? readOpensnitch(value, options.entryNames) : isLsrules(value) ? readLsrules(value, options.machine) : [];
  const drafts = read.map((each) => withRefusals(each, options));
  const name = format === "lsrules" ? textField(value, "name") : null;
  const joined = joinAlike(
    drafts.flatMap(({ rules }) => rules),
    { listName: listName(name ?? options.fileName), usable: (rule) => options.refused(rule) === null },
  );
  return {
    format,
    name,
    description: format === "lsrules" ? textField(value, "description") : null,
    rules: joined.map(({ rule }) => rule),
    lists: joined.map(({ list }) => list).filter((list) => list !== null),
    report: reportOf(drafts, joined, format === "opensnitch" ? REMARKS : []),
  };
}
