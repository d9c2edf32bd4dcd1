// SPDX-License-Identifier: Apache-2.0
/** What the daemon does and takes: answers, edits, events, memory, idle time. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Row, row } from "./row.ts";
import { type Bench, type Daemon, FIRST_ADDRESS, median, PORT, quantile, startDaemon } from "./world.ts";

const ANSWERS = 100;
const EDITS = 30;
/** Between two edits, milliseconds: nobody is faster, and an edit waits until no running program uses the tables of the one before. */
const PAUSE_MS = 200;
const BURST = 20_000;
const FLOWS = 100_000;
const IDLE_S = 20;
const TICKS_A_SECOND = 100;
const SETTLING_MS = 10_000;
const MEMORY_GOAL = 120e6;
/** A few below the limit: rules of the factory count twice, and edits add one. */
const FULL = 4090;
const MEBIBYTE = 1024 * 1024;

/** The connection is held; the clock runs from the request with the answer to the connect() that returns: a round trip more than to the SYN. */
export async function answerRows(bench: Bench): Promise<Row[]> {
  const { world } = bench;
  const daemon = startDaemon(world, "ask");
  try {
    const asker = world.start([bench.loadFile, "asked", FIRST_ADDRESS, String(PORT), String(ANSWERS)], { timeoutMs: 300_000 });
    const stop = new AbortController();
    const took: number[] = [];
    for await (const event of daemon.client.events(["questions"], stop.signal)) {
      if (event?.kind !== "question") continue;
      await sleep(PAUSE_MS);
      const before = process.hrtime.bigint();
      await daemon.client.answer({ id: event.question.id, action: "allow" });
      while (asker.lines().length <= took.length && asker.ended === null) await asker.changed();
      const returned = asker.lines()[took.length];
      if (returned === undefined) break;
      took.push(Number(BigInt(returned) - before) / 1e6);
      if (took.length === ANSWERS) break;
    }
    stop.abort();
    const p99 = quantile(took, 0.99);
    return [
      row(
        "answer to SYN on the wire, p99",
        "≤ 5 ms",
        `${p99.toFixed(1)} ms (p50 ${median(took).toFixed(1)} ms, ${took.length} answers)`,
        p99 <= 5,
        "each answer is a rule, on the disk before it is in force (one fsync); measured from the request, a new connection to the socket (2 ms), to the connect() that returns",
      ),
    ];
  } finally {
    daemon.down();
  }
}

export async function eventRows(bench: Bench): Promise<Row[]> {
  const daemon = startDaemon(bench.world, "allow");
  try {
    await bench.load(["connect", bench.world.peer.address4, PORT, 10], true);
    const before = await lostEvents(daemon);
    const [rate = Number.NaN] = await bench.load(["many", FIRST_ADDRESS, PORT, BURST], true);
    const missing = (await lostEvents(daemon)) - before;
    const value = `${Math.round(rate).toLocaleString("en")} a second, ${missing} of ${(BURST * 2).toLocaleString("en")} events lost`;
    return [
      row(
        "connections a second with no event lost",
        "report",
        value,
        null,
        "one program connecting as fast as it can; the ring of 4 MiB and the daemon that reads it are the limit",
      ),
    ];
  } finally {
    daemon.down();
  }
}

async function lostEvents({ client }: Daemon): Promise<number> {
  return (await client.status({})).counters?.eventsLost ?? Number.NaN;
}

/** Kernel memory in bytes: SUnreclaim + Percpu + VmallocUsed. */
function kernelMemory(): number {
  const text = readFileSync("/proc/meminfo", "utf8");
  const kibibytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
  return (kibibytes("SUnreclaim") + kibibytes("Percpu") + kibibytes("VmallocUsed")) * 1024;
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) * 1024;
}

function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

const mebibytes = (bytes: number): string => `${(bytes / MEBIBYTE).toFixed(1)} MiB`;

