// SPDX-License-Identifier: Apache-2.0
/** A small world for tests with real packets: an app's namespace, a peer's namespace that counts every frame, and a cgroup. Needs root. */
import { randomBytes } from "node:crypto";
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { buildTools, type Tools } from "./world/build.ts";
import { makeCgroup, mountOf, removeCgroup } from "./world/cgroup.ts";
import { addNetns, joinNetns, removeNetns, shell } from "./world/netns.ts";
import { Peer } from "./world/peer.ts";
import { type Ended, Running, type SpawnOptions } from "./world/process.ts";

export type { Packet, PacketFilter } from "./world/packet.ts";
export type { Server } from "./world/peer.ts";
export { type Ended, Running } from "./world/process.ts";

/** a: the app's side. b: the peer's. c: a further one of the app's, see thirdNetns(). null: the test's own. */
export type Side = "a" | "b" | "c" | null;

export type RunOptions = SpawnOptions & {
  /** In the world's cgroup (default), in none of its own, or in the one named by its folder. */
  readonly cgroup?: boolean | string;
  readonly netns?: Side;
  /** Numeric user and group; no supplementary groups. */
  readonly user?: number;
};

/** One outcome line of test/probe. */
export type ProbeOutcome = {
  readonly op: string;
  readonly step: string;
  readonly result: 0 | -1;
  readonly errno: string | null;
  readonly unsupported: boolean;
  readonly sent: number;
  readonly ms: number;
  readonly pid: number;
};

const live = new Set<World>();

export class World {
  readonly tools: Tools;
  readonly name: string;
  /** Temporary folder, readable for every user. */
  readonly dir: string;
  /** For `--state`; not made yet. */
  readonly stateDir: string;
  readonly socketPath: string;
  /** Folder of the world's cgroup, for `--scope`. */
  readonly scope: string;
  /** The probe as a file of this world's own, for rules by path. */
  readonly probe: string;
  readonly a = { address4: "", address6: "", device: "veth-a", mac: "" };
  readonly peer: Peer;
  readonly #started: Running[] = [];
  readonly #subnet = randomBytes(1)[0] ?? 0;
  readonly #sides: ("a" | "b" | "c")[] = [];

  constructor(tools: Tools) {
    this.tools = tools;
    this.name = `hf-${randomBytes(4).toString("hex")}`;
    live.add(this);
    endWithTheProcess();
    this.dir = mkdtempSync(join(tmpdir(), `${this.name}-`));
    chmodSync(this.dir, 0o755);
    this.stateDir = join(this.dir, "state");
    this.socketPath = join(this.dir, "holdfast.sock");
    this.scope = makeCgroup(`holdfast-test-${this.name.slice(3)}`);
    this.probe = this.app("probe");
    this.a.address4 = `10.203.${this.#subnet}.1`;
    this.a.address6 = `fd00:203:${this.#subnet.toString(16)}::1`;
    this.#addSide("a");
    this.#addSide("b");
    const far = { device: "veth-b", address4: `10.203.${this.#subnet}.2`, address6: `fd00:203:${this.#subnet.toString(16)}::2` };
    joinNetns(tools.enter, { netns: this.netns("a"), ...this.a }, { netns: this.netns("b"), ...far });
    this.a.mac = this.#mac("a", this.a.device);
    this.peer = new Peer({
      address4: far.address4,
      address6: far.address6,
      mac: this.#mac("b", far.device),
      sniffer: this.start([tools.sniff], { cgroup: false, netns: "b", timeoutMs: null }),
      markers: () =>
        this.#sides.filter((side) => side !== "b").map((side) => [tools.enter, "-", this.netns(side), "--", tools.mark, `veth-${side}`]),
      startServer: (args) => this.start([tools.serve, ...args], { cgroup: false, netns: "b", timeoutMs: null }),
    });
  }

  /** Name of a namespace, as in /run/netns. */
  netns(side: "a" | "b" | "c"): string {
    return `${this.name}-${side}`;
  }

  /** Folder for pins of this world below the mounted bpffs, removed with it; null where no bpffs is mounted. */
  get pinDir(): string | null {
    const mount = mountOf("bpf");
    return mount && join(mount, `holdfast-test-${this.name.slice(3)}`);
  }

  /** A copy of the probe at a path (and inode) of its own; returns the path. */
  app(name: string): string {
    const path = join(this.dir, name);
    copyFileSync(this.tools.probe, path);
    chmodSync(path, 0o755);
    return path;
  }

  /** A further cgroup below the world's; returns its folder. */
  cgroup(name: string): string {
    return makeCgroup(join(`holdfast-test-${this.name.slice(3)}`, name));
  }

  /** Runs a shell script in a namespace, outside of the cgroup, and returns its output. Throws when it fails. */
  shell(side: Side, script: string): string {
    return shell(this.tools.enter, side && this.netns(side), script);
  }

