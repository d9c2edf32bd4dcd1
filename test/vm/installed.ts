// SPDX-License-Identifier: Apache-2.0
/** Holdfast in the guest as its user has it: ./holdfast, with its default places. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { ReplyOf } from "../../src/contract/api.ts";
import type { World } from "../world.ts";

export type Question = ReplyOf<"listQuestions">["questions"][number];

/** Commands take seconds under emulation, minutes on a busy machine; these only end what hangs. */
const COMMAND_LIMIT_MS = 400_000;
const WAIT_LIMIT_MS = 120_000;
/** The verifier's reason stands at the end of a log that is long. */
const MESSAGE_LIMIT = 3000;
const POLL_MS = 100;

/**
 * Opens a socket, by which Holdfast gets to know this process, which is older than its programs are: what a process that it does not
 * know starts is new to it each time.
 */
async function introduceOurselves(): Promise<void> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  socket.close();
}

/** Asks until the answer is not null. */
export async function until<T>(what: string, answer: () => Promise<T | null>): Promise<T> {
  for (const startMs = performance.now(); performance.now() - startMs < WAIT_LIMIT_MS; ) {
    const found = await answer();
    if (found !== null) return found;
    await sleep(POLL_MS);
  }
  throw new Error(`Waited ${WAIT_LIMIT_MS / 1000} s for ${what}`);
}

export class Installed {
  readonly world: World;
  /** For `--scope`; null: not given, which is the root. */
  readonly scope: string | null;
  /** Of the daemon started last. */
  pid = 0;

  constructor(world: World, scope: string | null) {
    this.world = world;
    this.scope = scope;
  }

  /** Runs `./holdfast ARGS --json`, which must exit with 0. */
  async run<T>(...args: string[]): Promise<T> {
    const argv = ["/holdfast/holdfast", ...args, "--json"];
    const { code, signal, stdout, stderr } = await this.world.run(argv, { cgroup: false, netns: null, timeoutMs: COMMAND_LIMIT_MS });
    assert.equal(code, 0, `holdfast ${args.join(" ")}: exit ${code ?? signal}: ${stdout}${stderr.slice(-MESSAGE_LIMIT)}`);
    return JSON.parse(stdout) as T;
  }

  async up(): Promise<void> {
    await this.run("up", "--mode", "ask", "--detach", ...this.#scopeArgs());
    const status = await this.run<ReplyOf<"status">>("status");
    assert.equal(status.inForce, true);
    assert.equal(status.mode, "ask");
    this.pid = status.pid ?? 0;
    await introduceOurselves();
    /* At the root the markers that tell the peer's count are judged as well: let through once they are known. */
    await until("the markers", () =>
      this.world.peer.settle().then(
        () => true as const,
        () => null,
      ),
    );
  }

  async remove(command: "down" | "panic"): Promise<void> {
    await this.run(command, ...this.#scopeArgs());
  }

  async answer({ id }: Question, action: "allow" | "deny"): Promise<void> {
    await this.run("ask", "answer", String(id), action);
  }

  /** The question of the probe about a port of the peer, once `ask ls` has it. */
  question(protocol: "tcp" | "udp", port: number): Promise<Question> {
    const { probe, peer } = this.world;
    return until(`the question about ${protocol}/${port}`, async () => {
      const { questions } = await this.run<{ readonly questions: readonly Question[] }>("ask", "ls");
      const found = questions.find((one) => one.protocol === protocol && one.port === port && one.direction === "out");
      if (found === undefined) return null;
      assert.equal(found.app.path, probe);
      assert.equal(found.address, peer.address4);
      return found;
    });
  }

  #scopeArgs(): string[] {
    return this.scope === null ? [] : ["--scope", this.scope];
  }
}
