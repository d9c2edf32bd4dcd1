// SPDX-License-Identifier: Apache-2.0
/** What is remembered between looks: files seen, cgroups, and the hash of arguments. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { keyedArgsHash } from "./args-hash.ts";
import { CgroupPaths } from "./cgroups.ts";
import { SeenFiles } from "./seen.ts";

const KEY = { device: 1, inode: 2n, ctimeNs: 3n };

test("SeenFiles.note() says when another file was last seen at a path, also after a restart", () => {
  const before = new SeenFiles();
  assert.equal(before.note("/usr/bin/curl", KEY, 0), null);
  assert.equal(before.note("/usr/bin/curl", KEY, 1000), null);
  const after = new SeenFiles();
  after.restore([...JSON.parse(JSON.stringify(before)), { path: 3 }, null]);
  assert.equal(after.pathOf(KEY), "/usr/bin/curl");
  const newer = { ...KEY, ctimeNs: 4n };
  assert.equal(after.note("/usr/bin/curl", newer, 2000), "1970-01-01T00:00:01.000Z");
  assert.equal(after.note("/usr/bin/curl", newer, 3000), "1970-01-01T00:00:01.000Z");
  assert.equal(after.pathOf(KEY), null);
  assert.equal(after.pathOf(newer), "/usr/bin/curl");
});

test("CgroupPaths.pathOf() believes a hint only when its id is right, finds the others, and remembers what is gone", (t) => {
  const root = mkdtempSync(join(tmpdir(), "holdfast-cgroups-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "system.slice/a.service"), { recursive: true });
  mkdirSync(join(root, "system.slice/b.service"));
  const id = (path: string): bigint => statSync(join(root, path), { bigint: true }).ino;
  const a = id("system.slice/a.service");
  const paths = new CgroupPaths(root);
  assert.equal(paths.pathOf(a, "/system.slice/a.service"), "/system.slice/a.service");
  assert.equal(paths.pathOf(a, "/system.slice/b.service"), "/system.slice/a.service");
  assert.equal(paths.pathOf(id("system.slice/b.service"), null), "/system.slice/b.service");
  assert.equal(paths.pathOf(id(""), null), "/");
  rmSync(join(root, "system.slice/a.service"), { recursive: true });
  assert.equal(paths.pathOf(a, null), "/system.slice/a.service");
  assert.equal(paths.pathOf(0n, null), null);
});

test("keyedArgsHash() depends on every byte, on the folder and on the secret", () => {
  const hash = keyedArgsHash([5n, 7n]);
  const args = Buffer.from(`python3\0${"x".repeat(100)}\0`);
  const changed = Buffer.from(args);
  changed[107] = 0x79;
  const all = [
    hash(args, KEY),
    hash(changed, KEY),
    hash(args.subarray(0, -1), KEY),
    hash(args, { ...KEY, inode: 9n }),
    hash(args, { ...KEY, device: 9 }),
    keyedArgsHash([9n, 7n])(args, KEY),
    keyedArgsHash([5n, 8n])(args, KEY),
  ];
  assert.equal(new Set(all).size, all.length);
  assert.equal(hash(args, { ...KEY, ctimeNs: 9n }), all[0], "the kernel does not take the folder's change time");
});
