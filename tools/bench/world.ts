// SPDX-License-Identifier: Apache-2.0
/** Where the bench measures: a world of its own (test/world.ts), a sink at its peer, and a daemon in force for its cgroup. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { unixTransport } from "../../src/cli/transport.ts";
import { type Client, createClient } from "../../src/client/client.ts";
import type { World } from "../../test/world.ts";
import { ROOT } from "../files.ts";

export const PORT = 4444;
/** RFC 2544's addresses for benchmarks, 198.18.0.0/15: 131,072 of them, all the peer's here. */
export const FIRST_ADDRESS = "198.18.0.1";

export type Bench = {
  readonly world: World;
  /** Runs load.c in the app's namespace; `judged`: in the cgroup Holdfast is in force for, or in another. Returns its lines as numbers. */
  readonly load: (args: readonly (string | number)[], judged: boolean | string) => Promise<number[]>;
  readonly loadFile: string;
};

/** tools/bench/load.c, compiled. */
export function buildLoad(): string {
  const source = join(import.meta.dirname, "load.c");
  const file = join(ROOT, "build/bench-load");
  mkdirSync(join(ROOT, "build"), { recursive: true });
  if ((statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < statSync(source).mtimeMs)
    execFileSync("gcc", ["-O2", "-pthread", "-Wall", "-Wextra", "-Werror", "-o", file, source], { stdio: ["ignore", "ignore", "inherit"] });
  return file;
}

export async function openBench(world: World): Promise<Bench> {
  const loadFile = buildLoad();
  await world.peer.stopRecording();
  world.shell("b", "ip route add local 198.18.0.0/15 dev lo; sysctl -qw net.ipv4.tcp_max_syn_backlog=16384 net.core.somaxconn=4096");
  world.shell("a", `ip route add 198.18.0.0/15 via ${world.peer.address4}; sysctl -qw net.ipv4.ip_local_port_range="1024 65000"`);
  const sink = world.start([loadFile, "sink", String(PORT)], { cgroup: false, netns: "b", timeoutMs: null });
  await sink.line((line) => line === "ready");
  const load: Bench["load"] = async (args, judged) => {
    const ended = await world.run([loadFile, ...args.map(String)], { cgroup: judged, netns: "a", timeoutMs: 300_000 });
    if (ended.code !== 0) throw new Error(`"load ${args.join(" ")}" failed: ${ended.stderr}`);
    return ended.stdout.split("\n").filter(Boolean).map(Number);
  };
  return { world, load, loadFile };
}

export type Daemon = { readonly client: Client; readonly pid: number; readonly pins: string; readonly down: () => void };

function holdfast(world: World, args: readonly string[]): string {
  return execFileSync(join(ROOT, "holdfast"), [...args, "--socket", world.socketPath, "--json"], { encoding: "utf8" });
}

/** `up --detach` for the world's cgroup. */
export function startDaemon(world: World, mode: "allow" | "ask"): Daemon {
  const state = ["--state", world.stateDir, "--rules", join(world.dir, "rules"), "--mode", mode];
  const { pid } = JSON.parse(holdfast(world, ["up", "--detach", "--scope", world.scope, ...state])) as { pid: number };
  const mount = /^\S+ (\S+) bpf /m.exec(readFileSync("/proc/mounts", "utf8"))?.[1] ?? "/sys/fs/bpf";
  return {
    client: createClient(unixTransport(world.socketPath)),
    pid,
    pins: join(mount, "holdfast", statSync(world.scope, { bigint: true }).ino.toString()),
    down: () => {
      holdfast(world, ["down", "--scope", world.scope]);
    },
  };
}

/** The value below which a part (0 to 1) of the numbers is. */
export function quantile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export const median = (numbers: readonly number[]): number => quantile(numbers, 0.5);