/** A daemon with the factory's rules only: idle, then with many flows. */
export async function memoryRows(bench: Bench): Promise<Row[]> {
  const daemon = startDaemon(bench.world, "allow");
  const { client, pid } = daemon;
  try {
    await sleep(SETTLING_MS);
    const idle = residentBytes(pid);
    const idleIs = whereMemoryIs(pid);
    const startTicks = ticks(pid);
    await sleep(IDLE_S * 1000);
    const busy = ((ticks(pid) - startTicks) / TICKS_A_SECOND / IDLE_S) * 100;
    for (let sent = 0; sent < FLOWS; sent += BURST) {
      const base = 0xc6120001 + sent;
      const address = [24, 16, 8, 0].map((shift) => (base >>> shift) & 255).join(".");
      await bench.load(["many", address, PORT, BURST], true);
    }
    await sleep(SETTLING_MS);
    const after = residentBytes(pid);
    const lost = await lostEvents(daemon);
    const { flows } = await client.listFlows({});
    const listed = `${flows.length.toLocaleString("en")} newest listed, ${lost} events lost`;
    return [
      row("daemon's resident memory, idle", "≤ 120 MB", mebibytes(idle), idle <= MEMORY_GOAL, idleIs),
      row(
        `daemon's resident memory after ${FLOWS.toLocaleString("en")} flows`,
        "≤ 120 MB",
        `${mebibytes(after)} (${listed})`,
        after <= MEMORY_GOAL,
        whereMemoryIs(pid),
      ),
      row(
        "idle CPU",
        "≤ 0.3 % of a core",
        `${busy.toFixed(2)} %`,
        busy <= 0.3,
        "the heartbeat twice, and a look over all sockets once a second",
      ),
    ];
  } finally {
    daemon.down();
  }
}

/** What of a process's memory is files (shared with every Node) and what is its own. */
function whereMemoryIs(pid: number): string {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const bytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN) * 1024;
  return `${mebibytes(bytes("RssFile"))} of it was files (Node itself), ${mebibytes(bytes("RssAnon"))} its own, ${mebibytes(bytes("RssShmem"))} shared`;
}

/** A daemon with as many rules as there can be. */
export async function editRows(bench: Bench): Promise<Row[]> {
  // What the kernel still frees of the daemon before.
  await sleep(SETTLING_MS);
  const before = kernelMemory();
  const daemon = startDaemon(bench.world, "allow");
  const { client, pid } = daemon;
  try {
    const { rules } = await client.listRules({});
    const text = Array.from({ length: FULL - rules.length }, (_, i) => `deny any -> 203.0.${113 + (i >> 8)}.${i & 255} tcp/443\n`).join("");
    await client.importRules({ file: "bench", text });
    const took: number[] = [];
    for (let i = 0; i < EDITS; i++) {
      const start = performance.now();
      const { id } = await client.addRule({ text: `deny any -> 192.0.2.${i} tcp/443` });
      took.push(performance.now() - start);
      await sleep(PAUSE_MS);
      if (id !== null) await client.removeRule({ id });
      await sleep(PAUSE_MS);
    }
    await sleep(SETTLING_MS);
    const kernel = kernelMemory() - before;
    const resident = residentBytes(pid);
    return [
      row(
        "rule edit to in force, 4,096 rules",
        "≤ 10 ms",
        `p50 ${median(took).toFixed(1)} ms, p99 ${quantile(took, 0.99).toFixed(1)} ms`,
        median(took) <= 10,
        "from the request over the socket to the reply (2 ms of it are a request by itself): on the disk twice (two fsyncs, a rename, one fsync of the folder), a bit moved in every row (3 ms), all rows copied into the kernel (1.5 ms); the rest is Node, and what collecting garbage takes",
      ),
      row("daemon's resident memory, 4,096 rules", "≤ 120 MB", mebibytes(resident), resident <= MEMORY_GOAL, whereMemoryIs(pid)),
      row(
        "kernel memory (SUnreclaim + Percpu + VmallocUsed)",
        "≤ 32 MB",
        mebibytes(kernel),
        kernel <= 32e6,
        "the change while other programs run too",
      ),
    ];
  } finally {
    daemon.down();
  }
}
