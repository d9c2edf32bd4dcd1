// SPDX-License-Identifier: Apache-2.0
/** The product itself, in force for a world as its user would have it: the real command, detached, and taken away in every case. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { unixTransport } from "../src/cli/transport.ts";
import { type Client, createClient } from "../src/client/client.ts";
import type { ReplyOf } from "../src/contract/api.ts";
import { pinFolder, scopeOf } from "../src/kernel/pins.ts";
import type { DaemonOptions } from "./survive/daemon.ts";
import { until } from "./world/until.ts";
import { type World, withWorld } from "./world.ts";

const TEST_DAEMON = join(import.meta.dirname, "survive/daemon.ts");
const START = join(import.meta.dirname, "../src/start.js");
/** The kernel takes a daemon for away when it has not been heard of for 2 s (architecture.md). */
const AWAY_MS = 2000;
const HEARTBEAT_MS = 500;
/** A daemon that stands still for no longer than this is not taken for away: its last heartbeat may have been that much before. */
export const SAFE_MS = AWAY_MS - HEARTBEAT_MS;

export type Mode = "allow" | "deny" | "ask";
export type Reply = { readonly status: number | null; readonly stderr: string; readonly json: Readonly<Record<string, unknown>> };
export type Question = ReplyOf<"listQuestions">["questions"][number];

export class Firewall {
  readonly world: World;
  /** What the command line talks through, without the start of a process for each command. */
  readonly client: Client;
  /** Of the daemon started last. */
  pid = 0;
  readonly #pins: string;
  readonly #answers: number[] = [];

  constructor(world: World) {
    this.world = world;
    this.client = createClient(unixTransport(world.socketPath));
    this.#pins = pinFolder(scopeOf(world.scope));
  }

  /** Runs `holdfast ARGS --json`, whatever comes of it. */
  async hf(...args: string[]): Promise<Reply> {
    const argv = [process.execPath, START, ...args, "--socket", this.world.socketPath, "--json"];
    const { code, stdout, stderr } = await this.world.run(argv, { cgroup: false, netns: null });
    return { status: code, stderr, json: stdout.startsWith("{") ? (JSON.parse(stdout) as Record<string, unknown>) : {} };
  }

  /** Runs `holdfast ARGS --json`, which must exit with 0. */
  async must(...args: string[]): Promise<Reply["json"]> {
    const { status, stderr, json } = await this.hf(...args);
    assert.equal(status, 0, `holdfast ${args.join(" ")}: exit ${status}: ${stderr}`);
    return json;
  }

  async up(mode: Mode, ...more: string[]): Promise<void> {
    const { scope, stateDir, dir } = this.world;
    await this.must("up", "--scope", scope, "--state", stateDir, "--rules", join(dir, "rules"), "--detach", "--mode", mode, ...more);
    this.pid = (await this.client.status({})).pid ?? 0;
  }

  /** A daemon in the foreground that stands still before it has looked at any program; its rules are in force. */
  async upStanding(mode: Mode): Promise<void> {
    const { scope, stateDir: state, dir, socketPath: socket } = this.world;
    const options: DaemonOptions = { scope, state, socket, rules: join(dir, "rules"), mode, standing: true };
    const daemon = this.world.start([process.execPath, TEST_DAEMON, JSON.stringify(options)], {
      cgroup: false,
      netns: null,
      timeoutMs: null,
    });
    this.pid = daemon.pid;
    await until("a daemon that stands still", () => {
      if (daemon.ended) throw new Error(`The daemon has ended: ${daemon.stdout}${daemon.stderr}`);
      return / T /.test(readFileSync(`/proc/${daemon.pid}/stat`, "latin1")) || null;
    });
  }

  /** Lets a daemon that stands still go on; returns when it answers. */
  async goOn(): Promise<void> {
    process.kill(this.pid, "SIGCONT");
    await until("the daemon's answer", () => this.client.status({}).catch(() => null));
  }

  async mode(mode: Mode): Promise<void> {
    await this.client.setMode({ mode });
  }

  /** Puts a rule in force; its id. */
  async addRule(text: string): Promise<number> {
    const { id } = await this.client.addRule({ text });
    assert.ok(id !== null);
    return id;
  }

  async removeRule(id: number): Promise<void> {
    await this.client.removeRule({ id });
  }

  /** Runs `work` while a rule is in force. */
  async under(text: string, work: () => Promise<void>): Promise<void> {
    const id = await this.addRule(text);
    try {
      await work();
    } finally {
      await this.removeRule(id);
    }
  }

  async questions(): Promise<readonly Question[]> {
    return (await this.client.listQuestions({})).questions;
  }

  /** Waits until something is asked. */
  async asked(): Promise<void> {
    await until("a question", async () => (await this.questions()).length > 0 || null);
  }

  /** Answers whatever is asked now, for ever. */
  async answerAll(action: "allow" | "deny"): Promise<void> {
    /* One at a time: an answer may close other questions. */
    for (let [next] = await this.questions(); next !== undefined; [next] = await this.questions()) {
      const { rule } = await this.client.answer({ id: next.id, action, scope: null, anyPort: false, lifetime: { kind: "ever" } });
      if (rule !== null) this.#answers.push(rule);
    }
  }

  /** Removes the rules that answers have become. */
  async forgetAnswers(): Promise<void> {
    for (const id of this.#answers.splice(0)) await this.removeRule(id);
  }

  /** The daemon stands still while `work` runs; its programs and tables do not. Returns how long it was not heard of. */
  async frozen(work: () => Promise<void>): Promise<number> {
    const startMs = performance.now();
    process.kill(this.pid, "SIGSTOP");
    try {
      await work();
    } finally {
      process.kill(this.pid, "SIGCONT");
    }
    await this.client.status({});
    return performance.now() - startMs;
  }

  /** kill -9. Returns when the kernel takes the daemon for away. */
  async kill9(): Promise<void> {
    process.kill(this.pid, "SIGKILL");
    await sleep(AWAY_MS + 200);
  }

  /** Takes everything away, and looks that nothing is left pinned. */
  async down(): Promise<void> {
    await this.must("down", "--scope", this.world.scope);
    assert.equal(existsSync(this.#pins), false, "Pins are left");
  }

  get pinned(): boolean {
    return existsSync(this.#pins);
  }
}

/** A world whose firewall is taken away before it is. In force from the start when a mode is given. */
export function withFirewall(mode: Mode | null, use: (firewall: Firewall) => Promise<void>): Promise<void> {
  return withWorld(async (world) => {
    const firewall = new Firewall(world);
    try {
      if (mode !== null) await firewall.up(mode);
      await use(firewall);
    } finally {
      if (firewall.pinned) await firewall.down();
    }
  });
}
