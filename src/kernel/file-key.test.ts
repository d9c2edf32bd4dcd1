// SPDX-License-Identifier: Apache-2.0
/** A file's key is the same as long as the file is. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openKernel } from "./linux.ts";

const OBJECT_FILE = join(import.meta.dirname, "../../build/holdfast.bpf.o");
const options = { skip: process.getuid?.() === 0 ? false : "needs root" };

/* Since Linux 6.13 the kernel marks a change time somebody has asked for, in the field it keeps it in (4e40eff0b573). */
test("fileKey() changes with the file, and not because somebody looked at it", options, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-key-"));
  const kernel = openKernel({ objectFile: OBJECT_FILE, scope: { path: "/nowhere", id: 0n, level: 1 }, folder: "/nowhere/never-pinned" });
  kernel.listen(() => {});
  t.after(async () => {
    rmSync(folder, { recursive: true });
    await kernel.close();
  });
  const path = join(folder, "program");
  writeFileSync(path, "one");
  chmodSync(path, 0o755);
  const before = kernel.fileKey(path);
  assert.ok(before);
  statSync(path);
  assert.deepEqual(kernel.fileKey(path), before);
  chmodSync(path, 0o700);
  assert.notDeepEqual(kernel.fileKey(path), before);
});
