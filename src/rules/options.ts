// SPDX-License-Identifier: Apache-2.0
/** What may follow where and ports: lifetime, priority, notify, quiet, disabled, note. Each at most once, in any order. */
import type { Lifetime, Rule } from "../contract/rule.ts";
import type { Word } from "./lex.ts";
import { PROTOCOL_WORDS } from "./ports.ts";
import { Stop, shown, suggestion } from "./problem.ts";
import { quoted } from "./quote.ts";

export type Options = Pick<Rule, "lifetime" | "priority" | "notify" | "quiet" | "disabled" | "note">;
type Changing = { -readonly [K in keyof Options]: Options[K] };

const OPTION_WORDS = ["once", "for", "until", "priority", "notify", "quiet", "disabled", "note", "profile"];
const PRIORITIES = ["low", "regular", "high", "highest"] as const;
/** Seconds of each unit, largest first. */
const UNITS = { w: 604800, d: 86400, h: 3600, m: 60, s: 1 } as const;

/** "15m", "2h", "7d" -> seconds; null when it is no duration of at least a second. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,12})([smhdw])$/.exec(text);
  if (match === null) return null;
  const unit = Object.entries(UNITS).find(([name]) => name === match[2])?.[1] ?? 1;
  const seconds = Number(match[1]) * unit;
  return seconds >= 1 && Number.isSafeInteger(seconds) ? seconds : null;
}

/** Seconds in the largest unit that leaves no rest. */
export function printDuration(seconds: number): string {
  const [name, unit] = Object.entries(UNITS).find(([, size]) => seconds % size === 0) ?? ["s", 1];
  return `${seconds / unit}${name}`;
}

class OptionReader {
  readonly options: Changing = {
    lifetime: { kind: "ever" },
    priority: "regular",
    notify: false,
    quiet: false,
    disabled: false,
    note: null,
  };
  readonly words: readonly Word[];
  readonly end: number;
  readonly seen = new Set<string>();
  position = 0;

  constructor(words: readonly Word[], end: number) {
    this.words = words;
    this.end = end;
  }

  /** The word after `option`; `expected` is the rest of the sentence when there is none. */
  argument(option: string, expected: string): Word {
    const word = this.words[this.position++];
    if (word === undefined) throw new Stop(this.end, `Nothing follows "${option}": expected ${expected}`);
    return word;
  }

  once(what: string, word: Word): void {
    if (this.seen.has(what)) throw new Stop(word.column, `Cannot read ${shown(word.text)}: expected only one ${what}`);
    this.seen.add(what);
  }

  lifetime(word: Word): Lifetime {
    this.once("lifetime", word);
    if (word.text === "once") return { kind: "once" };
    if (word.text === "for") {
      const duration = this.argument("for", "a time like 15m, 2h or 7d");
      const seconds = parseDuration(duration.text);
      if (seconds === null)
        throw new Stop(duration.column, `Cannot read ${shown(duration.text)} as a time: expected a number and s, m, h, d or w, like 15m`);
      return { kind: "for", seconds };
    }
    const until = this.argument("until", "quit or restart");
    if (until.text === "quit" || until.text === "restart") return { kind: until.text };
    throw new Stop(
      until.column,
      `${shown(until.text)} does not end a rule; expected quit or restart${suggestion(until.text, ["quit", "restart"])}`,
    );
  }

  readOne(word: Word): void {
    const { options } = this;
    switch (word.text) {
      case "once":
      case "for":
      case "until":
        options.lifetime = this.lifetime(word);
        return;
      case "priority": {
        this.once("priority", word);
        const level = this.argument("priority", "low, high or highest");
        const known = PRIORITIES.find((priority) => priority === level.text);
        if (known === undefined)
          throw new Stop(
            level.column,
            `${shown(level.text)} is not a priority; expected low, high or highest${suggestion(level.text, PRIORITIES)}`,
          );
        options.priority = known;
        return;
      }
      case "notify":
      case "quiet":
      case "disabled":
        this.once(word.text, word);
        options[word.text] = true;
        return;
      case "note":
        this.once("note", word);
        options.note = this.argument("note", 'a text in quotes, like note "why"').text;
        return;
      case "profile":
        throw new Stop(
          word.column,
          "Profiles come with a later version: expected the rule without profile; a rule group can be switched on and off",
        );
      default:
        throw new Stop(
          word.column,
          `${shown(word.text)} is not an option; expected ports, once, for, until, priority, notify, quiet, disabled or note${suggestion(word.text, [...OPTION_WORDS, ...PROTOCOL_WORDS])}`,
        );
    }
  }
}

/** The options in `words`; `end` is the column behind the last word. Throws Stop. */
export function parseOptions(words: readonly Word[], end: number): Options {
  const reader = new OptionReader(words, end);
  while (reader.position < words.length) {
    const word = words[reader.position++];
    if (word !== undefined) reader.readOne(word);
  }
  return reader.options;
}

function printLifetime(lifetime: Lifetime): string[] {
  if (lifetime.kind === "ever") return [];
  if (lifetime.kind === "once") return ["once"];
  return lifetime.kind === "for" ? ["for", printDuration(lifetime.seconds)] : ["until", lifetime.kind];
}

/** The options that differ from what is left unsaid, as words. */
export function printOptions(rule: Options): string[] {
  const parts = printLifetime(rule.lifetime);
  if (rule.priority !== "regular") parts.push("priority", rule.priority);
  for (const flag of ["notify", "quiet", "disabled"] as const) if (rule[flag]) parts.push(flag);
  if (rule.note !== null) parts.push("note", quoted(rule.note, false));
  return parts;
}
