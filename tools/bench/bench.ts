// SPDX-License-Identifier: Apache-2.0
/** Measures the rows of docs/bench.md, as root; prints them as one JSON object. `./holdfast bench` runs it. */
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { withWorld } from "../../test/world.ts";
import { decisionRows } from "./decision.ts";
import type { Row } from "./row.ts";
import { answerRows, editRows, eventRows, memoryRows } from "./service.ts";
import { trafficRows } from "./traffic.ts";
import { type Bench, openBench } from "./world.ts";

const PARTS: readonly (readonly [string, (bench: Bench) => Promise<Row[]>])[] = [
  ["decisions", decisionRows],
  ["connections and data", trafficRows],
  ["answers", answerRows],
  ["events", eventRows],
  ["memory", memoryRows],
  ["edits", editRows],
];

function machine(): string {
  const [cpu] = cpus();
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
  const [busy = 0] = loadavg();
  return `${cpus().length} × ${cpu?.model.trim() ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${system}, Linux ${release()}; load average before it began ${busy.toFixed(1)}`;
}

/** Each part in a world of its own, so that one that cannot be measured does not take the others with it. */
async function measure(): Promise<Row[]> {
  const wanted = process.argv.slice(2);
  const rows: Row[] = [];
  for (const [name, part] of PARTS) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    process.stderr.write(`Measuring ${name}\n`);
    try {
      rows.push(...(await withWorld(async (world) => part(await openBench(world)))));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      rows.push({ measure: name, goal: "", value: "not measured", met: null, reason });
    }
  }
  return rows;
}

process.stdout.write(JSON.stringify({ machine: machine(), rows: await measure() }));
