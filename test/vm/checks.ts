// SPDX-License-Identifier: Apache-2.0
/** What is shown of a kernel, in the guest: the product's promise by real packets between two namespaces, for one scope. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { outcomesOf, type ProbeOutcome, type Running } from "../world.ts";
import { type Installed, until } from "./installed.ts";
import { anyPins, linkNumbers, verifiedInstructions } from "./pinned.ts";

export const TCP = { allowed: 443, denied: 444, unanswered: 445 } as const;
/** Their server never answers. */
export const UDP = { allowed: 9, denied: 10 } as const;
/** The kernel takes a daemon for away when it has not been heard of for 2 s (architecture.md). */
const AWAY_MS = 2500;
/** Of the verifier: kernel/bpf/verifier.c, BPF_COMPLEXITY_LIMIT_INSNS. */
const MAX_INSTRUCTIONS = 1_000_000;

export type Reporter = {
  /** Whether it passed. */
  readonly check: (name: string, work: () => Promise<void>) => Promise<boolean>;
  readonly fact: (name: string, value: string) => void;
};

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The probe in the scope and in the app's namespace. Its outcome. */
function start({ world }: Installed, kind: "tcp" | "udp", port: number, ...flags: string[]): Running {
  return world.start([world.probe, kind, "--to", world.peer.address4, "--port", String(port), ...flags], { timeoutMs: null });
}

async function outcomeOf(running: Running): Promise<ProbeOutcome> {
  const { stdout, stderr } = await running.exited;
  const outcome = outcomesOf(stdout).at(-1);
  assert.ok(outcome, `The probe says nothing: ${stderr}`);
  return outcome;
}

async function assertArrived(installed: Installed, protocol: "tcp" | "udp", port: number, wanted: number): Promise<void> {
  assert.equal(await installed.world.peer.count({ protocol, port }), wanted, `packets to ${protocol}/${port}`);
}

/** A connect() that waits; 0 packets at the peer, also after the kernel has tried again. */
async function holdTcp(installed: Installed, port: number, action: "allow" | "deny"): Promise<ProbeOutcome> {
  await installed.world.peer.clear();
  const running = start(installed, "tcp", port);
  const question = await installed.question("tcp", port);
  await sleep(1500); // the first retry comes after a second
  assert.equal(running.ended, null);
  await assertArrived(installed, "tcp", port, 0);
  await installed.answer(question, action);
  return outcomeOf(running);
}

async function allowTcp(installed: Installed): Promise<void> {
  const { errno } = await holdTcp(installed, TCP.allowed, "allow");
  assert.equal(errno, null);
  const syns = await installed.world.peer.packets({ protocol: "tcp", port: TCP.allowed });
  /* The one that was held; on a slow machine the kernel's own retry may come in the same moment. */
  const count = syns.filter(({ flags }) => flags === "S").length;
  assert.ok(count === 1 || count === 2, `${count} SYNs`);
}

async function denyTcp(installed: Installed): Promise<void> {
  const { errno } = await holdTcp(installed, TCP.denied, "deny");
  assert.equal(errno, "ECONNREFUSED");
  await assertArrived(installed, "tcp", TCP.denied, 0);
}

/** A datagram that waits while its sender keeps the socket; after the answer the sender sends another. */
async function holdUdp(installed: Installed, port: number, action: "allow" | "deny"): Promise<ProbeOutcome> {
  await installed.world.peer.clear();
  const running = start(installed, "udp", port, "--stay", "--again");
  await running.line((line) => line.includes('"sent"'));
  const question = await installed.question("udp", port);
  await assertArrived(installed, "udp", port, 0);
  await installed.answer(question, action);
  await assertArrived(installed, "udp", port, action === "allow" ? 1 : 0);
  running.write("\n");
  return outcomeOf(running);
}

async function allowUdp(installed: Installed): Promise<void> {
  assert.equal((await holdUdp(installed, UDP.allowed, "allow")).errno, null);
  await assertArrived(installed, "udp", UDP.allowed, 2);
}

async function denyUdp(installed: Installed): Promise<void> {
  assert.equal((await holdUdp(installed, UDP.denied, "deny")).errno, "EPERM");
  await assertArrived(installed, "udp", UDP.denied, 0);
}

