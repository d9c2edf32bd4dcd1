// SPDX-License-Identifier: Apache-2.0
/** `up` in a terminal, as a person has it: script(1) gives it one, and what we write goes there as keys. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Firewall } from "./firewall.ts";
import { withWorld } from "./world.ts";

const START = join(import.meta.dirname, "../src/start.js");

test("holdfast up takes every key of one read, but no answer to a question that has just come up", async () => {
  await withWorld(async (world) => {
    const firewall = new Firewall(world);
    await world.peer.serve({ tcp: [443] });
    const { scope, stateDir, socketPath, dir } = world;
    const options = ["--mode", "ask", "--scope", scope, "--state", stateDir, "--rules", join(dir, "rules"), "--socket", socketPath];
    const line = `stty cols 200 rows 40; ${[process.execPath, START, "up", ...options].join(" ")}`;
    // A terminal is one also where CI is set.
    const terminal = world.start(["env", "CI=true", "script", "-qec", line, "/dev/null"], { cgroup: false, netns: null });
    const showing = async (text: string): Promise<void> => {
      while (!terminal.stdout.includes(text)) {
        assert.equal(terminal.ended, null, terminal.stdout);
        await terminal.changed();
      }
    };
    try {
      await showing("No open questions");
      const tried = world.try(["tcp", "--to", world.peer.address4, "--port", "443"]);
      // Keys meant for what stood there before: however slow the machine, some come just after the question.
      const typing = setInterval(() => terminal.write("a"), 20);
      await showing("press the key again").finally(() => clearInterval(typing));
      terminal.write("spt");
      await showing("anywhere, any port, until the program quits");
      await sleep(800);
      terminal.write("a");
      const outcome = await tried;
      assert.equal(outcome.result, 0, JSON.stringify(outcome) + terminal.stdout.slice(-1500));
      await showing("held packet");
      // Ctrl-C in the middle of other keys.
      terminal.write("s\x03");
      await terminal.exited;
      assert.match(terminal.stdout, /Holdfast is no longer in force/);
    } finally {
      if (firewall.pinned) await firewall.down();
    }
  });
});
