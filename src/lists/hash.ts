// SPDX-License-Identifier: Apache-2.0
/**
 * The hash of a name and of every suffix of it, in one pass from the right; bpf/name_hash.h computes the same.
 *
 * Multilinear hashing (Lemire, Kaser: "Strongly universal string hashing is fast", 2014): the sum of k0 and of k(i) times byte i from the
 * right, modulo 2^64, with 64-bit keys. For any two names chosen without knowing the keys, the upper 64 - 8 + 1 = 57 bits of both sums
 * are independent and uniform: two names agree in them with probability 2^-57. Names hold no zero byte, so a name is never another one
 * with zeros before it.
 *
 * Here a sum is kept in two doubles: 253 products of a byte with 32 bits of key stay below 2^48, so both are exact.
 */

/** Keys: one a byte of the longest name (253: RFC 1035, 2.3.4), one to start with, and up to a power of two for the verifier. */
const NAME_KEYS = 256;
/** A name of 253 bytes has at most 127 labels. */
const MAX_LABELS = 127;
const WORD = 0x1_0000_0000;
const DOT = 46;

/** The secret of one load. Plain data: it may be sent to another thread. */
export type NameKey = {
  /** As the kernel reads it: 256 u64, each its low 32 bits, then its high ones. */
  readonly words: Uint32Array<ArrayBuffer>;
  readonly low: Float64Array;
  readonly high: Float64Array;
};

/** A key from 512 random words. Throws RangeError for another number of them. */
export function nameKey(words: Uint32Array<ArrayBuffer>): NameKey {
  if (words.length !== 2 * NAME_KEYS) throw new RangeError(`Cannot key names with ${words.length} words: expected ${2 * NAME_KEYS}`);
  const half = (from: number): Float64Array => Float64Array.from({ length: NAME_KEYS }, (_, i) => words[2 * i + from] ?? 0);
  return { words, low: half(0), high: half(1) };
}

/** A key nobody can know. */
export function randomNameKey(): NameKey {
  return nameKey(crypto.getRandomValues(new Uint32Array(2 * NAME_KEYS)));
}

/** The sums of a name's suffixes as halves of 32 bits, shortest first; the last is the whole name's. Its memory is used again from name to name. */
export class Suffixes {
  /** Labels of the name, and so suffixes. */
  count = 0;
  readonly low = new Int32Array(MAX_LABELS);
  readonly high = new Int32Array(MAX_LABELS);
  /** Where in the bytes each begins. */
  readonly start = new Uint32Array(MAX_LABELS);

  /** Hashes the name in bytes[from..to), as `hostName` writes it. */
  read(key: NameKey, bytes: Uint8Array, from: number, to: number): void {
    const { low: keyLow, high: keyHigh } = key;
    let low = keyLow[0] ?? 0;
    let high = keyHigh[0] ?? 0;
    let count = 0;
    for (let i = to - 1; i >= from; i--) {
      const byte = bytes[i] ?? 0;
      if (byte === DOT) this.#add(count++, low, high, i + 1);
      const place = to - i;
      low += (keyLow[place] ?? 0) * byte;
      high += (keyHigh[place] ?? 0) * byte;
    }
    this.#add(count, low, high, from);
    this.count = count + 1;
  }

  #add(index: number, low: number, high: number, start: number): void {
    /* An Int32Array keeps the lower 32 bits of what is written to it. */
    this.low[index] = low;
    this.high[index] = high + Math.floor(low / WORD);
    this.start[index] = start;
  }
}