/** A shell the daemon knows: what it starts is known without a daemon. */
class Shell {
  readonly #running: Running;

  constructor({ world }: Installed) {
    const script = `while read -r port; do ${world.probe} tcp --to ${world.peer.address4} --port $port; done`;
    this.#running = world.start(["sh", "-c", script], { timeoutMs: null });
  }

  async connect(port: number): Promise<string | null> {
    const before = outcomesOf(this.#running.stdout).length;
    this.#running.write(`${port}\n`);
    await until(`the end of a connect() to tcp/${port}`, async () => outcomesOf(this.#running.stdout).length > before || null);
    return outcomesOf(this.#running.stdout).at(-1)?.errno ?? null;
  }

  end(): void {
    this.#running.destroy();
  }
}

/** kill -9: rules stay in force, what would be asked is denied, and the next daemon takes over what is there. */
async function killAndAdopt(installed: Installed): Promise<void> {
  const { peer, probe } = installed.world;
  /* The answers so far are about the probe as a helper of this process, and the shell's is another's. */
  await installed.run("rules", "add", `allow ${probe} -> ${peer.address4} tcp/${TCP.allowed}`);
  await installed.run("rules", "add", `deny ${probe} -> ${peer.address4} tcp/${TCP.denied}`);
  const shell = new Shell(installed);
  assert.equal(await shell.connect(TCP.allowed), null);
  const links = linkNumbers();
  process.kill(installed.pid, "SIGKILL");
  await sleep(AWAY_MS);
  await peer.clear();
  assert.equal(await shell.connect(TCP.allowed), null, "what was allowed, without a daemon");
  assert.equal(await shell.connect(TCP.denied), "ECONNREFUSED", "what was denied, without a daemon");
  assert.equal(await shell.connect(TCP.unanswered), "ECONNREFUSED", "what would be asked, without a daemon");
  await installed.up();
  assert.deepEqual(linkNumbers(), links, "links");
  assert.equal(await shell.connect(TCP.allowed), null);
  assert.equal(await shell.connect(TCP.denied), "ECONNREFUSED");
  await assertArrived(installed, "tcp", TCP.denied, 0);
  await assertArrived(installed, "tcp", TCP.unanswered, 0);
  shell.end();
}

/** No pins, and what was denied goes through. */
async function remove(installed: Installed, command: "down" | "panic"): Promise<void> {
  await installed.remove(command);
  assert.equal(anyPins(), false, "pins");
  const { errno } = await outcomeOf(start(installed, "tcp", TCP.denied));
  assert.equal(errno, null);
}

function tellInstructions(installed: Installed, { fact }: Reporter): void {
  if (installed.scope === null) return; // the same programs as in the other scope
  for (const [name, count] of verifiedInstructions()) {
    fact(`${name}, instructions verified`, count.toLocaleString("en"));
    assert.ok(count < MAX_INSTRUCTIONS);
  }
}

/** Everything, for the scope of `installed`. The peer serves TCP and UDP. */
export async function showAll(installed: Installed, reporter: Reporter): Promise<void> {
  const check = (name: string, work: () => Promise<void>): Promise<boolean> =>
    reporter.check(`${installed.scope === null ? "root" : "sub-cgroup"}: ${name}`, work);
  /* First what takes least: the verifier's own words are in its failure. */
  if (!(await check("doctor finds nothing missing", () => installed.run("doctor")))) return;
  const isUp = await check("up loads and attaches, in mode ask", async () => {
    const startMs = performance.now();
    await installed.up();
    reporter.fact(`up and status, ${installed.scope ?? "cgroup v2 root"}`, seconds(performance.now() - startMs));
    tellInstructions(installed, reporter);
  });
  if (!isUp) return;
  await check("TCP is held, then allowed", () => allowTcp(installed));
  await check("TCP is held, then denied", () => denyTcp(installed));
  await check("UDP is held, then allowed", () => allowUdp(installed));
  await check("UDP is held, then denied", () => denyUdp(installed));
  await check("a killed daemon leaves its rules, and the next adopts them", () => killAndAdopt(installed));
  await check("down takes everything away", () => remove(installed, "down"));
  await check("panic takes everything away", async () => {
    await installed.up();
    await remove(installed, "panic");
  });
}
