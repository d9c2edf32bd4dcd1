// SPDX-License-Identifier: Apache-2.0
/** Opens the store's database, or says why that cannot be. What is wrong is found out read-only, before anything is written. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setAside } from "../aside.ts";
import { isSqliteError, messageOf, problemOf, StoreFailure, type StoreProblem } from "../problem.ts";
import type { Store } from "../store.ts";
import { Database } from "./database.ts";
import { peek } from "./header.ts";
import { APPLICATION_ID, migrate, NEWEST } from "./migrate.ts";
import { sqliteStore } from "./store.ts";

/** `setAside` is where a damaged file is now; null when there is none, or it could not be moved (the problem's message says so). */
export type Opened =
  | { readonly ok: true; readonly store: Store }
  | { readonly ok: false; readonly problem: StoreProblem; readonly setAside: string | null };

/** How long SQLite waits for another's lock. The event loop stands still meanwhile. */
const BUSY_TIMEOUT_MS = 50;

/**
 * Opens the database at `path`, made new (mode 0600) when there is none. A damaged one is set aside: opening again makes a new one.
 * One that is locked, newer, or on a full disk is left as it is. The process must not have `path` open already (POSIX locks).
 */
export function openStore(path: string, options: { readonly nowMs?: number } = {}): Opened {
  const isNew = !existsSync(path);
  try {
    // What programs talked to is nobody else's business; SQLite gives -wal and -shm the mode of the file.
    if (isNew) writeFileSync(path, "", { mode: 0o600 });
    const problem = isNew ? null : check(path);
    if (problem === null) return { ok: true, store: create(path) };
    return refuse(problem, path, options.nowMs ?? Date.now());
  } catch (error) {
    if (isNew) for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(path + suffix, { force: true });
    const problem = error instanceof StoreFailure ? error.problem : problemOf(error, path);
    return refuse(problem, path, options.nowMs ?? Date.now());
  }
}

/** The same store with nothing on disk, for when the disk is not to be had. */
export function openMemoryStore(): Store {
  return create(":memory:");
}

function refuse(problem: StoreProblem, path: string, nowMs: number): Opened {
  if (problem.code !== "damaged") return { ok: false, problem, setAside: null };
  try {
    const aside = setAside(path, nowMs);
    return { ok: false, problem: { ...problem, message: `${problem.message}; set aside as "${aside}"` }, setAside: aside };
  } catch (error) {
    const message = `${problem.message}; it could not be set aside (${messageOf(error)}): move it away`;
    return { ok: false, problem: { ...problem, message }, setAside: null };
  }
}

const newer = (path: string, version: number): StoreProblem => ({
  code: "newer",
  message: `Cannot use "${path}": a newer Holdfast wrote it (form ${version}, this one knows ${NEWEST}); use that version, or another --state`,
});

const damaged = (path: string, how: string): StoreProblem => ({
  code: "damaged",
  message: `Cannot read "${path}": it is damaged (${how})`,
});

/** Looks at an existing database without writing to it. Null = nothing is wrong. Throws what SQLite or the file system says. */
function check(path: string): StoreProblem | null {
  const header = peek(path);
  if (header === null) return damaged(path, "not an SQLite database");
  if (header.applicationId === APPLICATION_ID && header.version > NEWEST) return newer(path, header.version);
  const sqlite = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    const database = new Database(sqlite, path);
    const { quick_check: verdict } = database.get<{ quick_check: string }>("PRAGMA quick_check(1)") ?? { quick_check: "no answer" };
    if (verdict !== "ok") return damaged(path, verdict.replaceAll("\n", " "));
    // Once more: what the header says may stand in the write-ahead log only.
    const id = database.get<{ application_id: number }>("PRAGMA application_id")?.application_id;
    const version = database.get<{ user_version: number }>("PRAGMA user_version")?.user_version ?? 0;
    const tables = database.get<{ n: number }>("SELECT count(*) AS n FROM sqlite_schema")?.n ?? 0;
    if (tables > 0 && id !== APPLICATION_ID) return damaged(path, "not a database of Holdfast");
    return version > NEWEST ? newer(path, version) : null;
  } finally {
    sqlite.close();
  }
}

/** Opens for writing, and writes: a full or locked disk shows now and not at the first edit. */
function create(path: string): Store {
  const sqlite = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    const database = new Database(sqlite, path);
    database.get("PRAGMA journal_mode = WAL");
    sqlite.exec("PRAGMA synchronous = NORMAL");
    migrate(database);
    database.durably(() => database.run("UPDATE flow_ids SET next = next + 1"));
    return sqliteStore(database);
  } catch (error) {
    sqlite.close();
    throw isSqliteError(error) ? new StoreFailure(problemOf(error, path), error) : error;
  }
}
