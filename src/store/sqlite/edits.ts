// SPDX-License-Identifier: Apache-2.0
/** Edits of the rules: each one revision with what was before and after, so that it can be taken back. */
import type { Revision } from "../../contract/ids.ts";
import type { EditResult, RevisionRecord, RuleChange, RuleStep, StoredRule } from "../store.ts";
import { type Beside, takeBack } from "./configuration.ts";
import type { Database } from "./database.ts";
import { deleteRule, insertRule, putRule, ruleById } from "./rules.ts";

type Kind = RevisionRecord["kind"];

/** So many edits can be taken back; a person who wants more has a backup. */
const KEPT_REVISIONS = 1000;

class Refused extends Error {}

export function currentRevision(database: Database): Revision {
  return (database.get<{ n: number }>("SELECT ifnull(max(revision), 0) AS n FROM revisions")?.n ?? 0) as Revision;
}

function record(
  database: Database,
  timeMs: number,
  what: { readonly kind: Kind; readonly undoes?: number; readonly steps: readonly RuleStep[]; readonly beside?: Beside | null },
) {
  const { id } = database.run(
    "INSERT INTO revisions (time_ms, kind, undoes, beside) VALUES (?, ?, ?, ?)",
    ...[timeMs, what.kind, what.undoes ?? null, what.beside ? JSON.stringify(what.beside) : null],
  );
  const json = (rule: StoredRule | null): string | null => (rule === null ? null : JSON.stringify(rule));
  for (const [index, { before, after }] of what.steps.entries()) {
    database.run(
      "INSERT INTO revision_changes (revision, step, rule, before, after) VALUES (?, ?, ?, ?, ?)",
      ...[id, index, (after ?? before)?.id ?? 0, json(before), json(after)],
    );
  }
  database.run("DELETE FROM revisions WHERE revision <= ?", id - KEPT_REVISIONS);
}

function done(database: Database, steps: readonly RuleStep[]): EditResult {
  const touched = new Map<number, StoredRule>();
  for (const { before, after } of steps) {
    const rule = after ?? before;
    if (rule !== null) touched.set(rule.id, rule);
  }
  return { ok: true, revision: currentRevision(database), rules: Array.from(touched.values()), steps };
}

function find(database: Database, id: number): StoredRule {
  const rule = ruleById(database, id);
  if (rule === null) throw new Refused(`Cannot find rule "${id}": expected an id that "holdfast rules ls" shows`);
  return rule;
}

function findOwn(database: Database, id: number, verb: string): StoredRule {
  const rule = find(database, id);
  if (rule.group !== null) {
    throw new Refused(`Cannot ${verb} rule "${id}": it stands in group "${rule.group}"; change it there, or disable it here`);
  }
  return rule;
}

/** Does one change; null when it changes nothing. */
function apply(database: Database, change: RuleChange, timeMs: number): RuleStep | null {
  switch (change.kind) {
    case "add":
      return { before: null, after: insertRule(database, change.rule, change.createdMs ?? timeMs) };
    case "remove": {
      const before = findOwn(database, change.id, "remove");
      deleteRule(database, change.id);
      return { before, after: null };
    }
    case "enable":
    case "disable": {
      const before = find(database, change.id);
      const after = { ...before, enabled: change.kind === "enable" };
      if (after.enabled === before.enabled) return null;
      putRule(database, after);
      return { before, after };
    }
    case "replace": {
      const before = findOwn(database, change.id, "replace");
      const after = { ...before, text: change.rule.text, enabled: change.rule.enabled, ends: change.rule.ends };
      if (JSON.stringify(after) === JSON.stringify(before)) return null;
      putRule(database, after);
      return { before, after };
    }
  }
}

/** Must run inside a transaction: what `changes` do, recorded as one revision. Throws what `refusal` understands. */
export function applyAll(
  database: Database,
  changes: readonly RuleChange[],
  timeMs: number,
  { kind, beside }: { readonly kind: Kind; readonly beside: Beside | null } = { kind: "edit", beside: null },
): EditResult {
  const steps = changes.map((change) => apply(database, change, timeMs)).filter((step) => step !== null);
  if (steps.length > 0 || beside !== null) record(database, timeMs, { kind, steps, beside });
  return done(database, steps);
}

