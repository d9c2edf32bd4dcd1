// SPDX-License-Identifier: Apache-2.0
/** Holdfast over a world: daemons in the foreground, so that a test can kill them, and what talks to them. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { unixTransport } from "../../src/cli/transport.ts";
import { type Client, createClient } from "../../src/client/client.ts";
import type { ReplyOf } from "../../src/contract/api.ts";
import { pinFolder, scopeOf } from "../../src/kernel/pins.ts";
import { type Running, type Side, type World, withWorld } from "../world.ts";
import type { DaemonOptions } from "./daemon.ts";

const START = join(import.meta.dirname, "../../src/start.js");
const TEST_DAEMON = join(import.meta.dirname, "daemon.ts");
const POLL_MS = 25;
/** For one test, at its slowest. */
const LIMIT_MS = 40_000;

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };
type Place = { readonly scope: string; readonly state: string; readonly socket: string; readonly rules: string };

/** One instance: its scope, state and socket. */
export class Holdfast {
  readonly world: World;
  readonly place: Place;
  /** Puts daemons started from now on, and programs started with `inside`, into a mount namespace with another resolv.conf. */
  #resolvConf: string | null = null;
  #daemon: Running | null = null;
  /** Where daemons started from now on are. */
  netns: Side = null;
  /** What the command line talks through, without the start of a process for each command. */
  readonly client: Client;

  constructor(world: World, place: Partial<Place> = {}) {
    this.world = world;
    this.place = { scope: world.scope, state: world.stateDir, socket: world.socketPath, rules: join(world.dir, "rules"), ...place };
    this.client = createClient(unixTransport(this.place.socket));
  }

  /** The configured name servers, for daemons started from now on. */
  useResolvers(...addresses: readonly string[]): void {
    this.#resolvConf = join(this.world.dir, "resolv.conf");
    writeFileSync(this.#resolvConf, addresses.map((address) => `nameserver ${address}\n`).join(""));
  }

  /** `argv` for a program that sees the files the daemon sees. */
  inside(argv: readonly string[]): string[] {
    return this.#resolvConf === null ? [...argv] : ["nsenter", "--target", `${this.#daemon?.pid}`, "--mount", ...argv];
  }

  get pins(): string {
    return pinFolder(scopeOf(this.place.scope));
  }

  /** Runs a command to its end. */
  async run(...args: string[]): Promise<Ran> {
    return await this.world.run([process.execPath, START, ...args, "--socket", this.place.socket], { cgroup: false, netns: null });
  }

  /** Runs a command that must succeed; its JSON. */
  async json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.run(...args, "--json");
    if (code !== 0) throw new Error(`holdfast ${args.join(" ")}: exit ${code}: ${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  }

  rule(text: string): Promise<ReplyOf<"addRule">> {
    return this.client.addRule({ text });
  }

  status(): Promise<ReplyOf<"status">> {
    return this.client.status({});
  }

  /** Health, but for what is true of the checkout these tests run in. */
  async conditions(): Promise<ReplyOf<"status">["health"]> {
    return (await this.status()).health.filter(({ code }) => code !== "files");
  }

  async counters(): Promise<NonNullable<ReplyOf<"status">["counters"]>> {
    const { counters } = await this.status();
    assert.ok(counters);
    return counters;
  }

  /** Answers a question for this connection's address and port, for ever. Returns when it is in force. */
  async answer(question: { readonly id: number } | undefined, action: "allow" | "deny"): Promise<void> {
    assert.ok(question);
    await this.client.answer({ id: question.id, action, scope: null, anyPort: false, lifetime: { kind: "ever" } });
  }

  /** A daemon in the foreground; resolves when its rules are in force. */
  async up(...args: string[]): Promise<Running> {
    const { scope, state, rules, socket } = this.place;
    const places = ["--scope", scope, "--state", state, "--rules", rules, "--socket", socket];
    return this.#started([START, "up", ...places, ...args, "--json"], '"generation"');
  }

  /** The same through test/survive/daemon.ts. */
  async upWith(options: Pick<DaemonOptions, "mode" | "objectFile" | "bounds" | "slowMs">): Promise<Running> {
    return this.#started([TEST_DAEMON, JSON.stringify({ ...this.place, ...options })], '"pid"');
  }

  /** `down` or `panic`; what it removed. */
  async remove(command: "down" | "panic" = "down"): Promise<{ readonly pid: number | null; readonly links: number }> {
    return await this.json(command, "--scope", this.place.scope);
  }

  /** The open questions, once there are `count` of them. */
  async questions(count: number): Promise<ReplyOf<"listQuestions">["questions"]> {
    return until(`${count} questions`, async () => {
      const { questions } = await this.client.listQuestions({});
      return questions.length === count ? questions : null;
    });
  }

  /** The sentence of a condition in `health`, once it stands. */
  async health(code: string): Promise<string> {
    return until(`health "${code}"`, async () => (await this.status()).health.find((item) => item.code === code)?.text ?? null);
  }

  async #started(args: readonly string[], first: string): Promise<Running> {
    const bind = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    const wrapped = this.#resolvConf === null ? [] : ["unshare", "--mount", "sh", "-c", bind, this.#resolvConf];
    const daemon = this.world.start([...wrapped, process.execPath, ...args], { cgroup: false, netns: this.netns, timeoutMs: null });
    this.#daemon = daemon;
    await daemon.line((line) => line.includes(first));
    return daemon;
  }
}

/** What a test waits for at the moment, for the message when its time is up. */
let awaited = "";

/** Waits until `look` finds something; the test's own limit ends it. */
export async function until<T>(what: string, look: () => Promise<T | null> | T | null): Promise<T> {
  awaited = what;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    await sleep(POLL_MS);
  }
}

/** A world whose Holdfasts are taken away before it is, also when the test's time is up. */
export function withHoldfast(use: (holdfast: Holdfast) => Promise<void>): Promise<void> {
  return withWorld(async (world) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Waited in vain; last for ${awaited}`)), LIMIT_MS);
    });
    try {
      await Promise.race([use(new Holdfast(world)), late]);
    } finally {
      clearTimeout(timer);
      await removeAll(world);
    }
  });
}

/** Every scope of the world that still has pins. */
async function removeAll(world: World): Promise<void> {
  for (const scope of [world.scope, join(world.scope, "sub"), join(world.scope, "other")])
    if (existsSync(scope)) await new Holdfast(world, { scope }).run("panic", "--scope", scope);
}
