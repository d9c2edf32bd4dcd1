// SPDX-License-Identifier: Apache-2.0
/** What is remembered: rules with revisions and undo, settings, questions and answers, flows. Rule texts are strings here, nothing more. */
import type { FlowBatch, FlowRecord } from "../contract/flow.ts";
import type { FlowId, QuestionId, Revision, RuleId } from "../contract/ids.ts";

/**
 * When a rule ends. `boot`: with this boot (the id from /proc/sys/kernel/random/boot_id). `quit`: with the last process of the program
 * `program` stands for (the caller's words). `at`: milliseconds since the epoch.
 */
export type RuleEnd =
  | { readonly kind: "ever" }
  | { readonly kind: "at"; readonly atMs: number }
  | { readonly kind: "boot"; readonly boot: string }
  | { readonly kind: "quit"; readonly program: string };

/** A rule to be added. `text` is one line, as rules/print.ts writes it. */
export type NewRule = { readonly text: string; readonly enabled: boolean; readonly ends: RuleEnd };

/** `group` is null for one's own rules; else the group whose file (or the program itself, for factory rules) the rule stands in. */
export type StoredRule = NewRule & { readonly id: RuleId; readonly createdMs: number; readonly group: string | null };

export type RuleChange =
  | { readonly kind: "add"; readonly rule: NewRule; readonly createdMs?: number }
  | { readonly kind: "remove"; readonly id: number }
  | { readonly kind: "enable"; readonly id: number }
  | { readonly kind: "disable"; readonly id: number }
  | { readonly kind: "replace"; readonly id: number; readonly rule: NewRule };

/** What became of one rule. `before` null: it is new; `after` null: it is gone. */
export type RuleStep = { readonly before: StoredRule | null; readonly after: StoredRule | null };

/** What `rules` were touched, each once: as they are after the edit, or as they were before it where they are gone; and `steps` to there. */
export type EditDone = {
  readonly ok: true;
  readonly revision: Revision;
  readonly rules: readonly StoredRule[];
  readonly steps: readonly RuleStep[];
};
export type EditRefused = { readonly ok: false; readonly message: string };
export type EditResult = EditDone | EditRefused;

/** One line of the rules' own history. `undoes` is the revision an undo took back. */
export type RevisionRecord = {
  readonly revision: Revision;
  readonly timeMs: number;
  readonly kind: "edit" | "undo" | "expire" | "restore" | "takeover";
  readonly undoes: Revision | null;
  readonly changes: readonly RuleStep[];
};

export type RuleHits = { readonly hits: number; readonly lastUsedMs: number | null };

/** `question` and `answer` are the caller's JSON. */
export type StoredQuestion = {
  readonly id: QuestionId;
  readonly askedMs: number;
  readonly question: string;
  readonly answeredMs: number | null;
  readonly answer: string | null;
};

export type SettingValue = string | number | boolean;

/** The whole of what `restore` puts in the place of what there is. */
export type Configuration = {
  readonly rules: readonly (NewRule & { readonly createdMs: number })[];
  readonly settings: ReadonlyMap<string, SettingValue>;
  readonly disabledGroups: readonly string[];
};

/** What must be known even when the database is not to be had: everything that decides about connections. */
export type LastGood = {
  readonly revision: Revision;
  /** The highest rule id given so far; 0 = none. */
  readonly lastRuleId: number;
  /** One's own rules, and those rules of groups that are disabled. */
  readonly rules: readonly StoredRule[];
  readonly settings: ReadonlyMap<string, SettingValue>;
  readonly disabledGroups: readonly string[];
};

export type FlowQuery = {
  readonly matches: (flow: FlowRecord) => boolean;
  readonly sinceMs: number | null;
  readonly limit: number;
};

/** Flows go when there are more than `maxFlows` or they are older than `maxAgeMs`; answered questions by age alone. */
export type Retention = { readonly maxFlows: number; readonly maxAgeMs: number };

