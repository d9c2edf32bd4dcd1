// SPDX-License-Identifier: Apache-2.0
/**
 * Filters for packet sockets, in every network namespace in which a program of the scope opens one. The kernel side stops such a program
 * until the filters are there (bpf/guard.h); here they are put there, looked after, and the program goes on.
 */
import { putFilters } from "../kernel/filters.ts";
import { goOn, waits } from "../kernel/guarded.ts";
import type { Kernel, Stopped } from "../kernel/kernel.ts";
import { AF_PACKET, close, SOCK_DGRAM, socket } from "../kernel/libc.ts";
import { findNamespace, type Namespace, openNamespace } from "../kernel/netns.ts";
import type { Scope } from "../kernel/pins.ts";
import type { Health } from "./health.ts";

/** The machine's own namespace; where the first process may not be looked at (a sandbox), the daemon's. */
const HOST = ["/proc/1/ns/net", "/proc/self/ns/net"];
/** How long health speaks of a filter that was removed and put back. */
const REMEMBER_MS = 600_000;

/** `path`: where the namespace was found last. `devices`: interface indexes that had their filter at the last look. */
type Known = { path: string | null; devices: Set<number> };

export class Guards {
  readonly #kernel: Kernel;
  readonly #health: Health;
  readonly #scope: Scope;
  readonly #known = new Map<bigint, Known>();
  /** Guarded whether or not anybody opens a packet socket there. */
  readonly #always = new Set<bigint>();
  #host: { readonly cookie: bigint; readonly path: string | null } | null = null;
  #removedMs: number | null = null;

  constructor(kernel: Kernel, health: Health, scope: Scope) {
    this.#kernel = kernel;
    this.#health = health;
    this.#scope = scope;
  }

  /** Once the hooks are attached: the host's own namespace where the scope is everything, and those of the daemon before this one. */
  start(): void {
    if (this.#scope.level === 0) this.#always.add(this.#hostCookie());
    this.check();
    this.#trySocket();
  }

  /** Due every second: new devices get the filter, one that somebody took away is put back, and whoever waits is seen to. */
  check(nowMs = Date.now()): void {
    const problems = [...new Set([...this.#always, ...this.#kernel.guarded()])].flatMap((netns) => this.#attempt(netns, null) ?? []);
    this.#health.keep("filter-missing", "error", problems[0] ?? null);
    this.serve();
    if (this.#removedMs !== null && nowMs - this.#removedMs > REMEMBER_MS) {
      this.#removedMs = null;
      this.#health.clear("filter-removed");
    }
  }

  /** Guards the namespaces somebody waits for, and lets those processes go on. */
  serve(): void {
    const waiting = this.#kernel.stopped();
    const problems = new Map<Stopped, string>();
    for (const entry of waiting) {
      const problem = this.#attempt(entry.netns, entry);
      if (problem === null) this.#kernel.removeStopped(entry);
      else problems.set(entry, problem);
    }
    /* A process goes on when nothing it waits for is missing. */
    const stuck = new Set([...problems.keys()].map(({ tgid }) => tgid));
    for (const entry of waiting) if (!stuck.has(entry.tgid)) goOn(entry);
    const first = [...problems][0];
    this.#health.keep(
      "packet-socket-waits",
      "error",
      first === undefined
        ? null
        : `${problems.size === 1 ? "A process" : `${problems.size} processes`} stopped at opening a packet socket cannot go on. Process ${first[0].tgid}: ${first[1]}`,
    );
  }

  /** Guards a namespace, for a process that waits for it; null when done or when neither is there any more, else a sentence why not. */
  #attempt(netns: bigint, entry: Stopped | null): string | null {
    try {
      const space = this.#open(netns, entry?.tgid ?? 0);
      if (space === null) {
        if (entry !== null && waits(entry)) return `Cannot find network namespace ${netns}: no process and no name leads to it`;
        this.#known.delete(netns);
        this.#kernel.removeGuarded(netns);
        return null;
      }
      try {
        return this.#guard(space);
      } finally {
        space.close();
      }
    } catch (error) {
      return `Cannot filter the frames of packet sockets in network namespace ${netns}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  #guard(space: Namespace): string | null {
    if (this.#scope.level !== 0 && space.cookie === this.#hostCookie())
      return "The devices of the host's own network namespace are filtered only where the scope is the whole machine";
    const { added, devices } = putFilters(space.fd, this.#kernel.frameFilters);
    const known = this.#known.get(space.cookie);
    const removed = added.find(({ index }) => known?.devices.has(index));
    if (removed !== undefined) {
      this.#removedMs = Date.now();
      this.#health.set(
        "filter-removed",
        "warning",
        `Somebody removed the filter for packet sockets from device "${removed.name}" in network namespace ${space.cookie}. It was put back; what was sent meanwhile was not judged`,
      );
    }
    this.#known.set(space.cookie, { path: space.path, devices: new Set(devices.map(({ index }) => index)) });
    this.#kernel.putGuarded(space.cookie);
    return null;
  }

  /** The namespace, from where it was found last if it is still there. */
  #open(netns: bigint, tgid: number): Namespace | null {
    const path = this.#known.get(netns)?.path ?? (netns === this.#host?.cookie ? this.#host.path : null);
    if (path !== null) {
      try {
        const space = openNamespace(path);
        if (space.cookie === netns) return space;
        space.close();
      } catch {
        // The process it was found by has ended.
      }
    }
    return findNamespace(netns, tgid);
  }

  #hostCookie(): bigint {
    for (const path of HOST) {
      if (this.#host !== null) break;
      try {
        const host = openNamespace(path);
        this.#host = { cookie: host.cookie, path };
        host.close();
      } catch (error) {
        if (path === HOST.at(-1)) throw error;
      }
    }
    return this.#host?.cookie ?? 0n;
  }

  /** Opens a packet socket that receives nothing, to see that the kernel side notices: it relies on how the kernel sets sockets up. */
  #trySocket(): void {
    const before = this.#kernel.counters().packetSockets ?? 0;
    close(socket(AF_PACKET, SOCK_DGRAM, 0));
    this.#health.keep(
      "packet-sockets-unseen",
      "error",
      (this.#kernel.counters().packetSockets ?? 0) > before
        ? null
        : "This kernel does not show when a packet socket is opened: programs that open one in a network namespace of their own are not judged",
    );
  }
}