  /** A third namespace with a link of its own to the peer and the same way to its addresses. Returns its name. */
  thirdNetns(): string {
    const name = this.netns("c");
    if (this.#sides.includes("c")) return name;
    const subnet = this.#subnet;
    const prefix6 = `fd00:204:${subnet.toString(16)}`;
    this.#addSide("c");
    joinNetns(
      this.tools.enter,
      { netns: name, device: "veth-c", address4: `10.204.${subnet}.1`, address6: `${prefix6}::1` },
      { netns: this.netns("b"), device: "veth-d", address4: `10.204.${subnet}.2`, address6: `${prefix6}::2` },
    );
    this.shell("c", `ip route add default via 10.204.${subnet}.2; ip -6 route add default via ${prefix6}::2`);
    return name;
  }

  /** Starts a process in the background: in the cgroup first, then in namespace a, unless told otherwise. Ended with the world. */
  start(argv: readonly string[], options: RunOptions = {}): Running {
    const { cgroup = true, netns = "a", user, timeoutMs = 60_000 } = options;
    const place = [cgroup === true ? this.scope : cgroup || "-", netns ? this.netns(netns) : "-"];
    const identity = user === undefined ? [] : ["--user", String(user)];
    const running = new Running([this.tools.enter, ...place, ...identity, "--", ...argv], { ...options, timeoutMs });
    this.#started.push(running);
    return running;
  }

  /** Runs a process to its end; its standard input is options.input or empty. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.start(argv, { ...options, input: options.input ?? "" }).exited;
  }

  /** Runs the probe to its end and returns the outcome it reported last. Throws when it could not try. */
  async try(args: readonly string[], options: RunOptions & { readonly app?: string } = {}): Promise<ProbeOutcome> {
    const ended = await this.run([options.app ?? this.probe, ...args], options);
    const outcome = outcomesOf(ended.stdout).at(-1);
    if (!outcome || ended.code !== 0) {
      throw new Error(
        `Probe "${args.join(" ")}" ended (${ended.timedOut ? "timed out" : (ended.code ?? ended.signal)}) with: ${ended.stdout}${ended.stderr}`,
      );
    }
    return outcome;
  }

  /** Ends every process of the world and removes all that was made, without waiting for anything but the cgroup. */
  removeNow(): void {
    if (!live.delete(this)) return;
    const faults: unknown[] = [];
    const attempt = (step: () => void): void => {
      try {
        step();
      } catch (fault) {
        faults.push(fault);
      }
    };
    for (const running of this.#started) attempt(() => running.destroy());
    attempt(() => removeCgroup(this.scope));
    for (const side of this.#sides) attempt(() => removeNetns(this.netns(side)));
    attempt(() => this.pinDir && rmSync(this.pinDir, { recursive: true, force: true }));
    attempt(() => rmSync(this.dir, { recursive: true, force: true }));
    if (faults.length > 0) throw new AggregateError(faults, `Cannot remove all of world "${this.name}"`);
  }

  async remove(): Promise<void> {
    this.removeNow();
    await Promise.allSettled(this.#started.map((running) => running.exited));
  }

  #addSide(side: "a" | "b" | "c"): void {
    this.#sides.push(side);
    addNetns(this.tools.enter, this.netns(side));
  }

  #mac(side: "a" | "b" | "c", device: string): string {
    return /link\/ether (\S+)/.exec(this.shell(side, `ip link show dev ${device}`))?.[1] ?? "";
  }
}

/** Every outcome line in a probe's output, oldest first. */
export function outcomesOf(stdout: string): ProbeOutcome[] {
  return stdout
    .split("\n")
    .filter((line) => line.includes('"result":'))
    .map((line) => JSON.parse(line));
}

/** A world that is removed when the test ends, however it ends. */
export async function makeWorld(t: TestContext): Promise<World> {
  const world = await newWorld();
  t.after(() => world.remove());
  return world;
}

/** Runs `use` in a new world and removes it afterwards in every case. */
export async function withWorld<T>(use: (world: World) => Promise<T>): Promise<T> {
  const world = await newWorld();
  try {
    return await use(world);
  } finally {
    await world.remove();
  }
}

async function newWorld(): Promise<World> {
  const tools = await buildTools();
  const world = make(tools);
  try {
    await world.peer.settle(); // the sniffer listens, and every path of the markers works
    await world.peer.clear();
  } catch (fault) {
    await world.remove();
    throw fault;
  }
  return world;
}

function make(tools: Tools): World {
  const before = new Set(live);
  try {
    return new World(tools);
  } catch (fault) {
    for (const world of live) if (!before.has(world)) world.removeNow();
    throw fault;
  }
}

let endsWithTheProcess = false;

function endWithTheProcess(): void {
  if (endsWithTheProcess) return;
  endsWithTheProcess = true;
  const removeAll = (): void => {
    for (const world of live) world.removeNow();
  };
  process.on("exit", removeAll);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      removeAll();
      process.kill(process.pid, signal);
    });
  }
}
