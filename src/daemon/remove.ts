// SPDX-License-Identifier: Apache-2.0
/** `down` and `panic`: takes a scope's links, pins and holds away, with a daemon or without one, and nothing else. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CgroupPaths } from "../apps/cgroups.ts";
import { decode } from "../contract/codec.ts";
import { Policy } from "../contract/layout.gen.ts";
import type { PinnedScope, Removed, ScopeOptions } from "../contract/local.ts";
import { startTicks } from "../kernel/clock.ts";
import { filterHandle, removeFilters } from "../kernel/filters.ts";
import { goOn, guardedIn, stoppedIn } from "../kernel/guarded.ts";
import type { Stopped } from "../kernel/kernel.ts";
import { openPinned } from "../kernel/libbpf.ts";
import { close } from "../kernel/libc.ts";
import { mapMemory } from "../kernel/memory.ts";
import { findNamespace } from "../kernel/netns.ts";
import { lockScope, mountPoints, pinFolder, removeEmptyRoot, removePins, type Scope, scopeOf } from "../kernel/pins.ts";

const STOP_TIMEOUT_MS = 5000;
const POLL_MS = 20;
const PAGE = 4096;

/** The daemon of a scope, as its pinned policy names it; null when there is none. */
export function daemonOf(scope: Pick<Scope, "id">): number | null {
  const path = join(pinFolder(scope), "maps", "policy");
  if (!existsSync(path)) return null;
  const fd = openPinned(path);
  try {
    const memory = mapMemory(fd, PAGE);
    const { daemonTgid, daemonStartNs } = decode(Policy, memory.bytes.slice(0, Policy.size));
    memory.unmap();
    return daemonTgid !== 0 && startTicks(daemonTgid) === daemonStartNs / 10_000_000n ? daemonTgid : null;
  } catch {
    return null;
  } finally {
    close(fd);
  }
}

function running(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until a daemon that was told to stop has let go of its scope. */
async function stopped(scope: Scope, pid: number): Promise<void> {
  for (let waited = 0; waited < STOP_TIMEOUT_MS && running(pid); waited += POLL_MS) {
    const unlock = lockScope(scope);
    if (unlock !== null) return unlock();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** What a pinned map of a folder of pins holds; nothing where there is none. */
function pinned<T>(folder: string, name: string, read: (map: number) => T[]): T[] {
  const path = join(folder, "maps", name);
  if (!existsSync(path)) return [];
  const fd = openPinned(path);
  try {
    return read(fd);
  } finally {
    close(fd);
  }
}

/** Takes a scope's filters for packet sockets off the devices of these namespaces; returns how many there were. */
export function unguard(scope: Scope, cookies: Iterable<bigint>): number {
  let removed = 0;
  for (const cookie of cookies) {
    const space = findNamespace(cookie, 0);
    if (space === null) continue;
    try {
      removed += removeFilters(space.fd, filterHandle(scope.id));
    } finally {
      space.close();
    }
  }
  return removed;
}

/**
 * Takes a scope's pins away and then, when `daemonEnds` is done (a daemon would put them back), its filters; whoever waited for one goes
 * on. The hooks go first, so that what was held is free at the kernel's next retry.
 */
export async function removeSet(
  scope: Scope,
  daemonEnds: () => Promise<void>,
): Promise<{ readonly pins: number; readonly filters: number }> {
  const folders = [pinFolder(scope), `${pinFolder(scope)}-new`];
  const guarded = new Set(folders.flatMap((folder) => pinned(folder, "guarded", guardedIn)));
  const waiting: Stopped[] = folders.flatMap((folder) => pinned(folder, "stopped", stoppedIn));
  const pins = folders.reduce((sum, folder) => sum + removePins(folder), 0);
  removeEmptyRoot();
  await daemonEnds();
  const filters = unguard(scope, guarded);
  for (const entry of waiting) goOn(entry);
  return { pins, filters };
}

/** Removes everything of a scope, its daemon included. */
export async function remove(options: ScopeOptions): Promise<Removed> {
  const scope = scopeOf(options.scope);
  const folder = pinFolder(scope);
  const pid = daemonOf(scope);
  const links = existsSync(join(folder, "links")) ? readdirSync(join(folder, "links")).length : 0;
  const { pins, filters } = await removeSet(scope, async () => {
    if (pid === null) return;
    process.kill(pid, "SIGTERM");
    await stopped(scope, pid);
  });
  /* A killed daemon has left its lock's file. */
  lockScope(scope)?.();
  return { scope: scope.path, pid, links, pins, filters, held: 0 };
}

/** Every scope that has pins; null when the caller may not look. */
export function pinnedScopes(): PinnedScope[] | null {
  const mounts = mountPoints(readFileSync("/proc/mounts", "utf8"));
  const mountOf = (wanted: string): string | null => mounts.find(({ type }) => type === wanted)?.target ?? null;
  const folder = join(mountOf("bpf") ?? "/", "holdfast");
  const root = mountOf("cgroup2");
  if (mountOf("bpf") === null || root === null) return [];
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => /^\d+$/.test(name));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? [] : null;
  }
  const paths = new CgroupPaths(root);
  return names.map((name) => {
    const below = paths.pathOf(BigInt(name), null);
    const path = below === null ? null : join(root, below);
    return { path, whole: path === root, pins: join(folder, name), pid: path === null ? null : daemonOf({ id: BigInt(name) }) };
  });
}
