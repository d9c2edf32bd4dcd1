// SPDX-License-Identifier: Apache-2.0
/** Which rules hold where along one line of keys: overlapping intervals -> spans that each have one set of rules. */
import { MAX_RULES } from "../contract/layout.gen.ts";
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

/** Merged intervals, flat: first, last, first, last … */
export type Line = readonly number[];

/** Which of the two sets of rules a line is for. */
export const BOTH = 0;
export const FIRST = 1;
export const SECOND = 2;
type Sets = typeof BOTH | typeof FIRST | typeof SECOND;
/** An edge is one number, so that sorting needs no comparisons of ours: key * PLACES + sets * MAX_RULES + bit. */
const PLACES = 4 * MAX_RULES;
const FIRST_EDGES = 1024;

/**
 * Gathers intervals for two sets of rules at once, then walks along the line; its memory is used again. Keys are whole numbers from 0,
 * below 2^40.
 */
export class Sweep {
  readonly #sets = [new Bits(), new Bits()] as const;
  #edges = new Float64Array(FIRST_EDGES);
  #count = 0;

  /** Rule `bit` holds on `line`. `highest`: the last key there is. */
  add(sets: Sets, bit: number, line: Line, highest: number): void {
    const place = sets * MAX_RULES + bit;
    for (let i = 0; i < line.length; i += 2) {
      const last = line[i + 1] ?? 0;
      this.#edge((line[i] ?? 0) * PLACES + place);
      if (last < highest) this.#edge((last + 1) * PLACES + place);
    }
  }

  /** Forgets what was gathered: a compilation that was refused halfway left it. */
  clear(): void {
    this.#count = 0;
  }

  #edge(edge: number): void {
    if (this.#count === this.#edges.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#edges);
      this.#edges = larger;
    }
    this.#edges[this.#count++] = edge;
  }

  /** Calls `emit` for each span, in order; the sets are the same objects from call to call. What was gathered is used up. */
  walk(emit: (start: number, first: Bits, second: Bits) => void): void {
    const [first, second] = this.#sets;
    first.clear();
    second.clear();
    const edges = this.#edges.subarray(0, this.#count).sort();
    let start = 0;
    for (let i = 0; i < edges.length; i++) {
      const edge = edges[i] ?? 0;
      const key = Math.floor(edge / PLACES);
      if (key !== start) emit(start, first, second);
      start = key;
      const place = edge - key * PLACES;
      const sets = Math.floor(place / MAX_RULES);
      const bit = place - sets * MAX_RULES;
      if (sets !== SECOND) first.toggle(bit);
      if (sets !== FIRST) second.toggle(bit);
    }
    emit(start, first, second);
    this.#count = 0;
  }
}
