// SPDX-License-Identifier: Apache-2.0
/**
 * A BPF ring buffer's reader. The kernel's layout (kernel/bpf/ringbuf.c): one page with our position, one page with the producer's,
 * then the data, mapped twice in a row so that no record is ever cut. Each record: 32-bit length with two flags, 32-bit page offset, data,
 * padded to 8 bytes.
 */
import { EventHeader } from "../contract/layout.gen.ts";
import { mapMemory, PAGE_SIZE } from "./memory.ts";

const BUSY = 0x80000000;
const DISCARDED = 0x40000000;
const HEADER = 8;

export type Ring = {
  readonly fd: number;
  /** When the next record was made, nanoseconds of CLOCK_BOOTTIME; null when there is none yet. Records begin with `struct event_header`. */
  nextNs(): bigint | null;
  /** Hands the next record to `each`; its bytes are valid only during the call. False when there is none yet. */
  take(each: (record: Uint8Array) => void): boolean;
  close(): void;
};

/**
 * Hands the next record of several rings to `each`, the oldest first. Where one thing was reported after another, and the later can be seen,
 * the earlier can be too: so the ring looked into last is the one whose records lead to those of the others.
 */
export function takeOldest(rings: readonly Ring[], each: (record: Uint8Array) => void): boolean {
  let oldest: { readonly ring: Ring; readonly ns: bigint } | null = null;
  for (const ring of rings) {
    const ns = ring.nextNs();
    if (ns !== null && (oldest === null || ns < oldest.ns)) oldest = { ring, ns };
  }
  return oldest?.ring.take(each) ?? false;
}

/** Opens the reader's side of ring buffer `fd` of `size` bytes (a power of two). */
export function openRing(fd: number, size: number): Ring {
  const consumer = mapMemory(fd, PAGE_SIZE, { writable: true });
  const producer = mapMemory(fd, PAGE_SIZE + 2 * size, { offset: PAGE_SIZE });
  const consumed = new BigUint64Array(consumer.bytes.buffer, 0, 1);
  const produced = new BigUint64Array(producer.bytes.buffer, 0, 1);
  const lengths = new Int32Array(producer.bytes.buffer, PAGE_SIZE);
  const data = producer.bytes.subarray(PAGE_SIZE);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);

  const skip = (bytes: number): void => {
    Atomics.add(consumed, 0, BigInt((bytes + HEADER + 7) & ~7));
  };

  /** Where the next record begins and how long it is; null when there is none. */
  function next(): { readonly start: number; readonly bytes: number } | null {
    for (;;) {
      const position = Atomics.load(consumed, 0);
      if (position >= Atomics.load(produced, 0)) return null;
      const at = Number(position % BigInt(size));
      const length = Atomics.load(lengths, at / 4) >>> 0;
      if (length & BUSY) return null;
      const bytes = (length & ~DISCARDED) >>> 0;
      if (!(length & DISCARDED)) return { start: at + HEADER, bytes };
      skip(bytes);
    }
  }

  return {
    fd,
    nextNs() {
      const record = next();
      return record && view.getBigUint64(record.start + EventHeader.fields.timeNs.offset, true);
    },
    take(each) {
      const record = next();
      if (record === null) return false;
      try {
        each(data.subarray(record.start, record.start + record.bytes));
      } finally {
        skip(record.bytes);
      }
      return true;
    },
    close() {
      consumer.unmap();
      producer.unmap();
    },
  };
}
