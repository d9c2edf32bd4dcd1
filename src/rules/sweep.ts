// SPDX-License-Identifier: Apache-2.0
/** Which rules hold where along one line of keys: overlapping intervals -> spans that each have one set of rules. */
import { Bits } from "./rows.ts";

type Key = number | bigint;
export type Interval<K extends Key> = { readonly first: K; readonly last: K };

/** Sorted, without overlap and without neighbours that touch. */
export function merge<K extends Key>(intervals: readonly Interval<K>[], next: (key: K) => K): Interval<K>[] {
  if (intervals.length < 2) return [...intervals];
  const merged: { first: K; last: K }[] = [];
  for (const { first, last } of intervals.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    const open = merged.at(-1);
    if (open === undefined || first > next(open.last)) merged.push({ first, last });
    else if (last > open.last) open.last = last;
  }
  return merged;
}

/** Gathers intervals for `sets` sets of rules at once, then walks along the line. Keys go from `lowest` to `highest`. */
export class Sweep<K extends Key> {
  readonly #highest: K;
  readonly #next: (key: K) => K;
  readonly #sets: readonly Bits[];
  /** At a key: set number and bit of each rule that begins or ends to hold there, as set * 65536 + bit. */
  readonly #changes = new Map<K, number[]>();

  constructor(line: { readonly lowest: K; readonly highest: K; readonly next: (key: K) => K }, sets: number) {
    this.#highest = line.highest;
    this.#next = line.next;
    this.#sets = Array.from({ length: sets }, () => new Bits());
    this.#changes.set(line.lowest, []);
  }

  /** Rule `bit` holds in `intervals`, merged before, in set number `set`. */
  add(set: number, bit: number, intervals: readonly Interval<K>[]): void {
    for (const { first, last } of intervals) {
      this.#change(first, set * 65536 + bit);
      if (last < this.#highest) this.#change(this.#next(last), set * 65536 + bit);
    }
  }

  #change(key: K, what: number): void {
    const at = this.#changes.get(key);
    if (at === undefined) this.#changes.set(key, [what]);
    else at.push(what);
  }

  /** Calls `emit` for each span, in order; the sets are reused from call to call. */
  walk(emit: (start: K, sets: readonly Bits[]) => void): void {
    for (const start of [...this.#changes.keys()].sort((a, b) => (a < b ? -1 : 1))) {
      for (const what of this.#changes.get(start) ?? []) this.#sets[what >>> 16]?.toggle(what & 65535);
      emit(start, this.#sets);
    }
  }
}
