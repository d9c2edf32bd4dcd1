// SPDX-License-Identifier: Apache-2.0
/** Paths on the command line mean the caller's folder, also to the daemon that `up --detach` leaves behind. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { withWorld } from "./world.ts";

const START = join(import.meta.dirname, "../src/start.js");

test("holdfast up --detach takes relative paths from the caller's folder", async () => {
  await withWorld(async (world) => {
    const { dir, scope, socketPath } = world;
    const here = (path: string): string => relative(dir, path);
    const holdfast = async (...args: string[]): Promise<Record<string, unknown>> => {
      const argv = ["sh", "-c", 'cd "$0" && exec "$@"', dir, process.execPath, START, ...args, "--json"];
      const { code, stdout, stderr } = await world.run(argv, { cgroup: false, netns: null });
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    mkdirSync(join(dir, "own"));
    writeFileSync(join(dir, "own", "a.rules"), "deny any -> 192.0.2.99\n");
    const socket = ["--socket", here(socketPath)];
    try {
      await holdfast("up", "--detach", "--scope", here(scope), "--state", "own/state", "--rules", "own", ...socket);
      const status = await holdfast("status", ...socket);
      assert.deepEqual(
        [status.scope, status.state, status.rulesDir, status.socket],
        [scope, join(dir, "own/state"), join(dir, "own"), socketPath],
      );
      assert.ok(existsSync(join(dir, "own/state/daemon.log")));
      assert.match(JSON.stringify(await holdfast("rules", "ls", ...socket)), /deny any -> 192\.0\.2\.99/);
    } finally {
      await holdfast("down", "--scope", here(scope));
    }
  });
});
