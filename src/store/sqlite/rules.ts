// SPDX-License-Identifier: Apache-2.0
/** The table of rules: rows in and out. Edits with their history stand in edits.ts. */
import type { RuleId } from "../../contract/ids.ts";
import type { NewRule, RuleEnd, StoredRule } from "../store.ts";
import type { Database } from "./database.ts";

type RuleRow = { id: number; in_group: string | null; text: string; enabled: number; created_ms: number; ends: string };

const COLUMNS = "id, in_group, text, enabled, created_ms, ends";

function fromRow(row: RuleRow): StoredRule {
  return {
    id: row.id as RuleId,
    group: row.in_group,
    text: row.text,
    enabled: row.enabled === 1,
    createdMs: row.created_ms,
    ends: JSON.parse(row.ends) as RuleEnd,
  };
}

export function ownRules(database: Database): StoredRule[] {
  return database.all<RuleRow>(`SELECT ${COLUMNS} FROM rules WHERE in_group IS NULL ORDER BY id`).map(fromRow);
}

/** Rules of groups that a person disabled, also those their file does not have just now. */
export function disabledInGroups(database: Database): StoredRule[] {
  return database.all<RuleRow>(`SELECT ${COLUMNS} FROM rules WHERE in_group IS NOT NULL AND enabled = 0 ORDER BY id`).map(fromRow);
}

export function ruleById(database: Database, id: number): StoredRule | null {
  const row = database.get<RuleRow>(`SELECT ${COLUMNS} FROM rules WHERE id = ?`, id);
  return row === null ? null : fromRow(row);
}

/** The highest id given so far; 0 = none. */
export function lastRuleId(database: Database): number {
  return database.get<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'rules'")?.seq ?? 0;
}

/** Adds a rule of one's own and gives it an id. */
export function insertRule(database: Database, rule: NewRule, createdMs: number): StoredRule {
  const { id } = database.run(
    "INSERT INTO rules (in_group, text, occurrence, placed, placed_ms, enabled, created_ms, ends) VALUES (NULL, ?, 0, 1, ?, ?, ?, ?)",
    ...[rule.text, createdMs, Number(rule.enabled), createdMs, JSON.stringify(rule.ends)],
  );
  return { text: rule.text, enabled: rule.enabled, ends: rule.ends, id: id as RuleId, createdMs, group: null };
}

/** Makes the row of this id what `rule` says, whether it is there or not. A group's rule comes back as one its file does not have. */
export function putRule(database: Database, rule: StoredRule): void {
  const occurrence =
    rule.group === null
      ? 0
      : (database.get<{ n: number }>(
          "SELECT count(*) AS n FROM rules WHERE in_group = ? AND text = ? AND id <> ?",
          ...[rule.group, rule.text, rule.id],
        )?.n ?? 0);
  database.run(
    `INSERT INTO rules (id, in_group, text, occurrence, placed, placed_ms, enabled, created_ms, ends) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET text = excluded.text, enabled = excluded.enabled, ends = excluded.ends`,
    ...[rule.id, rule.group, rule.text, occurrence, Number(rule.group === null), rule.createdMs, Number(rule.enabled), rule.createdMs],
    JSON.stringify(rule.ends),
  );
}

export function deleteRule(database: Database, id: number): void {
  database.run("DELETE FROM rules WHERE id = ?", id);
}

/** The rules of a group as its file has them now; see Store.placeGroup. */
export function placeGroup(
  database: Database,
  group: string,
  rules: readonly { readonly text: string; readonly enabled: boolean }[],
  timeMs: number,
): StoredRule[] {
  const seen = new Map<string, number>();
  database.run("UPDATE rules SET placed = 0 WHERE in_group = ?", group);
  return rules.flatMap(({ text, enabled }) => {
    const occurrence = seen.get(text) ?? 0;
    seen.set(text, occurrence + 1);
    // Not an upsert: one that finds its row still uses up an id.
    const row =
      database.get<RuleRow>(
        `UPDATE rules SET placed = 1, placed_ms = ? WHERE in_group = ? AND text = ? AND occurrence = ? RETURNING ${COLUMNS}`,
        ...[timeMs, group, text, occurrence],
      ) ??
      database.get<RuleRow>(
        `INSERT INTO rules (in_group, text, occurrence, placed, placed_ms, enabled, created_ms, ends)
         VALUES (?, ?, ?, 1, ?, ?, ?, '{"kind":"ever"}') RETURNING ${COLUMNS}`,
        ...[group, text, occurrence, timeMs, Number(enabled), timeMs],
      );
    return row === null ? [] : [fromRow(row)];
  });
}
