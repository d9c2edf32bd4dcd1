// SPDX-License-Identifier: Apache-2.0
/** What reading one entry of a foreign file comes to: rules, with what had to be changed, or a sentence why there are none. */
import { visible } from "../../contract/bytes.ts";
import type { Rule } from "../../contract/rule.ts";

/** How reading an entry stops. Never leaves this folder. */
export class LeaveOut extends Error {
  override readonly name = "LeaveOut";
}

/** One entry of a foreign file, while it is read. `at` says where it stands: "rules[3]", "denied-remote-hosts[7]", "30-curl.json". */
export class Entry {
  readonly at: string;
  readonly changes: string[] = [];

  constructor(at: string) {
    this.at = at;
  }

  /** Notes that something is not as it was. Said once. */
  changed(sentence: string): void {
    if (!this.changes.includes(sentence)) this.changes.push(sentence);
  }
}

/** An entry and the rules it became. `leftOut`: why there are none. */
export type Draft<Made = Rule> = {
  readonly at: string;
  readonly rules: readonly Made[];
  readonly changes: readonly string[];
  readonly leftOut: string | null;
};

/** An entry that becomes nothing. */
export function leftOut(at: string, sentence: string): Draft<never> {
  return { at, rules: [], changes: [], leftOut: sentence };
}

/** The rules `read` makes of the entry at `at`. */
export function draft<Made>(at: string, read: (entry: Entry) => readonly Made[]): Draft<Made> {
  const entry = new Entry(at);
  try {
    return { at, rules: read(entry), changes: entry.changes, leftOut: null };
  } catch (error) {
    if (!(error instanceof LeaveOut)) throw error;
    return leftOut(at, error.message);
  }
}

/** `deny any -> any`, with nothing said that can be left unsaid. */
export const PLAIN: Rule = {
  action: "deny",
  who: { user: null, program: { kind: "any", value: "" }, via: null },
  direction: "out",
  where: [{ kind: "any" }],
  ports: [],
  lifetime: { kind: "ever" },
  priority: "regular",
  notify: false,
  quiet: false,
  disabled: false,
  note: null,
};

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as messages quote it. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
  return `"${visible(text.length > 80 ? `${text.slice(0, 79)}…` : text)}"`;
}

/** The text under `key`, or null when there is none. Throws LeaveOut for what is no text. */
export function textOf(fields: Fields, key: string): string | null {
  const value = fields[key] ?? null;
  if (value === null || typeof value === "string") return value;
  throw new LeaveOut(`Cannot read "${key}": ${quoted(value)} is not a text`);
}

/** The texts under `key`: an array of them, or one with commas between. Throws LeaveOut for anything else. */
export function textsOf(fields: Fields, key: string): string[] {
  const value = fields[key] ?? null;
  if (value === null) return [];
  const parts = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(parts) || !parts.every((part) => typeof part === "string"))
    throw new LeaveOut(`Cannot read "${key}": expected a text or a list of texts`);
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

/** Whether `key` is true. Throws LeaveOut for what is neither true nor false. */
export function flagOf(fields: Fields, key: string): boolean {
  const value = fields[key] ?? false;
  if (typeof value === "boolean") return value;
  throw new LeaveOut(`Cannot read "${key}": ${quoted(value)} is neither true nor false`);
}
