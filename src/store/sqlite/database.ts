// SPDX-License-Identifier: Apache-2.0
/** A thin hand around node:sqlite: statements kept, transactions, errors as StoreFailure. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { isSqliteError, problemOf, StoreFailure } from "../problem.ts";

export type Row = Record<string, SQLOutputValue>;

export class Database {
  readonly sqlite: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();

  /** `path` is only for messages. */
  constructor(sqlite: DatabaseSync, path: string) {
    this.sqlite = sqlite;
    this.#path = path;
  }

  /** The first row, or null. The tables are STRICT, so T is what the columns say. */
  get<T extends Row>(sql: string, ...values: SQLInputValue[]): T | null {
    return this.#try(() => (this.#prepare(sql).get(...checked(values)) as T | undefined) ?? null);
  }

  all<T extends Row>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#try(() => this.#prepare(sql).all(...checked(values)) as T[]);
  }

  /** Returns how many rows were changed and the id of the newest row. */
  run(sql: string, ...values: SQLInputValue[]): { readonly changes: number; readonly id: number } {
    return this.#try(() => {
      const done = this.#prepare(sql).run(...checked(values));
      return { changes: Number(done.changes), id: Number(done.lastInsertRowid) };
    });
  }

  /** All of `work` or nothing of it. */
  transaction<T>(work: () => T): T {
    return this.#try(() => {
      this.sqlite.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        this.sqlite.exec("COMMIT");
        return result;
      } catch (error) {
        // A full disk has SQLite roll back by itself.
        if (this.sqlite.isTransaction) this.sqlite.exec("ROLLBACK");
        throw error;
      }
    });
  }

  /** A transaction that is on the disk when this returns; the others may be lost in a power cut, never half. */
  durably<T>(work: () => T): T {
    return this.#try(() => {
      this.sqlite.exec("PRAGMA synchronous = FULL");
      try {
        return this.transaction(work);
      } finally {
        this.sqlite.exec("PRAGMA synchronous = NORMAL");
      }
    });
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.sqlite.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw isSqliteError(error) ? new StoreFailure(problemOf(error, this.#path), error) : error;
    }
  }
}

/** SQLite text is UTF-8: a lone surrogate would come back as another character, so it is refused. */
function checked(values: SQLInputValue[]): SQLInputValue[] {
  for (const value of values) {
    if (typeof value === "string" && !value.isWellFormed()) {
      throw new RangeError(`Cannot store ${JSON.stringify(value)}: it holds bytes that are not UTF-8; expected them escaped`);
    }
  }
  return values;
}
