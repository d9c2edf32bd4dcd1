// SPDX-License-Identifier: Apache-2.0
/** How long one decision takes, by the kernel's own count (kernel.bpf_stats_enabled), and what the verifier had to go through. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { encode } from "../../src/contract/codec.ts";
import { Conn, DecideCall } from "../../src/contract/layout.gen.ts";
import { openPinned, runProgram } from "../../src/kernel/libbpf.ts";
import { close } from "../../src/kernel/libc.ts";
import { countingTime, factOf } from "./programs.ts";
import { type Row, row } from "./row.ts";
import { type Bench, type Daemon, startDaemon } from "./world.ts";

const RULE_COUNTS = [10, 100, 1000, 4096] as const;
const GOAL_NS = 600;
const CONNECTIONS = 4096;
const ROUNDS = 5;
const VERIFIER_GOAL = 100_000;

/** Addresses of 198.18.0.0/15 in no order: multiplication by an odd number goes through all of them. */
const addressOf = (i: number): number => (0xc6120000 + ((i * 40503) & 0x1ffff)) >>> 0;
const text = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");

/** Rules that share address or port with the connections and never all of it; the widest is last in the order and decides. */
function ruleFile(count: number): string {
  const narrow = Array.from({ length: count - 1 }, (_, i) => `deny any -> ${text(addressOf(i))} tcp/${1 + (i % 1000)}`);
  return [...narrow, "allow any -> any tcp/2000-65000", ""].join("\n");
}

function calls(): Uint8Array[] {
  return Array.from({ length: CONNECTIONS }, (_, i) => {
    const call = new Uint8Array(DecideCall.size);
    const conn = {
      peerHigh: 0n,
      peerLow: 0xffff00000000n | BigInt(addressOf(CONNECTIONS - i)),
      class: 5,
      uid: 1000,
      rulePort: 2000 + ((i * 7919) % 60000),
      protocol: 6,
      direction: 0,
      own: 0,
      sentTo: 0,
      unread: 0,
      more: 0,
      candidates: [0n, 0n, 0n, 0n],
    };
    call.set(encode(Conn, conn), DecideCall.fields.conn.offset);
    return call;
  });
}

/** Nanoseconds of one decision: the best of a few rounds, each over all connections, as another program's turn only adds to one. */
function decisionNs(pins: string, all: readonly Uint8Array[]): number {
  const fd = openPinned(join(pins, "programs", "decide_once"));
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = { ns: factOf(fd, "run_time_ns"), runs: factOf(fd, "run_cnt") };
    for (const call of all) runProgram(fd, call);
    rounds.push((factOf(fd, "run_time_ns") - before.ns) / (factOf(fd, "run_cnt") - before.runs));
  }
  close(fd);
  return Math.min(...rounds);
}

/** Of the factory's rules, those that have two places in the order: "<->" with loopback and the like. */
const COUNTED_TWICE = 2;

/** Fills the rules up to `count` places in the order, the factory's included. */
async function fillRules({ client }: Daemon, count: number): Promise<void> {
  const { rules } = await client.listRules({});
  const own = rules.filter(({ author }) => author === "own");
  if (own.length > 0) await client.undo({});
  await client.importRules({ file: "bench", text: ruleFile(count - (rules.length - own.length) - COUNTED_TWICE) });
}

export async function decisionRows({ world }: Bench): Promise<Row[]> {
  const daemon = startDaemon(world, "allow");
  const all = calls();
  const [first = new Uint8Array()] = all;
  const rows: Row[] = [];
  try {
    const times = new Map<number, { readonly ns: number; readonly reason: string }>();
    await countingTime(async () => {
      for (const count of RULE_COUNTS) {
        await fillRules(daemon, count);
        const same = decisionNs(daemon.pins, new Array(CONNECTIONS).fill(first));
        const reason = `${Math.round(same)} ns when it is the same connection every time: the rest is tables that are not in the processor's cache`;
        times.set(count, { ns: decisionNs(daemon.pins, all), reason });
      }
    });
    for (const [count, { ns, reason }] of times)
      rows.push(
        row(
          `decision, ${count.toLocaleString("en")} rules, the last one decides`,
          `≤ ${GOAL_NS} ns`,
          `${Math.round(ns)} ns`,
          ns <= GOAL_NS,
          reason,
        ),
      );
    const ratio = (times.get(4096)?.ns ?? Number.NaN) / (times.get(10)?.ns ?? Number.NaN);
    const few = `10 rules are ${Math.round(times.get(10)?.ns ?? Number.NaN)} ns; 4,096 are ${times.get(4096)?.reason}`;
    rows.push(row("decision, 4,096 rules against 10", "≤ 2 ×", `${ratio.toFixed(2)} ×`, ratio <= 2, few));
    rows.push(...verifierRows(daemon.pins));
  } finally {
    daemon.down();
  }
  return rows;
}

function verifierRows(pins: string): Row[] {
  const programs = readdirSync(join(pins, "programs")).map((name) => {
    const fd = openPinned(join(pins, "programs", name));
    const verified = factOf(fd, "verified_insns");
    close(fd);
    return { name, verified };
  });
  const worst = programs.sort((a, b) => b.verified - a.verified);
  const over = worst.filter(({ verified }) => verified > VERIFIER_GOAL);
  const shown = worst.slice(0, 3).map(({ name, verified }) => `${name} ${verified.toLocaleString("en")}`);
  return [
    row(
      "verifier instructions, each program",
      `≤ ${VERIFIER_GOAL.toLocaleString("en")}`,
      `most: ${shown.join(", ")}`,
      over.length === 0,
      `over it: ${over.map(({ name }) => name).join(", ")}`,
    ),
  ];
}
