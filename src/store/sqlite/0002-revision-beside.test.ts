// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Database } from "./database.ts";
import { undo } from "./edits.ts";
import { migrate } from "./migrate.ts";
import { ownRules } from "./rules.ts";

test("0002-revision-beside keeps the revisions there were, and they can be taken back", () => {
  const sqlite = new DatabaseSync(":memory:");
  try {
    const database = new Database(sqlite, ":memory:");
    migrate(database, 1);
    const rule = { id: 1, group: null, text: "allow a -> any", enabled: true, createdMs: 1, ends: { kind: "ever" } };
    sqlite.exec(
      `INSERT INTO rules VALUES (1, NULL, '${rule.text}', 0, 1, 1, 1, 1, '{"kind":"ever"}');
       INSERT INTO revisions (time_ms, kind) VALUES (1, 'edit');
       INSERT INTO revision_changes VALUES (1, 0, 1, NULL, '${JSON.stringify(rule)}')`,
    );
    migrate(database, 2);
    assert.equal(database.get<{ user_version: number }>("PRAGMA user_version")?.user_version, 2);
    assert.deepEqual(ownRules(database), [rule]);
    assert.equal(undo(database, 2, () => false).ok, true);
    assert.deepEqual(ownRules(database), []);
  } finally {
    sqlite.close();
  }
});
