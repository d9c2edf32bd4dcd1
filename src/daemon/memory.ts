// SPDX-License-Identifier: Apache-2.0
/** The store of a running daemon. When the database cannot be used, history is kept in memory and edits are refused; enforcement goes on. */
import { join } from "node:path";
import { readLastGood } from "../store/lastgood.ts";
import { StoreFailure } from "../store/problem.ts";
import { openMemoryStore, openStore } from "../store/sqlite/open.ts";
import type { Store } from "../store/store.ts";
import type { Health } from "./health.ts";

export type State = {
  readonly store: () => Store;
  /** Runs something on the store; null and a health condition when the database fails. */
  readonly remember: <T>(work: (store: Store) => T) => T | null;
  readonly close: () => void;
};

const FILE = "holdfast.db";
const HEALTH = "database";

function refusing(store: Store, reason: string): Store {
  const refuse = () => ({ ok: false as const, message: `Cannot keep the edit: ${reason}` });
  return { ...store, edit: refuse, undo: refuse, restore: refuse };
}

/** Opens the state in `folder`; a damaged database is set aside and the rules come from rules.last. */
export function openState(folder: string, health: Health, log: (sentence: string) => void): State {
  const path = join(folder, FILE);
  let opened = openStore(path);
  if (!opened.ok) {
    log(opened.problem.message);
    if (opened.setAside !== null) {
      health.set(HEALTH, "warning", `${opened.problem.message}; the rules come from rules.last`);
      opened = openStore(path);
    }
  }
  let store = opened.ok ? opened.store : openMemoryStore();
  if (store.revision() === 0) {
    const last = readLastGood(join(folder, "rules.last"));
    if (last?.ok) store.takeOver(last.lastGood, Date.now());
    else if (last !== null) log(last.message);
  }
  if (!opened.ok) {
    health.set(HEALTH, "error", `${opened.problem.message}: history is kept in memory, and edits are refused`);
    store = refusing(store, opened.problem.message);
  }
  store.closeFlows();
  return {
    store: () => store,
    remember: (work) => {
      try {
        return work(store);
      } catch (error) {
        if (!(error instanceof StoreFailure)) throw error;
        health.set(HEALTH, "error", `${error.problem.message}: history is kept in memory for now`);
        return null;
      }
    },
    close: () => store.close(),
  };
}
