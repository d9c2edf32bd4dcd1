// SPDX-License-Identifier: Apache-2.0
/** An answer "once" stands in for ask as long as the socket lives (rules.md, Answers). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { withHoldfast } from "./survive/holdfast.ts";

const options = { timeout: 60_000, skip: process.getuid?.() === 0 ? false : "needs root" };
const PORT = 9;
/** Longer than it takes the daemon to look over all sockets twice. */
const SWEEPS_MS = 2500;

for (const action of ["deny", "allow"] as const)
  test(`${action} --for once holds for a datagram socket until it is closed, and nobody is asked again`, options, () =>
    withHoldfast(async (holdfast) => {
      const { world } = holdfast;
      await world.peer.serve({ sink: [PORT] });
      await holdfast.up("--mode", "ask");
      const sender = world.start([world.probe, "udp", "--to", world.peer.address4, "--port", String(PORT), "--stay", "--again"]);
      const [question] = await holdfast.questions(1);
      assert.ok(question);
      await holdfast.client.answer({ id: question.id, action, scope: null, anyPort: false, lifetime: { kind: "once" } });
      await sleep(SWEEPS_MS);
      assert.deepEqual((await holdfast.client.listQuestions({})).questions, []);
      const { released, refused } = await holdfast.counters();
      assert.deepEqual([released, refused], action === "allow" ? [1, 0] : [0, 1]);
      sender.write("\n");
      await sender.exited;
      assert.deepEqual((await holdfast.client.listQuestions({})).questions, []);
      assert.equal(await world.peer.count({ protocol: "udp", port: PORT }), action === "allow" ? 2 : 0);
    }),
  );

test("a connection denied once is in the history as denied", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await holdfast.up("--mode", "ask");
    const asker = world.start([world.probe, "tcp", "--to", world.peer.address4, "--port", String(PORT)]);
    const [question] = await holdfast.questions(1);
    assert.ok(question);
    await holdfast.client.answer({ id: question.id, action: "deny", scope: null, anyPort: false, lifetime: { kind: "once" } });
    assert.match((await asker.exited).stdout, /ECONNREFUSED/);
    const { flows } = await holdfast.client.listFlows({ app: null, to: world.peer.address4, verdict: null, undecided: false, since: null });
    assert.deepEqual(
      flows.map(({ verdict, by, state }) => [verdict, by, state]),
      [["deny", "once", "closed"]],
    );
  }),
);
