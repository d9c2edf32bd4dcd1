// SPDX-License-Identifier: Apache-2.0
/** An answer "until quit" lasts as long as the program that asked runs (rules.md, Lifetimes), and is none when it does not any more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until, withHoldfast } from "./survive/holdfast.ts";

const options = { timeout: 60_000, skip: process.getuid?.() === 0 ? false : "needs root" };
const PORT = 9;
/** Longer than it takes the daemon to look twice which rules are over. */
const SWEEPS_MS = 2500;

test("an answer --for quit lasts while the program runs, and one for a program that has ended is refused with a sentence", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    await world.peer.serve({ sink: [PORT] });
    await holdfast.up("--mode", "ask");
    const start = () => world.start([world.probe, "udp", "--to", world.peer.address4, "--port", String(PORT), "--stay"]);
    const answer = (id: number | undefined, kind: "quit" | "ever") =>
      holdfast.client.answer({ id: id ?? 0, action: "allow", scope: null, anyPort: false, lifetime: { kind } });
    const own = async () => (await holdfast.client.listRules({})).rules.filter(({ author }) => author === "own");
    const first = start();
    const [question] = await holdfast.questions(1);
    await answer(question?.id, "quit");
    await world.peer.arrived({ protocol: "udp", port: PORT });
    await sleep(SWEEPS_MS);
    assert.equal((await own()).length, 1, "the program still runs");
    await first.kill("SIGKILL");
    await until("the rule's end", async () => ((await own()).length === 0 ? true : null));

    const second = start();
    const [again] = await holdfast.questions(1);
    await second.kill("SIGKILL");
    await assert.rejects(answer(again?.id, "quit"), /^Failure: Cannot answer question \d+ until ".+" quits: it has ended already; /);
    assert.deepEqual(await own(), []);
    await holdfast.questions(1);
    await answer(again?.id, "ever");
    assert.equal((await own()).length, 1);
  }),
);
