// SPDX-License-Identifier: Apache-2.0
/** The kernel's clocks, as BPF programs read them. */
import { readFileSync } from "node:fs";
import koffi from "koffi";

const clock_gettime = koffi.load(null).func("int clock_gettime(int, void *)");
const CLOCK_BOOTTIME = 7;
const time = new BigInt64Array(2);

/** Nanoseconds since boot, suspend included (bpf_ktime_get_boot_ns). */
export function bootTimeNs(): bigint {
  clock_gettime(CLOCK_BOOTTIME, time);
  return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
}

/** Start of a process in hundredths of a second since boot (proc(5), stat, field 22); null when there is none, or nothing but its exit code is left. */
export function startTicks(pid: number): bigint | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return /[ZX]/.test(fields[0] ?? "") ? null : BigInt(fields[19] ?? 0);
  } catch {
    return null;
  }
}

/** Milliseconds since the epoch of a moment on CLOCK_BOOTTIME, reckoned from now. */
export function wallClockMs(bootNs: bigint): number {
  return Date.now() - Number((bootTimeNs() - bootNs) / 1_000_000n);
}
