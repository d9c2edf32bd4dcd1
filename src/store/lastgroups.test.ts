// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readLastGroups, removeLastGroup, writeLastGroup } from "./lastgroups.ts";

test("readLastGroups() gives back the bytes of every group kept, and no leftovers", (t) => {
  const root = mkdtempSync(join(tmpdir(), "holdfast-groups-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, "groups.last");
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
  const kept = (): [string, string][] => Array.from(readLastGroups(folder), ([name, text]) => [name, Buffer.from(text).toString("latin1")]);

  assert.deepEqual(kept(), []);
  assert.equal(removeLastGroup(folder, "work"), null);
  assert.equal(writeLastGroup(folder, "work", bytes("deny any -> any\n")), null);
  assert.equal(writeLastGroup(folder, "home", bytes("allow /a\xff -> any")), null);
  assert.equal(writeLastGroup(folder, "work", bytes("# nothing\n")), null);
  writeFileSync(join(folder, "home.rules.new"), "half a te");
  assert.deepEqual(kept(), [
    ["home", "allow /a\xff -> any"],
    ["work", "# nothing\n"],
  ]);
  assert.equal(removeLastGroup(folder, "home"), null);
  assert.equal(removeLastGroup(folder, "home"), null);
  assert.deepEqual(kept(), [["work", "# nothing\n"]]);
});

test("writeLastGroup() refuses names that are no file names", () => {
  for (const name of ["", "../up", "a/b", "a\0b", "a\udcff"]) {
    assert.throws(() => writeLastGroup("/nowhere", name, new Uint8Array()), RangeError);
  }
});
