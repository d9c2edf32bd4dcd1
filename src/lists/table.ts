// SPDX-License-Identifier: Apache-2.0
/**
 * One table for the names of all lists: hash of a name -> class. Eight slots of 8 bytes are a bucket, one cache line; a name is in one of
 * two buckets (cuckoo hashing: Pagh, Rodler 2004; with buckets: Dietzfelbinger, Weidling 2007, who place with two choices of eight slots
 * beyond 99 % full). bpf/name_hash.h looks up the same bytes.
 *
 * Size: 1,000,000 names at 95 % are 131,579 buckets of 64 bytes = 8,421,056 bytes.
 *
 * A slot: 40 bits of fingerprint above 24 bits of class. From the 57 universal bits of a sum (hash.ts) a bijection makes 32 + 25. The
 * 32 choose the first bucket by multiplication; their low 15 and all of the 25 are the fingerprint. With 2^17 buckets or more, at most
 * 2^15 successive values choose the same bucket, so bucket and fingerprint together hold all 57 bits; with fewer, 2^17/buckets values
 * share both. The second bucket follows from the first and the fingerprint.
 *
 * How likely is it that one lookup of a name that is not in the table finds a given entry? Its (first bucket, fingerprint) must be the
 * entry's, or what that is seen from the second bucket: 2 of 2^57 values, by the independence of the two sums. Over n entries:
 *   1,000,000 names:                    10^6 * 2 / 2^57                = 1.4e-11
 *   any table up to 2^17 buckets:       8 * 2^17 * 2 * 2 / 2^57        = 2.9e-11
 *   the largest, 2^21 buckets:          8 * 2^21 * 2 / 2^57            = 2.3e-10
 * A name is looked up once for each of its suffixes whose number of labels occurs in the table.
 */
import { NO_CLASS } from "./classes.ts";

const SLOTS = 8;
/** 32-bit words of a bucket. */
const BUCKET_WORDS = 2 * SLOTS;
/** Products with 32 bits stay exact in a double, and the bound above stays below 1e-9. */
const MAX_BUCKETS = 2 ** 21;
const FILL = 0.95;
/** Moves for one name before the table counts as full. At 95 % a name takes about ten, seldom more than a hundred. */
const MOST_MOVES = 5000;
const WORD = 0x1_0000_0000;
/** Odd constants of MurmurHash3's finalizers (Austin Appleby, public domain) and the golden ratio. */
const MIX = { a: 0x85ebca6b, b: 0xc2b2ae35, c: 0xcc9e2d51, d: 0x9e3779b1 } as const;

/** Buckets for so many names, at 95 %. Throws RangeError for more than fit. */
export function bucketsFor(names: number): number {
  const buckets = Math.ceil(Math.max(names, 1) / FILL / SLOTS);
  if (buckets > MAX_BUCKETS) throw new RangeError(`Cannot hold ${names} names: the limit is ${Math.floor(MAX_BUCKETS * SLOTS * FILL)}`);
  return buckets;
}

export class NameTable {
  readonly buckets: number;
  /** Names in it. */
  names = 0;
  /** The buckets as the kernel reads them: each slot a u64, low word first. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** The same as signed numbers, which are compared without becoming doubles. */
  readonly #cells: Int32Array<ArrayBuffer>;
  /** Bit n of these 64, low word first: names of n labels occur (bit 63: of 63 or more). */
  readonly depths = new Uint32Array(2);
  /* What `#place` found, kept here because returning it would make an object for each name. */
  #first = 0;
  #tag = 0;
  #rest = 0;
  /** Chooses which slot gives way. */
  #random = 1;

  /** An empty table; or one that has come from another thread (packed.ts), as `words` of its own size. */
  constructor(buckets: number, words: Uint32Array<ArrayBuffer> = new Uint32Array(buckets * BUCKET_WORDS)) {
    this.buckets = buckets;
    this.words = words;
    this.#cells = new Int32Array(this.words.buffer);
  }

  /** Bytes the table takes in the kernel. */
  get bytes(): number {
    return this.words.byteLength;
  }

