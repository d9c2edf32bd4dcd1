// SPDX-License-Identifier: Apache-2.0
/** The same connections through OpenSnitch, where its package is installed: in the bench's own namespace, whose netfilter rules are its own. */
import { accessSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Row, row } from "./row.ts";
import { type Bench, median, PORT } from "./world.ts";

const MEASURE = "connect() p50, time added, against OpenSnitch's in a namespace";
const GOAL = "≥ 20 × less";
const DAEMON = "/usr/bin/opensnitchd";
const TURNS = 10;
const CONNECTS = 100;
const START_MS = 15_000;
const POLL_MS = 100;

function logged(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Nanoseconds of each connect() while OpenSnitch asks itself about it and allows it, as its shipped configuration does without a window. */
async function connectsThrough({ world, load }: Bench): Promise<number[]> {
  const [rules, log] = [join(world.dir, "opensnitch"), join(world.dir, "opensnitch.log")];
  mkdirSync(rules);
  const options = [
    "-rules-path",
    rules,
    "-ui-socket",
    `unix://${world.dir}/no-window`,
    "-process-monitor-method",
    "proc",
    "-log-file",
    log,
  ];
  /* It mounts debugfs: in a mount namespace of its own. */
  const daemon = world.start(["unshare", "--mount", DAEMON, ...options], { cgroup: false, netns: "a", timeoutMs: null });
  try {
    for (let waited = 0; !logged(log).includes("Running on netfilter queue"); waited += POLL_MS) {
      if (daemon.ended !== null || waited > START_MS)
        throw new Error(`opensnitchd does not start: ${logged(log).slice(-300)}${daemon.stderr}`);
      await sleep(POLL_MS);
    }
    const all: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) all.push(...(await load(["connect", world.peer.address4, PORT, CONNECTS], false)));
    return all;
  } finally {
    await daemon.kill("SIGTERM");
  }
}

/** `judged`, `free`: medians of the same run, nanoseconds. */
export async function opensnitchRow(bench: Bench, { judged, free }: { judged: number; free: number }): Promise<Row> {
  try {
    accessSync(DAEMON);
  } catch {
    return row(MEASURE, GOAL, "not measured", null, 'its package is not installed ("apt-get install opensnitch iptables" brings it)');
  }
  try {
    const theirs = median(await connectsThrough(bench)) - free;
    const ours = Math.max(judged - free, 1);
    const value = `${(theirs / ours).toFixed(0)} × less (${(ours / 1000).toFixed(1)} µs, ${(theirs / 1000).toFixed(1)} µs)`;
    return row(MEASURE, GOAL, value, theirs / ours >= 20, "its daemon decides in user space, once a connection");
  } catch (error) {
    return row(MEASURE, GOAL, "not measured", null, error instanceof Error ? error.message : String(error));
  }
}