/** Every method throws `StoreFailure` when the database fails; then nothing of the call has happened. */
export type Store = {
  /** Counts the edits of the rules; 0 before the first. */
  readonly revision: () => Revision;
  /** One's own rules, oldest first. */
  readonly rules: () => StoredRule[];
  /** All changes or none, as one revision. An edit that changes nothing is no revision. Rules in groups can only be enabled and disabled. */
  readonly edit: (changes: readonly RuleChange[], timeMs: number) => EditResult;
  /**
   * Takes back the newest edit that is not taken back yet, as a revision of its own. A rule for which `ended` holds does not come back. With
   * a restore go its settings and groups, but for those changed since.
   */
  readonly undo: (timeMs: number, ended: (rule: StoredRule) => boolean) => EditResult;
  /** Takes back the newest revision, of whatever kind, as if it had never been. Throws RangeError when `revision` is another. */
  readonly withdraw: (revision: Revision) => void;
  /** Removes the rules for which `ended` holds, as one revision that undo passes over. */
  readonly expire: (timeMs: number, ended: (rule: StoredRule) => boolean) => readonly RuleStep[];
  /** Newest first. */
  readonly revisions: (limit: number) => RevisionRecord[];
  /** What must survive the database, for `beginLastGood` after every change of rules, settings or groups. A rule that stays is one object. */
  readonly lastGood: () => LastGood;
  /** Puts what rules.last says into a store that has no revision yet: same ids, same revision. Throws RangeError on any other. */
  readonly takeOver: (lastGood: LastGood, timeMs: number) => void;
  /**
   * The rules of a group as its file has them now. A text that was there before keeps its id and whether it is enabled;
   * `enabled` is for new ones. Not an edit. The answer is in the order given.
   */
  readonly placeGroup: (
    group: string,
    rules: readonly { readonly text: string; readonly enabled: boolean }[],
    timeMs: number,
  ) => StoredRule[];
  readonly disabledGroups: () => string[];
  readonly setGroupEnabled: (group: string, enabled: boolean) => void;

  /** Adds to the hit counters. */
  readonly addHits: (hits: readonly { readonly rule: number; readonly hits: number; readonly lastUsedMs: number }[]) => void;
  readonly hits: () => ReadonlyMap<number, RuleHits>;

  readonly settings: () => ReadonlyMap<string, SettingValue>;
  /** Null = back to the default. */
  readonly setSetting: (key: string, value: SettingValue | null) => void;
  /** A JSON text kept under a name, such as the registry of apps; null when there is none. */
  readonly document: (name: string) => string | null;
  readonly keepDocument: (name: string, json: string) => void;

  readonly ask: (question: string, timeMs: number) => QuestionId;
  /** False when there is no such question or it has been answered. */
  readonly answer: (id: number, answer: string, timeMs: number) => boolean;
  /** Oldest first. */
  readonly openQuestions: () => StoredQuestion[];
  /** Newest first, open ones included. */
  readonly questions: (limit: number) => StoredQuestion[];

  /** Sets `count` flow ids aside and returns the first. Ids that are not used are lost, never given again. */
  readonly reserveFlowIds: (count: number) => FlowId;
  /** Keeps new records and new states of old ones, in one transaction. */
  readonly appendFlows: (batch: FlowBatch) => void;
  /**
   * The newest `limit` records for which `matches` holds and whose last activity is not before `sinceMs`, oldest first. Lets the event
   * loop run between pages: a record that changes meanwhile may be missing.
   */
  readonly flows: (query: FlowQuery) => Promise<FlowRecord[]>;
  /** At the daemon's start: what an earlier one left open or held is closed. Sockets that are still there get records of their own. */
  readonly closeFlows: () => void;
  /** Forgets a slice of what is too old. True when there is more to do. */
  readonly prune: (nowMs: number, retention?: Retention) => boolean;

  /** One's own rules, settings and groups in the place of what there is. */
  readonly restore: (configuration: Configuration, timeMs: number) => EditResult;
  readonly close: () => void;
};

/** cli.md keeps "recent flows": 100,000 records or 30 days. */
export const RETENTION: Retention = { maxFlows: 100_000, maxAgeMs: 30 * 86_400_000 };
