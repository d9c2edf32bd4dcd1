// SPDX-License-Identifier: Apache-2.0
/**
 * The addresses of all lists as one line of spans: each reaches from its start to before the next one's, the first from the lowest
 * address, and has one class (its `self` set). Overlapping ranges of n prefixes make at most 2n + 1 spans: 16 bytes a prefix for IPv4,
 * 48 for IPv6, and less where they touch.
 */
import { type Address, type Family, lastAddress } from "../contract/address.ts";
import { type ListClasses, NO_CLASS } from "./classes.ts";
import type { RangeList } from "./ranges.ts";
import { sortedPlaces } from "./sort.ts";
import { addressWords, fromWords, printRange, wordsOf } from "./words.ts";

/** The ranges of one list, and those taken out of it. */
export type ListRanges = { readonly ranges: RangeList; readonly exceptions: readonly RangeList[] };

/** 32-bit words of a span: v4 { u32 start, u32 class }, v6 { u64 high, u64 low, u32 class, u32 0 }. */
const SPAN_WORDS = { 4: 2, 6: 6 } as const;
/** Where the words of a span's start stand, highest first: a u64 has its low word first. */
const START_WORDS = { 4: [0], 6: [1, 0, 3, 2] } as const;
const CLASS_WORD = { 4: 1, 6: 4 } as const;

const OPEN = 0;
const CLOSE = 1;
const EXCEPT = 2;
const KINDS = 4;

/** The next address after the one in `words` at `from`; null after the highest. */
function after(words: Uint32Array, from: number, size: number): number[] | null {
  const next = Array.from(words.subarray(from, from + size));
  for (let i = size - 1; i >= 0; i--) {
    next[i] = ((next[i] ?? 0) + 1) >>> 0;
    if (next[i] !== 0) return next;
  }
  return null;
}

/** Where ranges begin and end: the address, and whose range. */
class Edges {
  readonly #size: number;
  readonly keys: Uint32Array;
  /** list * KINDS + OPEN or CLOSE, + EXCEPT. */
  readonly meanings: Uint32Array;
  #count = 0;

