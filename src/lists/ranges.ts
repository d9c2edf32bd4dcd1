// SPDX-License-Identifier: Apache-2.0
/** Many address ranges without an object each. */
import type { AddressRange, Family } from "../contract/address.ts";
import { sortedPlaces } from "./sort.ts";
import { addressWords, fromWords, printRange, wordsOf } from "./words.ts";

/** Distinct ranges of both families, sorted; they may overlap. Plain data: it may be sent to another thread. */
export type RangeList = {
  /** First and last address, one word each. */
  readonly v4: Uint32Array<ArrayBuffer>;
  /** First and last address, four words each. */
  readonly v6: Uint32Array<ArrayBuffer>;
};

/** The texts of ranges, as `printRange` writes them. */
export function* rangeTexts({ v4, v6 }: RangeList): Generator<string> {
  for (const [family, words] of [[4, v4] as const, [6, v6] as const]) {
    const size = addressWords(family);
    const address = (at: number): bigint => fromWords(family, words.subarray(at, at + size)).value;
    for (let at = 0; at < words.length; at += 2 * size) yield printRange({ family, first: address(at), last: address(at + size) });
  }
}

/** Collects the ranges of one family. */
class Ranges {
  readonly #size: number;
  #words = new Uint32Array(1024);
  #used = 0;

  constructor(family: Family) {
    this.#size = 2 * addressWords(family);
  }

  add(range: AddressRange): void {
    if (this.#used + this.#size > this.#words.length) {
      const larger = new Uint32Array(2 * this.#words.length);
      larger.set(this.#words);
      this.#words = larger;
    }
    for (const value of [range.first, range.last])
      for (const word of wordsOf({ family: range.family, value })) this.#words[this.#used++] = word;
  }

  /** Sorted, and how many there were more than once. */
  distinct(): { words: Uint32Array<ArrayBuffer>; duplicates: number } {
    const size = this.#size;
    const all = this.#words.subarray(0, this.#used);
    const words = new Uint32Array(this.#used);
    let used = 0;
    for (const place of sortedPlaces(all, size)) {
      const record = all.subarray(place * size, (place + 1) * size);
      if (used > 0 && record.every((word, i) => word === words[used - size + i])) continue;
      words.set(record, used);
      used += size;
    }
    return { words: words.slice(0, used), duplicates: (this.#used - used) / size };
  }
}

export class RangeCollector {
  readonly #v4 = new Ranges(4);
  readonly #v6 = new Ranges(6);

  add(range: AddressRange): void {
    (range.family === 4 ? this.#v4 : this.#v6).add(range);
  }

  list(): { ranges: RangeList; duplicates: number } {
    const [v4, v6] = [this.#v4.distinct(), this.#v6.distinct()];
    return { ranges: { v4: v4.words, v6: v6.words }, duplicates: v4.duplicates + v6.duplicates };
  }
}
