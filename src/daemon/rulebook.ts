// SPDX-License-Identifier: Apache-2.0
/**
 * Every rule there is: one's own from the store, rule groups from files, the factory's. Put together and ordered at the start and when
 * files, groups or settings change; an edit is followed rule by rule.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { decodeBytes } from "../contract/bytes.ts";
import type { FileProblem } from "../contract/failure.ts";
import { fileReason } from "../contract/file-reason.ts";
import type { PlacedRule, Rule } from "../contract/rule.ts";
import { parseFile } from "../rules/file.ts";
import { orderRules, placeIn } from "../rules/order.ts";
import { parseRule } from "../rules/parse.ts";
import { printRule } from "../rules/print.ts";
import { unsupported } from "../rules/unsupported.ts";
import { readLastGroups, removeLastGroup, writeLastGroup } from "../store/lastgroups.ts";
import type { RuleStep, Store, StoredRule } from "../store/store.ts";
import { bootId, hasEnded } from "./lifetimes.ts";

export const FACTORY = "factory";

export type GroupState = {
  readonly name: string;
  readonly description: string | null;
  /** Null for the factory's. */
  readonly file: string | null;
  readonly rules: number;
  /** Why the file as it is now is refused; its last good text is in force. */
  readonly problems: readonly FileProblem[];
};

export type Book = {
  /** In precedence order, disabled ones included. */
  readonly ordered: readonly PlacedRule[];
  readonly byId: ReadonlyMap<number, PlacedRule>;
  readonly stored: ReadonlyMap<number, StoredRule>;
  readonly groups: readonly GroupState[];
  /** Own rules the parser does not take any more: left out. */
  readonly unreadable: readonly StoredRule[];
};

export type RulebookOptions = {
  readonly store: () => Store;
  readonly rulesDir: string;
  readonly stateDir: string;
  /** The factory's rules, as they are on this machine now. */
  readonly factory: () => readonly Rule[];
};

type FileRules = {
  readonly description: string | null;
  readonly file: string;
  readonly rules: readonly { rule: Rule; line: number }[];
  readonly problems: FileProblem[];
};

/** Reads one rule file; the caller gets its rules or why it is refused. */
export function readRuleFile(
  text: string,
  file: string,
): { rules: { rule: Rule; line: number }[]; description: string | null; problems: FileProblem[] } {
  const parsed = parseFile(text, file);
  if (!parsed.ok) return { rules: [], description: null, problems: parsed.problems.map((problem) => ({ file, ...problem })) };
  const problems = parsed.rules.flatMap(({ rule, line }) => {
    const message = unsupported(rule);
    return message === null ? [] : [{ file, line, column: 1, message }];
  });
  return { rules: [...parsed.rules], description: parsed.group.description, problems };
}

function placeOwn(entry: StoredRule, rule: Rule): PlacedRule {
  return {
    id: entry.id,
    rule,
    author: "own",
    group: null,
    line: 0,
    created: entry.id,
    mandatory: false,
    enabled: entry.enabled && !rule.disabled,
    protected: false,
  };
}

