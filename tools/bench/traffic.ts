// SPDX-License-Identifier: Apache-2.0
/**
 * What connections and data cost: the same load judged, with nothing attached, and with empty programs on the same hooks, in turns, so that
 * all have the same machine.
 */
import { withEmptyPrograms } from "./empty.ts";
import { opensnitchRow } from "./opensnitch.ts";
import { countingTime, timesOf } from "./programs.ts";
import { type Row, row } from "./row.ts";
import { type Bench, type Daemon, median, PORT, quantile, startDaemon } from "./world.ts";

const TURNS = 30;
const CONNECTS = 300;
const SECONDS = 0.3;

type Samples = { readonly judged: number[]; readonly free: number[]; readonly empty: number[] };
type Kind = keyof Samples;

/** The numbers of all three, in turns; who is first changes with each. */
async function inTurns(bench: Bench, cgroup: string, args: readonly (string | number)[]): Promise<Samples> {
  const samples: Samples = { judged: [], free: [], empty: [] };
  const places: [Kind, boolean | string][] = [
    ["judged", true],
    ["free", false],
    ["empty", cgroup],
  ];
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [kind, place] of places) samples[kind].push(...(await bench.load(args, place)));
    places.push(...places.splice(0, 1));
  }
  return samples;
}

const microseconds = (ns: number): string => `${(ns / 1000).toFixed(1)} µs`;

/** Where the time of a judged connection goes, by the kernel's own count. */
async function spentIn(bench: Bench, { pins }: Daemon): Promise<string> {
  const spent = await countingTime(async () => {
    const before = timesOf(pins);
    await bench.load(["connect", bench.world.peer.address4, PORT, CONNECTS], true);
    return [...timesOf(pins)].map(([name, ns]) => ({ name, ns: (ns - (before.get(name) ?? 0)) / CONNECTS }));
  });
  // The others are on tracepoints of the whole machine: what they took was not for these connections alone.
  const hooks = spent.filter(({ name }) => /^on_(connect4|egress|ingress|sock|setsockopt)/.test(name)).sort((a, b) => b.ns - a.ns);
  const total = hooks.reduce((sum, { ns }) => sum + ns, 0);
  const most = hooks.slice(0, 3).map(({ name, ns }) => `${name} ${microseconds(ns)}`);
  return `Holdfast's programs take ${microseconds(total)} from socket() to close(), most of it ${most.join(", ")}`;
}

export function trafficRows(bench: Bench): Promise<Row[]> {
  return withEmptyPrograms(bench.world.name.slice(3), (empty) => rowsOf(bench, empty));
}

async function rowsOf(bench: Bench, empty: string): Promise<Row[]> {
  const { world } = bench;
  const peer = world.peer.address4;
  const daemon = startDaemon(world, "allow");
  try {
    // The program is named before anything is measured.
    await bench.load(["connect", peer, PORT, 10], true);
    const connects = await inTurns(bench, empty, ["connect", peer, PORT, CONNECTS]);
    const [p50, free50] = [median(connects.judged), median(connects.free)];
    const [p99, free99] = [quantile(connects.judged, 0.99), quantile(connects.free, 0.99)];
    const stream = await inTurns(bench, empty, ["stream", peer, PORT, SECONDS]);
    const packets = await inTurns(bench, empty, ["packets", peer, PORT, SECONDS]);
    const rate = ({ judged, free }: Samples): number => median(judged) / median(free);
    const floorOf = (samples: Samples): string =>
      `programs that do nothing, on the same hooks, make it ${(median(samples.empty) / median(samples.free)).toFixed(3)} × in this run`;
    return [
      row(
        "connect() p50 against nothing attached",
        "≤ 1.10 ×",
        `${(p50 / free50).toFixed(2)} × (${microseconds(p50)}, ${microseconds(free50)})`,
        p50 / free50 <= 1.1,
        `${floorOf(connects)}: the kernel calls a program nine times in a connect(), five of them for sockops. ${await spentIn(bench, daemon)}`,
      ),
      row(
        "connect() p99 against nothing attached",
        "",
        `${(p99 / free99).toFixed(2)} × (${microseconds(p99)}, ${microseconds(free99)})`,
        null,
      ),
      await opensnitchRow(bench, { judged: p50, free: free50 }),
      row(
        "TCP throughput against nothing attached",
        "≥ 0.97 ×",
        `${rate(stream).toFixed(3)} × (${((median(stream.judged) * 8) / 1e9).toFixed(1)} Gbit/s)`,
        rate(stream) >= 0.97,
        floorOf(stream),
      ),
      row(
        "UDP packets a second against nothing attached",
        "≥ 0.97 ×",
        `${rate(packets).toFixed(3)} × (${Math.round(median(packets.judged)).toLocaleString("en")} a second)`,
        rate(packets) >= 0.97,
        `64 bytes each between two namespaces of one machine: what a packet costs stands against little else; ${floorOf(packets)}`,
      ),
    ];
  } finally {
    daemon.down();
  }
}
