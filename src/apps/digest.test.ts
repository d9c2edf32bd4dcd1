// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { FileKey } from "../contract/app.ts";
import { sha256Digests } from "./sha256.ts";

test("Digests.of() reads a file once for each key, and only the file of that key", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-digest-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "file");
  const key: FileKey = { device: 1, inode: 2n, ctimeNs: 3n };
  const newer: FileKey = { ...key, ctimeNs: 4n };
  let there = key;
  const digests = sha256Digests(() => there);
  writeFileSync(path, "abc");
  /* FIPS 180-2, appendix B.1. */
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(await digests.of(path, key), abc);
  writeFileSync(path, "other");
  there = newer;
  assert.equal(await digests.of(path, key), abc, "known by its key");
  assert.equal(await digests.of(path, { ...key, inode: 9n }), null, "another file is there now");
  assert.notEqual(await digests.of(path, newer), abc);
  assert.equal(await digests.of(folder, newer).then(() => digests.of(folder, { ...newer, inode: 5n })), null);
});

test("Digests.of() answers null for a file that changes while it is read, and asks again", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-digest-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "file");
  writeFileSync(path, "abc");
  const key: FileKey = { device: 1, inode: 2n, ctimeNs: 3n };
  let looks = 0;
  const digests = sha256Digests(() => {
    looks += 1;
    return looks === 2 ? { ...key, ctimeNs: 4n } : key;
  });
  assert.equal(await digests.of(path, key), null);
  assert.equal((await digests.of(path, key))?.length, 64);
});
