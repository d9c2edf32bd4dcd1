// SPDX-License-Identifier: Apache-2.0
/** What the kernel says of its programs: how often and how long they ran (kernel.bpf_stats_enabled), what the verifier had to go through. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openPinned } from "../../src/kernel/libbpf.ts";
import { close } from "../../src/kernel/libc.ts";

const STATS = "/proc/sys/kernel/bpf_stats_enabled";

/** A field of a program's file descriptor (bpf_prog_show_fdinfo in kernel/bpf/syscall.c). */
export function factOf(fd: number, field: string): number {
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, "m").exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? Number.NaN);
}

/** Has the kernel count the time of programs meanwhile, which itself takes some 40 ns a run. */
export async function countingTime<T>(work: () => Promise<T>): Promise<T> {
  const before = readFileSync(STATS, "utf8");
  writeFileSync(STATS, "1");
  try {
    return await work();
  } finally {
    writeFileSync(STATS, before);
  }
}

/** Nanoseconds every pinned program has run so far. */
export function timesOf(pins: string): Map<string, number> {
  return new Map(
    readdirSync(join(pins, "programs")).map((name) => {
      const fd = openPinned(join(pins, "programs", name));
      const ns = factOf(fd, "run_time_ns");
      close(fd);
      return [name, ns];
    }),
  );
}