export class Rulebook {
  readonly #options: RulebookOptions;
  readonly #lastFolder: string;
  #files = new Map<string, FileRules>();
  #seen = "";
  /** Groups that were disabled when the book was put together. */
  #disabled: ReadonlySet<string> = new Set();
  /** The maps of `book`: an edit changes them where they are. */
  #byId = new Map<number, PlacedRule>();
  #stored = new Map<number, StoredRule>();
  /** Rules of one's own whose time is over, and that the store may still have: no book has them. */
  readonly over = new Set<number>();
  book: Book = { ordered: [], byId: this.#byId, stored: this.#stored, groups: [], unreadable: [] };

  constructor(options: RulebookOptions) {
    this.#options = options;
    this.#lastFolder = join(options.stateDir, "groups.last");
  }

  /** Reads the rule files again if one of them changed; true when what they say is another thing now. Read again after it threw. */
  readFiles(): boolean {
    const { rulesDir } = this.#options;
    const found = new Map<string, { path: string; stamp: string }>();
    try {
      for (const name of readdirSync(rulesDir)) {
        if (!name.endsWith(".rules")) continue;
        const path = join(rulesDir, name);
        const { mtimeNs, size, ino, uid } = statSync(path, { bigint: true });
        found.set(basename(name, ".rules"), { path, stamp: `${mtimeNs}:${size}:${ino}:${uid}` });
      }
    } catch {
      /* No folder, no rule files: its groups are gone. */
    }
    const seen = JSON.stringify([...found].map(([name, { stamp }]) => [name, stamp]).sort());
    if (seen === this.#seen) return false;
    const last = readLastGroups(this.#lastFolder);
    const files = new Map<string, FileRules>();
    for (const [name, { path }] of found) {
      const read = this.#readFile(path);
      if (read.problems.length === 0) {
        writeLastGroup(this.#lastFolder, name, read.bytes);
        files.set(name, { ...read, file: path });
        continue;
      }
      const good = last.get(name);
      const before = good ? readRuleFile(decodeBytes(good), path) : { rules: [], description: null };
      files.set(name, { file: path, rules: before.rules, description: before.description, problems: read.problems });
    }
    for (const name of this.#files.keys()) {
      if (files.has(name)) continue;
      this.#options.store().placeGroup(name, [], Date.now());
      removeLastGroup(this.#lastFolder, name);
    }
    this.#files = files;
    this.#seen = seen;
    return true;
  }

  /** The next `readFiles` reads them whether they changed or not. */
  forgetFiles(): void {
    this.#seen = "";
  }

  #readFile(path: string): {
    rules: { rule: Rule; line: number }[];
    description: string | null;
    problems: FileProblem[];
    bytes: Uint8Array;
  } {
    const refused = (message: string): FileProblem[] => [{ file: path, line: 1, column: 1, message }];
    try {
      const { uid, mode } = statSync(path);
      if (uid !== 0 || (mode & 0o002) !== 0)
        return {
          rules: [],
          description: null,
          bytes: new Uint8Array(),
          problems: refused(`Cannot use "${path}": a rule file must belong to root and be writable by nobody else (chown root, chmod 644)`),
        };
      const bytes = readFileSync(path);
      return { ...readRuleFile(decodeBytes(bytes), path), bytes };
    } catch (error) {
      return {
        rules: [],
        description: null,
        bytes: new Uint8Array(),
        problems: refused(`Cannot read "${path}": ${fileReason(error)}`),
      };
    }
  }

  /** Puts all rules together and in order, without those whose time is over: whether a program runs is not known at a start. */
  rebuild(nowMs: number): void {
    const store = this.#options.store();
    const disabled = new Set(store.disabledGroups());
    const placed: PlacedRule[] = [];
    const stored = new Map<number, StoredRule>();
    const unreadable: StoredRule[] = [];
    for (const entry of store.rules()) {
      if (hasEnded(entry.ends, { nowMs, boot: bootId(), programRuns: () => true })) this.over.add(entry.id);
      if (this.over.has(entry.id)) continue;
      stored.set(entry.id, entry);
      const rule = this.#ruleOf(entry);
      if (rule === null) unreadable.push(entry);
      else placed.push(placeOwn(entry, rule));
    }
    const groups: GroupState[] = [];
    const place = (
      name: string,
      author: "file" | "factory",
      rules: readonly { rule: Rule; line: number }[],
      file: FileRules | null,
    ): void => {
      const kept = store.placeGroup(
        name,
        rules.map(({ rule }) => ({ text: printRule(rule), enabled: !rule.disabled })),
        nowMs,
      );
      kept.forEach((entry, i) => {
        const source = rules[i];
        if (!source) return;
        stored.set(entry.id, entry);
        placed.push({
          id: entry.id,
          rule: source.rule,
          author,
          group: name,
          line: source.line,
          created: entry.id,
          mandatory: false,
          enabled: entry.enabled && !source.rule.disabled && !disabled.has(name),
          protected: author === "factory",
        });
      });
      groups.push({
        name,
        description: file?.description ?? null,
        file: file?.file ?? null,
        rules: rules.length,
        problems: file?.problems ?? [],
      });
    };
    for (const [name, file] of [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1))) place(name, "file", file.rules, file);
    place(
      FACTORY,
      "factory",
      this.#options.factory().map((rule) => ({ rule, line: 0 })),
      null,
    );
    const ordered = orderRules(placed);
    this.#disabled = disabled;
    this.#byId = new Map(ordered.map((rule) => [rule.id, rule]));
    this.#stored = stored;
    this.book = { ordered, byId: this.#byId, stored, groups, unreadable };
  }

  /** Takes over what an edit did in the store, and nothing else. */
  follow(steps: readonly RuleStep[], nowMs: number): void {
    const disabled = this.#options.store().disabledGroups();
    if (disabled.length !== this.#disabled.size || disabled.some((name) => !this.#disabled.has(name))) {
      this.rebuild(nowMs);
      return;
    }
    this.#take(steps);
  }

  /** Takes rules out of the book for good: their time is over. Asks nothing of the store. */
  end(rules: readonly StoredRule[]): void {
    for (const { id } of rules) this.over.add(id);
    if (rules.length > 0) this.#take(rules.map((before) => ({ before, after: null })));
  }

  #take(steps: readonly RuleStep[]): void {
    const { groups } = this.book;
    const ordered = [...this.book.ordered];
    const [byId, stored] = [this.#byId, this.#stored];
    let unreadable = this.book.unreadable;
    for (const { before, after } of steps) {
      const entry = after ?? before;
      if (entry === null) continue;
      const old = byId.get(entry.id);
      /* A rule that its group's file does not have just now. */
      if (entry.group !== null && old === undefined) continue;
      if (old !== undefined) ordered.splice(placeIn(ordered, old), 1);
      byId.delete(entry.id);
      stored.delete(entry.id);
      unreadable = unreadable.filter(({ id }) => id !== entry.id);
      if (after === null || this.over.has(after.id)) continue;
      stored.set(after.id, after);
      const now = this.#placedNow(after, old);
      if (now === null) unreadable = [...unreadable, after];
      else {
        byId.set(after.id, now);
        ordered.splice(placeIn(ordered, now), 0, now);
      }
    }
    this.book = { ordered, byId, stored, groups, unreadable };
  }

  /** A stored rule with its place, as it is after an edit; null for one's own that cannot be read. */
  #placedNow(entry: StoredRule, old: PlacedRule | undefined): PlacedRule | null {
    if (entry.group !== null && old !== undefined)
      return { ...old, enabled: entry.enabled && !old.rule.disabled && !this.#disabled.has(entry.group) };
    const rule = this.#ruleOf(entry);
    return rule === null ? null : placeOwn(entry, rule);
  }

  /** What the text of one's own rule says; a text that is in the book already is not read again. Null when it cannot be read. */
  #ruleOf({ id, text }: StoredRule): Rule | null {
    const known = this.book.stored.get(id)?.text === text ? this.book.byId.get(id) : undefined;
    if (known !== undefined) return known.rule;
    const parsed = parseRule(text);
    return parsed.ok ? parsed.rule : null;
  }
}
