// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Database } from "./database.ts";
import { APPLICATION_ID, migrate } from "./migrate.ts";

test("0001-first makes the tables out of nothing, all of them STRICT", () => {
  const sqlite = new DatabaseSync(":memory:");
  try {
    const database = new Database(sqlite, ":memory:");
    migrate(database, 1);
    migrate(database, 1);
    assert.equal(database.get<{ user_version: number }>("PRAGMA user_version")?.user_version, 1);
    assert.equal(database.get<{ application_id: number }>("PRAGMA application_id")?.application_id, APPLICATION_ID);
    const tables = database.all<{ name: string; strict: number }>(
      "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    );
    assert.deepEqual(
      tables.map(({ name, strict }) => `${name} ${strict}`),
      [
        "disabled_groups 1",
        "documents 1",
        "flow_apps 1",
        "flow_ids 1",
        "flows 1",
        "questions 1",
        "revision_changes 1",
        "revisions 1",
        "rule_hits 1",
        "rules 1",
        "settings 1",
      ],
    );
  } finally {
    sqlite.close();
  }
});
