// SPDX-License-Identifier: Apache-2.0
/** What the kernel side keeps about packet sockets: where filters are, and who waits for them. `down` reads it without a daemon. */
import { constants } from "node:os";
import { decode } from "../contract/codec.ts";
import { StoppedKey } from "../contract/layout.gen.ts";
import { startTicks } from "./clock.ts";
import type { Stopped } from "./kernel.ts";
import { keys, readEntry } from "./libbpf.ts";
import { close, openProcess, SystemCallError, signalProcess } from "./libc.ts";

const TICK_NS = 10_000_000n;

/** A namespace's cookie as a key of the map `guarded`. */
export function cookieKey(netns: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(netns).buffer);
}

/** The cookies in a map `guarded`. */
export function guardedIn(map: number): bigint[] {
  return [...keys(map, 8)].map((key) => new DataView(key.buffer).getBigUint64(0, true));
}

/** The entries of a map `stopped`. */
export function stoppedIn(map: number): Stopped[] {
  return [...keys(map, StoppedKey.size)].flatMap((key) => {
    const start = new BigUint64Array(1);
    if (!readEntry(map, key, new Uint8Array(start.buffer))) return [];
    const { netns, tgid } = decode(StoppedKey, key);
    return { netns, tgid, startNs: start[0] ?? 0n };
  });
}

/** Whether the process of an entry is still there. */
export function waits({ tgid, startNs }: Stopped): boolean {
  const start = startTicks(tgid);
  return start !== null && (startNs === 0n || start === startNs / TICK_NS);
}

/** Lets a process go on that on_packet_socket stopped; nothing happens when it is gone, was not stopped, or its number is another's. */
export function goOn(entry: Stopped): void {
  if (entry.startNs === 0n) return;
  let process: number;
  try {
    process = openProcess(entry.tgid);
  } catch {
    return;
  }
  try {
    if (waits(entry)) signalProcess(process, constants.signals.SIGCONT);
  } catch (error) {
    // It ended in between.
    if (!(error instanceof SystemCallError && error.code === "ESRCH")) throw error;
  } finally {
    close(process);
  }
}
