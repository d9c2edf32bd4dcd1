// SPDX-License-Identifier: Apache-2.0
/** What can be wrong with a store, in words. */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";

/**
 * damaged: not readable as our database. locked: another process has it. full: no room on the file system.
 * newer: written by a newer Holdfast; not touched. unusable: anything else the system says (permission, I/O error).
 */
export type StoreProblem = { readonly code: "damaged" | "locked" | "full" | "newer" | "unusable"; readonly message: string };

/** Thrown by a store whose database fails while it is in use. Nothing of the call has happened. */
export class StoreFailure extends Error {
  override readonly name = "StoreFailure";
  readonly problem: StoreProblem;

  constructor(problem: StoreProblem, cause: unknown) {
    super(problem.message, { cause });
    this.problem = problem;
  }
}

/** Primary result codes, https://www.sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The primary SQLite result code of an error, or null when it is not SQLite's. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}

/** Whether the error comes from SQLite at all; anything else is a fault of ours and is not wrapped. */
export const isSqliteError = (error: unknown): boolean => resultCode(error) !== null;

/** No free block for anyone but root, or none at all (`statfs(2)`); false when that cannot be told. */
function isFull(path: string): boolean {
  try {
    return statfsSync(dirname(path)).bavail === 0;
  } catch {
    return false;
  }
}

/** What an error from SQLite or the file system means for the file at `path`. */
export function problemOf(error: unknown, path: string): StoreProblem {
  const says = messageOf(error);
  const system = error instanceof Error && "code" in error ? error.code : null;
  const result = resultCode(error);
  if (result === SQLITE_BUSY || result === SQLITE_LOCKED) {
    return { code: "locked", message: `Cannot use "${path}": another process has it locked; end that process` };
  }
  if (result === SQLITE_CORRUPT || result === SQLITE_NOTADB) {
    return { code: "damaged", message: `Cannot read "${path}": it is damaged (${says})` };
  }
  if (result === SQLITE_FULL || system === "ENOSPC" || system === "EDQUOT" || isFull(path)) {
    return { code: "full", message: `Cannot write "${path}": no space is left on its file system; free some` };
  }
  return { code: "unusable", message: `Cannot use "${path}": ${says}` };
}
