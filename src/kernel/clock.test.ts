// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { startTicks } from "./clock.ts";

test("startTicks() knows a process that runs, and none that has ended, whether its parent has looked or not", async (t) => {
  assert.ok((startTicks(process.pid) ?? 0n) > 0n);
  assert.equal(startTicks(2 ** 30), null);
  const parent = spawn("perl", ["-e", "my $pid = fork() // die; exit if !$pid; $| = 1; print $pid; sleep 60"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => parent.kill("SIGKILL"));
  const [pid] = (await once(parent.stdout, "data")) as [Buffer];
  while (!readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ")) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(startTicks(Number(`${pid}`)), null);
});
