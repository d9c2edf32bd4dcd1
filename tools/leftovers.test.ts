// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { leftovers, RUN_VARIABLE, snapshot } from "./leftovers.ts";

test("leftovers() names a process of the run that has not ended, and no other", async () => {
  const run = randomUUID();
  const before = snapshot(run);
  const child = spawn("sleep", ["1000"], { env: { ...process.env, [RUN_VARIABLE]: run } });
  const other = spawn("sleep", ["1000"], { env: { ...process.env, [RUN_VARIABLE]: "another" } });
  try {
    await Promise.all([once(child, "spawn"), once(other, "spawn")]);
    const processes = [...(await leftovers(before, run))].filter((thing) => thing.startsWith("process "));
    assert.deepEqual(processes, [`process ${child.pid} (sleep 1000)`]);
  } finally {
    for (const each of [child, other]) {
      each.kill("SIGKILL");
      await once(each, "exit");
    }
  }
  assert.ok(![...snapshot(run)].some((thing) => thing.startsWith("process ")));
});

test("snapshot() names a test's cgroup", (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/mounts", "utf8"))?.[1];
  if (mount === undefined || !existsSync(mount)) return t.skip("no cgroup v2 here");
  const folder = join(mount, `holdfast-test-${randomUUID()}`);
  mkdirSync(folder);
  try {
    assert.ok(snapshot("none").has(`cgroup ${folder}`));
  } finally {
    rmdirSync(folder);
  }
  assert.ok(!snapshot("none").has(`cgroup ${folder}`));
});
