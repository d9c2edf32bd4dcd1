// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { storeCases } from "../store.case.ts";
import type { Store } from "../store.ts";
import { openMemoryStore, openStore } from "./open.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-store-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newPath = (): string => {
  files += 1;
  return join(folder, `${files}.db`);
};

function open(path: string): Store {
  const opened = openStore(path);
  if (!opened.ok) assert.fail(opened.problem.message);
  return opened.store;
}

storeCases("memory", openMemoryStore);
storeCases("sqlite", () => open(newPath()));

test("openStore() finds again what was there", () => {
  const path = newPath();
  let store = open(path);
  let ids: number;
  try {
    store.edit([{ kind: "add", rule: { text: "allow a -> any", enabled: true, ends: { kind: "ever" } } }], 1);
    store.edit([{ kind: "add", rule: { text: "allow b -> any", enabled: true, ends: { kind: "ever" } } }], 1);
    store.edit([{ kind: "remove", id: 2 }], 1);
    store.setSetting("mode", "ask");
    ids = store.reserveFlowIds(10);
  } finally {
    store.close();
  }
  store = open(path);
  try {
    assert.deepEqual([store.revision(), store.rules().map((r) => r.text), store.settings().get("mode")], [3, ["allow a -> any"], "ask"]);
    assert.equal(store.reserveFlowIds(1) >= ids + 10, true);
    const added = store.edit([{ kind: "add", rule: { text: "allow c -> any", enabled: true, ends: { kind: "ever" } } }], 1);
    assert.deepEqual(added.ok && added.rules[0]?.id, 3);
  } finally {
    store.close();
  }
});