  constructor(family: Family, most: number) {
    this.#size = addressWords(family);
    this.keys = new Uint32Array(most * this.#size);
    this.meanings = new Uint32Array(most);
  }

  add(ranges: Uint32Array, list: number, kind: typeof OPEN | typeof EXCEPT): void {
    const size = this.#size;
    for (let at = 0; at < ranges.length; at += 2 * size) {
      this.#edge(ranges.subarray(at, at + size), list * KINDS + kind + OPEN);
      const end = after(ranges, at + size, size);
      if (end !== null) this.#edge(end, list * KINDS + kind + CLOSE);
    }
  }

  /** Places of the edges in order of their addresses. */
  sorted(): Uint32Array {
    return sortedPlaces(this.keys.subarray(0, this.#count * this.#size), this.#size);
  }

  #edge(key: ArrayLike<number>, meaning: number): void {
    this.keys.set(key, this.#count * this.#size);
    this.meanings[this.#count++] = meaning;
  }
}

/** How many ranges of each list hold at one point of the line. */
class Holding {
  readonly #open: Int32Array;
  readonly #except: Int32Array;
  set = 0n;

  constructor(lists: number) {
    this.#open = new Int32Array(lists);
    this.#except = new Int32Array(lists);
  }

  pass(meaning: number): void {
    const list = Math.floor(meaning / KINDS);
    const counts = meaning & EXCEPT ? this.#except : this.#open;
    counts[list] = (counts[list] ?? 0) + (meaning & CLOSE ? -1 : 1);
    const bit = 1n << BigInt(list);
    this.set = this.#open[list] !== 0 && this.#except[list] === 0 ? this.set | bit : this.set & ~bit;
  }
}

const wordsIn = (list: RangeList, family: Family): Uint32Array => (family === 4 ? list.v4 : list.v6);

function edgesOf(family: Family, lists: readonly ListRanges[]): Edges {
  const all = lists.flatMap(({ ranges, exceptions }) => [ranges, ...exceptions]);
  const words = all.reduce((sum, list) => sum + wordsIn(list, family).length, 0);
  const edges = new Edges(family, words / addressWords(family));
  for (const [list, { ranges, exceptions }] of lists.entries()) {
    edges.add(wordsIn(ranges, family), list, OPEN);
    for (const exception of exceptions) edges.add(wordsIn(exception, family), list, EXCEPT);
  }
  return edges;
}

/** The spans of one family. */
export class SpanTable {
  readonly family: Family;
  /** As the kernel reads them. */
  readonly words: Uint32Array<ArrayBuffer>;

  constructor(family: Family, words: Uint32Array<ArrayBuffer>) {
    this.family = family;
    this.words = words;
  }

  get count(): number {
    return this.words.length / SPAN_WORDS[this.family];
  }

  /** Bytes the table takes in the kernel. */
  get bytes(): number {
    return this.words.byteLength;
  }

  /** The class of an address of this family. */
  find(address: Address): number {
    return this.#classOf(this.#spanOf(wordsOf(address)));
  }

  /** The whole stretch around `address` whose classes all satisfy `holds`, as text: neighbouring entries are one. */
  stretch(address: Address, holds: (classNumber: number) => boolean): string {
    let first = this.#spanOf(wordsOf(address));
    let next = first + 1;
    while (first > 0 && holds(this.#classOf(first - 1))) first--;
    while (next < this.count && holds(this.#classOf(next))) next++;
    const last = next === this.count ? lastAddress(this.family) : this.#start(next) - 1n;
    return printRange({ family: this.family, first: this.#start(first), last });
  }

  #classOf(span: number): number {
    return this.words[span * SPAN_WORDS[this.family] + CLASS_WORD[this.family]] ?? NO_CLASS;
  }

  #start(span: number): bigint {
    const at = span * SPAN_WORDS[this.family];
    return fromWords(
      this.family,
      START_WORDS[this.family].map((word) => this.words[at + word] ?? 0),
    ).value;
  }

  #startsAfter(span: number, wanted: readonly number[]): boolean {
    const at = span * SPAN_WORDS[this.family];
    for (const [i, word] of START_WORDS[this.family].entries()) {
      const [start, value] = [this.words[at + word] ?? 0, wanted[i] ?? 0];
      if (start !== value) return start > value;
    }
    return false;
  }

  /** The last span that does not start after the address; binary search. */
  #spanOf(wanted: readonly number[]): number {
    let low = 0;
    let high = this.count;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#startsAfter(middle, wanted)) high = middle;
      else low = middle;
    }
    return low;
  }
}

/** The spans of all lists; list n of the load is number n here. */
export function buildSpans(family: Family, lists: readonly ListRanges[], classes: ListClasses): SpanTable {
  const size = addressWords(family);
  const edges = edgesOf(family, lists);
  const order = edges.sorted();
  const holding = new Holding(lists.length);
  const words = new Uint32Array((order.length + 1) * SPAN_WORDS[family]);
  let used: number = SPAN_WORDS[family];
  let open = NO_CLASS;
  for (let i = 0; i < order.length; ) {
    const at = (order[i] ?? 0) * size;
    const key = edges.keys.subarray(at, at + size);
    for (; i < order.length && key.every((word, j) => word === edges.keys[(order[i] ?? 0) * size + j]); i++)
      holding.pass(edges.meanings[order[i] ?? 0] ?? 0);
    const number = classes.number({ self: holding.set, below: 0n, final: false });
    if (number === open) continue;
    open = number;
    /* The first span is there from the beginning. */
    if (key.every((word) => word === 0)) used = 0;
    for (const [j, word] of START_WORDS[family].entries()) words[used + word] = key[j] ?? 0;
    words[used + CLASS_WORD[family]] = number;
    used += SPAN_WORDS[family];
  }
  return new SpanTable(family, words.slice(0, used));
}
