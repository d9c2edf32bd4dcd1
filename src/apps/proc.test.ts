// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, rmSync, statSync } from "node:fs";
import { test } from "node:test";
import { FakeSystem } from "./fake-system.ts";
import { Proc, splitZeros, withoutDeleted } from "./proc.ts";

test("Proc reads this very process", async () => {
  const proc = new Proc();
  const { pid } = process;
  const startNs = proc.startNs(pid);
  assert.ok(startNs !== null && startNs > 0n);
  assert.equal(proc.isSame(pid, startNs + 9_999_999n), true);
  assert.equal(proc.isSame(pid, startNs + 30_000_000n), false);
  assert.equal(proc.isSame(pid, startNs - 30_000_000n), false);
  assert.equal(proc.exe(pid), process.execPath);
  assert.equal(proc.cwd(pid), process.cwd());
  assert.equal(proc.rootDirectory(pid), "/");
  assert.match(proc.namespace(pid, "mnt") ?? "", /^mnt:\[\d+\]$/);
  assert.equal(proc.status(pid)?.parent, process.ppid);
  assert.equal(proc.status(pid)?.uid, process.getuid?.());
  assert.ok((proc.cgroup(pid) ?? "").startsWith("/"));
  assert.ok(splitZeros((await proc.cmdline(pid)) ?? new Uint8Array()).length > 0);
});

test("Proc answers null for a process that is gone", async (t) => {
  const s = new FakeSystem();
  t.after(() => s.remove());
  const { proc } = s;
  const found = [proc.startNs(7), proc.exe(7), proc.cwd(7), proc.cgroup(7), proc.status(7), proc.namespace(7, "net")];
  assert.deepEqual([...found, await proc.cmdline(7), await proc.variable(7, "HOME")], Array(8).fill(null));
  assert.equal(proc.isSame(7, 0n), false);
});

test("Proc.startNs() counts from the last bracket, Proc.cgroup() takes the v2 line", (t) => {
  const s = new FakeSystem();
  t.after(() => s.remove());
  s.run({ pid: 7, exe: "/x", startNs: 123_456_789_012n, cgroup: "/a/b (deleted)" });
  assert.equal(s.proc.startNs(7), 123_450_000_000n);
  assert.equal(s.proc.isSame(7, 123_456_789_012n), true);
  assert.equal(s.proc.cgroup(7), "/a/b");
});

test("Proc gives up on memory that cannot be read, and after two of them reads none", async (t) => {
  const s = new FakeSystem();
  t.after(() => s.remove());
  const proc = new Proc(s.proc.root, { patienceMs: 1 });
  const pipes = [1, 2].map((pid) => {
    s.run({ pid, exe: "/x" });
    const path = s.proc.at(pid, "cmdline");
    rmSync(path);
    execFileSync("mkfifo", [path]);
    assert.ok(statSync(path).isFIFO());
    return path;
  });
  s.run({ pid: 3, exe: "/x", args: ["x"] });
  for (const pid of [1, 2, 3]) assert.equal(await proc.cmdline(pid), null);
  /* Opening the other end lets the stuck readers go, and then others are read again. */
  for (const path of pipes) closeSync(openSync(path, constants.O_WRONLY));
  const patient = new Proc(s.proc.root);
  assert.deepEqual(splitZeros((await patient.cmdline(3)) ?? new Uint8Array()), ["x"]);
});

test("splitZeros() keeps empty arguments and bytes that are not UTF-8", () => {
  assert.deepEqual(splitZeros(Buffer.from("a\0\0b c\0")), ["a", "", "b c"]);
  assert.deepEqual(splitZeros(Buffer.from([0x61, 0xff])), ["a\udcff"]);
  assert.deepEqual(splitZeros(new Uint8Array()), []);
});

test("withoutDeleted() takes off what the kernel adds", () => {
  assert.deepEqual(withoutDeleted("/usr/bin/curl (deleted)"), { path: "/usr/bin/curl", deleted: true });
  assert.deepEqual(withoutDeleted("/usr/bin/curl"), { path: "/usr/bin/curl", deleted: false });
});
