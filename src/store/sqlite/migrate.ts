// SPDX-License-Identifier: Apache-2.0
/** Brings a database to the newest form, one numbered step after the other. */
import * as first from "./0001-first.ts";
import * as revisionBeside from "./0002-revision-beside.ts";
import type { Database } from "./database.ts";

/** In order: the step at index n leads from version n to n + 1. */
export const MIGRATIONS: readonly { readonly sql: string }[] = [first, revisionBeside];

/** `PRAGMA user_version` of a database this program writes. */
export const NEWEST = MIGRATIONS.length;

/** `PRAGMA application_id`: "hold", as in bpf/tables.h. file(1) shows it. */
export const APPLICATION_ID = 0x686f6c64;

/** Each step in a transaction of its own. `upTo` is for the tests of later steps. Throws StoreFailure. */
export function migrate(database: Database, upTo = NEWEST): void {
  const at = database.get<{ user_version: number }>("PRAGMA user_version")?.user_version ?? 0;
  for (const [index, step] of MIGRATIONS.slice(0, upTo).entries()) {
    if (index < at) continue;
    database.durably(() => {
      database.sqlite.exec(step.sql);
      database.sqlite.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${index + 1}`);
    });
  }
}
