// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { doctor, membersOf, newEnough } from "./doctor.ts";
import { untrusted } from "./trusted.ts";

test("newEnough() compares kernel releases by number", () => {
  for (const release of ["6.1.0-18-amd64", "6.1", "6.18.44-fc-v595", "7.0.1", "10.0-rc1"]) assert.equal(newEnough(release), true, release);
  for (const release of ["5.15.0", "6.0.19", "4.19.0-26-amd64"]) assert.equal(newEnough(release), false, release);
});

test("membersOf() reads a group and its members", () => {
  const files = {
    group: "root:x:0:\nholdfast:x:998:ann,bob\nempty:x:997:\n",
    passwd: "root:x:0:0::/:/bin/sh\nbob:x:1:998::/:/bin/sh\ncid:x:2:998::/:/bin/sh\n",
  };
  assert.deepEqual(membersOf("holdfast", files), ["ann", "bob", "cid"]);
  assert.deepEqual(membersOf("empty", files), []);
  assert.equal(membersOf("none", files), null);
});

test("untrusted() finds what somebody but root could change, the folders above included", (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const folder = mkdtempSync(join(tmpdir(), "holdfast-trusted-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const inner = join(folder, "inner");
  const file = join(inner, "file");
  mkdirSync(inner);
  writeFileSync(file, "");
  assert.equal(untrusted(file), null);
  assert.equal(untrusted(join(folder, "none")), null);
  chmodSync(file, 0o664);
  assert.deepEqual(untrusted(file), { path: file, why: "is writable by others" });
  chmodSync(file, 0o644);
  chmodSync(inner, 0o777);
  assert.deepEqual(untrusted(file), { path: inner, why: "is writable by others" });
  chmodSync(inner, 0o1777);
  assert.equal(untrusted(file), null);
  assert.equal(untrusted(inner)?.path, inner);
  chownSync(inner, 65534, 0);
  assert.deepEqual(untrusted(file), { path: inner, why: "belongs to user 65534" });
});

test("doctor() says of this machine what the kernel can do", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const report = await doctor({ socket: "/run/holdfast.sock", scope: null });
  const codes = report.checks.map(({ code }) => code);
  for (const code of ["kernel", "btf", "cgroup2", "bpf", "libbpf", "destroy", "files", "group"]) assert.ok(codes.includes(code), code);
  // The tests before and after this one need the programs to load: so must this.
  assert.equal(report.checks.find(({ code }) => code === "programs")?.severity, "ok");
  assert.deepEqual(report.kernel.missing, []);
  for (const { text } of report.checks) assert.doesNotMatch(text, /undefined|\n/);
});
