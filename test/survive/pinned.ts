// SPDX-License-Identifier: Apache-2.0
/** What a test sees and changes of a scope's pins behind the daemon's back. */
import { closeSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Policy } from "../../src/contract/layout.gen.ts";
import { bootTimeNs } from "../../src/kernel/clock.ts";
import { openPinned } from "../../src/kernel/libbpf.ts";
import { mapMemory, PAGE_SIZE } from "../../src/kernel/memory.ts";
import type { Holdfast } from "./holdfast.ts";

/** The kernel's numbers of a pinned link and of the program behind it (proc(5), fdinfo). */
export function linkOf(holdfast: Holdfast, name: string): { readonly link: number; readonly program: number } {
  const fd = openPinned(join(holdfast.pins, "links", name));
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    const number = (field: string): number => Number(new RegExp(`^${field}:\\s*(\\d+)$`, "m").exec(text)?.[1]);
    return { link: number("link_id"), program: number("prog_id") };
  } finally {
    closeSync(fd);
  }
}

function inPolicy(holdfast: Holdfast, write: (view: DataView) => void): void {
  const fd = openPinned(join(holdfast.pins, "maps", "policy"));
  const memory = mapMemory(fd, PAGE_SIZE, { writable: true });
  write(new DataView(memory.bytes.buffer, memory.bytes.byteOffset, memory.bytes.length));
  memory.unmap();
  closeSync(fd);
}

/** Says that another version of the tables' layout is pinned. */
export function setLayoutVersion(holdfast: Holdfast, version: number): void {
  inPolicy(holdfast, (view) => view.setUint32(Policy.fields.version.offset, version, true));
}

/** Lets a daemon that is stopped count as there for a minute. */
export function seemPresent(holdfast: Holdfast): void {
  inPolicy(holdfast, (view) => view.setBigUint64(Policy.fields.heartbeatNs.offset, bootTimeNs() + 60_000_000_000n, true));
}
