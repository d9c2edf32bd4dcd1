// SPDX-License-Identifier: Apache-2.0
/**
 * Waiting until no BPF program that runs now is running any more. An update of a map in a map returns after an RCU grace period
 * (maybe_wait_bpf_programs() in kernel/bpf/syscall.c: synchronize_rcu(), since Linux 4.20, 1ae80cf31938; expedited since ff34657aa72a), whatever the number of CPUs and
 * however the kernel is preempted. Sleepable programs are not waited for; the only one of ours is run by the daemon itself. Measured on two
 * CPUs: a median of 8.0 ms, the same as membarrier(2) MEMBARRIER_CMD_GLOBAL, which refuses where CPUs are nohz_full and does nothing with one.
 */
import { createArray, createArrayOfMaps, updateEntryLater } from "./libbpf.ts";
import { close } from "./libc.ts";

const FIRST = new Uint8Array(4);

/** A map in a map, for the sake of its updates. */
export class GracePeriods {
  readonly #inner: number;
  readonly #outer: number;
  readonly #value: Uint8Array;

  constructor() {
    this.#inner = createArray("holdfast_inner");
    this.#outer = createArrayOfMaps("holdfast_grace", this.#inner);
    this.#value = new Uint8Array(Uint32Array.of(this.#inner).buffer);
  }

  /** Resolves when a grace period that began after the call has passed. Waits off the main thread. */
  pass(): Promise<void> {
    return updateEntryLater(this.#outer, FIRST, this.#value);
  }

  /** Not while one is waited for. */
  close(): void {
    close(this.#outer);
    close(this.#inner);
  }
}
