// SPDX-License-Identifier: Apache-2.0
/** The store of a running daemon. When the database cannot be used, history is kept in memory and edits are refused; enforcement goes on. */
import { join } from "node:path";
import { readLastGood } from "../store/lastgood.ts";
import { StoreFailure, type StoreProblem } from "../store/problem.ts";
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

/** The same in memory, without what would be forgotten at the end. */
function refusing(store: Store, problem: StoreProblem): Store {
  const refuse = (): never => {
    throw new StoreFailure(problem, null);
  };
  return { ...store, edit: refuse, undo: refuse, restore: refuse, setSetting: refuse, setGroupEnabled: refuse };
}

/**
 * Opens the state in `folder`; a damaged database is set aside and the rules come from rules.last. `settings`: what `up` was told, on top
 * of what is stored.
 */
export function openState(folder: string, settings: ReadonlyMap<string, string>, health: Health, log: (sentence: string) => void): State {
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
  for (const [key, value] of settings) store.setSetting(key, value);
  if (!opened.ok) {
    health.set(HEALTH, "error", `${opened.problem.message}: history is kept in memory, and edits are refused`);
    store = refusing(store, opened.problem);
  }
  store.closeFlows();
  let failing = false;
  return {
    store: () => store,
    remember: (work) => {
      try {
        const done = work(store);
        if (failing) health.clear(HEALTH);
        failing = false;
        return done;
      } catch (error) {
        if (!(error instanceof StoreFailure)) throw error;
        failing = true;
        health.set(HEALTH, "error", `${error.problem.message}: history is kept in memory for now`);
        return null;
      }
    },
    close: () => store.close(),
  };
}
