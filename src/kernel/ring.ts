// SPDX-License-Identifier: Apache-2.0
/**
 * A BPF ring buffer's reader. The kernel's layout (kernel/bpf/ringbuf.c): one page with our position, one page with the producer's,
 * then the data, mapped twice in a row so that no record is ever cut. Each record: 32-bit length with two flags, 32-bit page offset, data,
 * padded to 8 bytes.
 */
import { mapMemory, PAGE_SIZE } from "./memory.ts";

const BUSY = 0x80000000;
const DISCARDED = 0x40000000;
const HEADER = 8;

export type Ring = {
  readonly fd: number;
  /** Hands up to `limit` records to `each`; the bytes are valid only during the call. Returns how many there were. */
  drain(each: (record: Uint8Array) => void, limit?: number): number;
  close(): void;
};

/** Opens the reader's side of ring buffer `fd` of `size` bytes (a power of two). */
export function openRing(fd: number, size: number): Ring {
  const consumer = mapMemory(fd, PAGE_SIZE, { writable: true });
  const producer = mapMemory(fd, PAGE_SIZE + 2 * size, { offset: PAGE_SIZE });
  const consumed = new BigUint64Array(consumer.bytes.buffer, 0, 1);
  const produced = new BigUint64Array(producer.bytes.buffer, 0, 1);
  const lengths = new Int32Array(producer.bytes.buffer, PAGE_SIZE);
  const data = producer.bytes.subarray(PAGE_SIZE);

  return {
    fd,
    drain(each, limit = Number.POSITIVE_INFINITY) {
      let position = Atomics.load(consumed, 0);
      let count = 0;
      while (count < limit && position < Atomics.load(produced, 0)) {
        const at = Number(position % BigInt(size));
        const length = Atomics.load(lengths, at / 4) >>> 0;
        if (length & BUSY) break;
        const bytes = (length & ~DISCARDED) >>> 0;
        try {
          if (!(length & DISCARDED)) {
            each(data.subarray(at + HEADER, at + HEADER + bytes));
            count += 1;
          }
        } finally {
          position += BigInt((bytes + HEADER + 7) & ~7);
          Atomics.store(consumed, 0, position);
        }
      }
      return count;
    },
    close() {
      consumer.unmap();
      producer.unmap();
    },
  };
}
