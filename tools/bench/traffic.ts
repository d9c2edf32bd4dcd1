// SPDX-License-Identifier: Apache-2.0
/** What connections and data cost: the same load in the cgroup and outside of it, in turns, so that both have the same machine. */
import { accessSync } from "node:fs";
import { type Row, row } from "./row.ts";
import { type Bench, median, PORT, quantile, startDaemon } from "./world.ts";

const TURNS = 10;
const CONNECTS = 1000;
const SECONDS = 1;

type Pair = { readonly judged: number[]; readonly free: number[] };

/** The numbers of both, in turns; who is first changes with each. */
async function inTurns(bench: Bench, args: readonly (string | number)[]): Promise<Pair> {
  const pair: Pair = { judged: [], free: [] };
  for (let turn = 0; turn < TURNS; turn++)
    for (const judged of turn % 2 === 0 ? [true, false] : [false, true])
      (judged ? pair.judged : pair.free).push(...(await bench.load(args, judged)));
  return pair;
}

const microseconds = (ns: number): string => `${(ns / 1000).toFixed(1)} µs`;
const NOISE = "measured on a machine that others use at the same time";

export async function trafficRows(bench: Bench): Promise<Row[]> {
  const { world } = bench;
  const peer = world.peer.address4;
  const daemon = startDaemon(world, "allow");
  try {
    // The program is named before anything is measured.
    await bench.load(["connect", peer, PORT, 10], true);
    const connects = await inTurns(bench, ["connect", peer, PORT, CONNECTS]);
    const [p50, free50] = [median(connects.judged), median(connects.free)];
    const [p99, free99] = [quantile(connects.judged, 0.99), quantile(connects.free, 0.99)];
    const stream = await inTurns(bench, ["stream", peer, PORT, SECONDS]);
    const packets = await inTurns(bench, ["packets", peer, PORT, SECONDS]);
    const rate = ({ judged, free }: Pair): number => median(judged) / median(free);
    return [
      row(
        "connect() p50 against nothing attached",
        "≤ 1.10 ×",
        `${(p50 / free50).toFixed(2)} × (${microseconds(p50)}, ${microseconds(free50)})`,
        p50 / free50 <= 1.1,
        `${microseconds(p50 - free50)} more between two namespaces of one machine, where the round trip itself is next to nothing`,
      ),
      row(
        "connect() p99 against nothing attached",
        "",
        `${(p99 / free99).toFixed(2)} × (${microseconds(p99)}, ${microseconds(free99)})`,
        null,
      ),
      opensnitchRow(),
      row(
        "TCP throughput against nothing attached",
        "≥ 0.97 ×",
        `${rate(stream).toFixed(3)} × (${((median(stream.judged) * 8) / 1e9).toFixed(1)} Gbit/s)`,
        rate(stream) >= 0.97,
        NOISE,
      ),
      row(
        "UDP packets a second against nothing attached",
        "≥ 0.97 ×",
        `${rate(packets).toFixed(3)} × (${Math.round(median(packets.judged)).toLocaleString("en")} a second)`,
        rate(packets) >= 0.97,
        "64 bytes each between two namespaces of one machine: the cost a packet stands against nothing but the copy",
      ),
    ];
  } finally {
    daemon.down();
  }
}

function opensnitchRow(): Row {
  const measure = "connect() against OpenSnitch in a namespace";
  try {
    accessSync("/usr/bin/opensnitchd");
    return row(measure, "≥ 20 × less added", "not measured", null, "this bench does not run OpenSnitch yet");
  } catch {
    return row(measure, "≥ 20 × less added", "not measured", null, "its package is not installed");
  }
}
