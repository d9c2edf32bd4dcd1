// SPDX-License-Identifier: Apache-2.0
/** What is pinned in the guest, where one scope at a time is in force. */
import { closeSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openPinned } from "../../src/kernel/libbpf.ts";

const PINS = "/sys/fs/bpf/holdfast";

export function anyPins(): boolean {
  return existsSync(PINS);
}

/** A number the kernel tells about each pin of a kind (proc(5), fdinfo), by the pin's name. */
function factsOf(kind: "links" | "programs", field: string): Map<string, number> {
  const [scope = "", ...others] = readdirSync(PINS);
  if (others.length > 0) throw new Error(`Cannot read pins: expected one scope, there are ${others.length + 1}`);
  const folder = join(PINS, scope, kind);
  return new Map(readdirSync(folder).map((name) => [name, factOf(join(folder, name), field)]));
}

function factOf(path: string, field: string): number {
  const fd = openPinned(path);
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    const value = new RegExp(`^${field}:\\s*(\\d+)$`, "m").exec(text)?.[1];
    if (value === undefined) throw new Error(`Cannot read "${field}" of "${path}": the kernel says ${JSON.stringify(text)}`);
    return Number(value);
  } finally {
    closeSync(fd);
  }
}

/** How many instructions the verifier looked at, by program; its limit is 1,000,000. Linux 5.16 (aba64c7da983). */
export function verifiedInstructions(): Map<string, number> {
  return factsOf("programs", "verified_insns");
}

/** The kernel's number of each link: the same as before means that it never was detached. */
export function linkNumbers(): Map<string, number> {
  return factsOf("links", "link_id");
}
