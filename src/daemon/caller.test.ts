// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { asCaller, groupsOf } from "./caller.ts";

test("groupsOf() gives a user's own group and those he is a member of", () => {
  const passwd = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
  const group = "root:x:0:\naudio:x:29:bob,ann\nannex:x:30:anna\nann:x:1000:\nvideo:x:44:ann\n";
  assert.deepEqual(groupsOf(1000, 1000, { passwd, group }), [1000, 29, 44]);
  assert.deepEqual(groupsOf(7, 8, { passwd, group }), [8]);
});

test("asCaller() opens only what the caller may, and is root again afterwards", (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const folder = mkdtempSync(join(tmpdir(), "holdfast-caller-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const secret = join(folder, "secret");
  writeFileSync(secret, "x", { mode: 0o600 });
  const groups = process.getgroups?.();
  const nobody = { uid: 65534, gid: 65534, groups: [65534], environment: [], openFiles: 1024 };
  assert.throws(() => asCaller(nobody, () => readFileSync(secret)), { code: "EACCES" });
  assert.equal(
    asCaller(nobody, () => process.geteuid?.()),
    65534,
  );
  assert.deepEqual([process.geteuid?.(), process.getegid?.(), process.getgroups?.()], [0, 0, groups]);
  assert.equal(readFileSync(secret, "utf8"), "x");
});