  /** The class of the name with this sum and so many labels; NO_CLASS when it is not here. */
  find(low: number, high: number, labels: number): number {
    const depth = Math.min(labels, 63);
    if ((((this.depths[depth >> 5] ?? 0) >>> (depth & 31)) & 1) === 0) return NO_CLASS;
    this.#place(low, high);
    const slot = this.#slot();
    return slot < 0 ? NO_CLASS : (this.#cells[slot] ?? 0) & 0xffffff;
  }

  /**
   * Sets the class of a name to `change` of what it is. False when there is no room for a new name: the table is then to be thrown
   * away, since the last one moved may be missing.
   */
  update(low: number, high: number, labels: number, change: (before: number) => number): boolean {
    this.#place(low, high);
    const slot = this.#slot();
    if (slot >= 0) {
      const word = this.#cells[slot] ?? 0;
      this.#cells[slot] = (word & 0xff000000) | change(word & 0xffffff);
      return true;
    }
    const depth = Math.min(labels, 63);
    this.depths[depth >> 5] = (this.depths[depth >> 5] ?? 0) | (1 << (depth & 31));
    this.names++;
    return this.#insert((this.#rest << 24) | change(NO_CLASS), this.#tag, this.#first);
  }

  /** 57 bits of the sum -> first bucket, upper 32 bits of the fingerprint (tag), lower 8 (rest). */
  #place(low: number, high: number): void {
    let wide = Math.imul(high ^ (high >>> 16), MIX.a);
    const narrow = (low >>> 7) ^ (Math.imul(wide, MIX.b) >>> 7);
    wide ^= Math.imul(narrow, MIX.c);
    wide = Math.imul(wide ^ (wide >>> 15), MIX.d);
    wide ^= wide >>> 16;
    this.#first = Math.floor(((wide >>> 0) * this.buckets) / WORD);
    this.#tag = (narrow << 7) | ((wide & 0x7fff) >>> 8);
    this.#rest = wide & 0xff;
  }

  /** The other bucket of a fingerprint; from that one it leads back. */
  #other(bucket: number, tag: number, rest: number): number {
    const mixed = Math.imul(tag ^ Math.imul(rest, MIX.c), MIX.b);
    const other = Math.floor((((mixed ^ (mixed >>> 16)) >>> 0) * this.buckets) / WORD) - bucket;
    return other < 0 ? other + this.buckets : other;
  }

  /** Where in `words` the name just placed stands, or -1. */
  #slot(): number {
    const found = this.#inBucket(this.#first);
    return found >= 0 ? found : this.#inBucket(this.#other(this.#first, this.#tag, this.#rest));
  }

  #inBucket(bucket: number): number {
    const cells = this.#cells;
    const tag = this.#tag;
    const end = (bucket + 1) * BUCKET_WORDS;
    for (let i = bucket * BUCKET_WORDS; i < end; i += 2) {
      if (cells[i + 1] !== tag) continue;
      const low = cells[i] ?? 0;
      if (low >>> 24 === this.#rest && (low & 0xffffff) !== NO_CLASS) return i;
    }
    return -1;
  }

  /** Whether there was an empty slot in the bucket for it. */
  #put(bucket: number, low: number, tag: number): boolean {
    const cells = this.#cells;
    const end = (bucket + 1) * BUCKET_WORDS;
    for (let i = bucket * BUCKET_WORDS; i < end; i += 2) {
      if (((cells[i] ?? 0) & 0xffffff) !== NO_CLASS) continue;
      cells[i] = low;
      cells[i + 1] = tag;
      return true;
    }
    return false;
  }

  /** Puts a slot's content into one of its buckets; where both are full, another gives way and moves to its own other bucket. */
  #insert(low: number, tag: number, bucket: number): boolean {
    if (this.#put(bucket, low, tag)) return true;
    const cells = this.#cells;
    for (let moves = 0; moves < MOST_MOVES; moves++) {
      bucket = this.#other(bucket, tag, low >>> 24);
      if (this.#put(bucket, low, tag)) return true;
      this.#random = (Math.imul(this.#random, 1664525) + 1013904223) | 0;
      const slot = bucket * BUCKET_WORDS + 2 * (this.#random >>> 29);
      const otherLow = cells[slot] ?? 0;
      const otherTag = cells[slot + 1] ?? 0;
      cells[slot] = low;
      cells[slot + 1] = tag;
      low = otherLow;
      tag = otherTag;
    }
    return false;
  }
}
