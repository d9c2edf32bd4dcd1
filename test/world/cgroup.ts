// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The first mount of a file system type in /proc/mounts, or null. */
export function mountOf(type: string): string | null {
  for (const line of readFileSync("/proc/mounts", "utf8").split("\n")) {
    const [, at, kind] = line.split(" ");
    if (kind === type && at) return at;
  }
  return null;
}

/** Makes a cgroup (cgroup v2) and returns its folder. Throws when no cgroup2 is mounted. */
export function makeCgroup(name: string): string {
  const root = mountOf("cgroup2");
  if (!root) throw new Error("Cannot make a test cgroup: no cgroup2 in /proc/mounts");
  const directory = join(root, name);
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** Ends every process in a cgroup and below, waits until it is empty, and removes it, children first. Nothing when it is not there. */
export function removeCgroup(directory: string): void {
  if (!isCgroup(directory)) return;
  writeFileSync(join(directory, "cgroup.kill"), "1"); // Linux 5.14
  const idle = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; /^populated 1/m.test(readFileSync(join(directory, "cgroup.events"), "utf8")); waitedMs += 5) {
    if (waitedMs > 10_000) throw new Error(`Cannot empty cgroup "${directory}"`);
    Atomics.wait(idle, 0, 0, 5); // synchronous: also runs while the test process is being ended
  }
  removeTree(directory);
}

function removeTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(directory, entry.name));
  }
  rmdirSync(directory);
}

function isCgroup(directory: string): boolean {
  try {
    readFileSync(join(directory, "cgroup.events"));
    return true;
  } catch {
    return false;
  }
}