/** All changes or none. */
export function edit(database: Database, changes: readonly RuleChange[], timeMs: number): EditResult {
  try {
    return database.durably(() => applyAll(database, changes, timeMs));
  } catch (error) {
    if (error instanceof Refused) return { ok: false, message: error.message };
    throw error;
  }
}

type RevisionRow = { revision: number; time_ms: number; kind: string; undoes: number | null; beside: string | null };

const besideOf = ({ beside }: RevisionRow): Beside | null => (beside === null ? null : (JSON.parse(beside) as Beside));

function stepsOf(database: Database, revision: number): RuleStep[] {
  const parse = (json: string | null): StoredRule | null => (json === null ? null : (JSON.parse(json) as StoredRule));
  return database
    .all<{ before: string | null; after: string | null }>(
      "SELECT before, after FROM revision_changes WHERE revision = ? ORDER BY step",
      revision,
    )
    .map((row) => ({ before: parse(row.before), after: parse(row.after) }));
}

/** Takes one step back; null where the rule is gone since (it ended), or may not come back. */
function revert(database: Database, step: RuleStep, ended: (rule: StoredRule) => boolean): RuleStep | null {
  const id = (step.after ?? step.before)?.id ?? 0;
  const now = ruleById(database, id);
  const back = step.before !== null && !ended(step.before) ? step.before : null;
  if (step.after !== null && now === null) return null;
  if (back !== null) putRule(database, back);
  else if (now !== null) deleteRule(database, id);
  return now === null && back === null ? null : { before: now, after: back };
}

/** See Store.undo. */
export function undo(database: Database, timeMs: number, ended: (rule: StoredRule) => boolean): EditResult {
  return database.durably(() => {
    const last = database.get<RevisionRow>(
      `SELECT * FROM revisions WHERE kind IN ('edit', 'restore')
       AND revision NOT IN (SELECT undoes FROM revisions WHERE undoes IS NOT NULL) ORDER BY revision DESC LIMIT 1`,
    );
    if (last === null) return { ok: false, message: "Cannot undo: there is no edit of your rules left to take back" };
    const steps = stepsOf(database, last.revision)
      .reverse()
      .map((step) => revert(database, step, ended))
      .filter((step) => step !== null);
    const beside = besideOf(last);
    record(database, timeMs, { kind: "undo", undoes: last.revision, steps, beside: beside && takeBack(database, beside) });
    return done(database, steps);
  });
}

/** See Store.withdraw. */
export function withdraw(database: Database, revision: Revision): readonly RuleStep[] {
  return database.durably(() => {
    const last = database.get<RevisionRow>("SELECT * FROM revisions ORDER BY revision DESC LIMIT 1");
    if (last?.revision !== revision) throw new RangeError(`Cannot withdraw revision ${revision}: the newest is ${last?.revision ?? 0}`);
    const steps = stepsOf(database, revision)
      .reverse()
      .map(({ before, after }) => ({ before: after, after: before }));
    for (const { before, after } of steps) {
      if (after !== null) putRule(database, after);
      else if (before !== null) deleteRule(database, before.id);
    }
    const beside = besideOf(last);
    if (beside !== null) takeBack(database, beside);
    database.run("DELETE FROM revisions WHERE revision = ?", revision);
    return steps;
  });
}

/** Removes rules of one's own whose time is over, as one revision. */
export function expire(database: Database, gone: readonly StoredRule[], timeMs: number): readonly RuleStep[] {
  const steps = gone.map((before) => ({ before, after: null }));
  if (steps.length === 0) return steps;
  database.durably(() => {
    for (const rule of gone) deleteRule(database, rule.id);
    record(database, timeMs, { kind: "expire", steps });
  });
  return steps;
}

/** Newest first. */
export function revisions(database: Database, limit: number): RevisionRecord[] {
  return database.all<RevisionRow>("SELECT * FROM revisions ORDER BY revision DESC LIMIT ?", limit).map((row) => ({
    revision: row.revision as Revision,
    timeMs: row.time_ms,
    kind: row.kind as Kind,
    undoes: row.undoes as Revision | null,
    changes: stepsOf(database, row.revision),
  }));
}
