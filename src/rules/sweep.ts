// SPDX-License-Identifier: Apache-2.0
/** Which rules hold where along one line of keys: overlapping intervals -> spans that each have one set of rules. */
import { MAX_RULES } from "../contract/layout.gen.ts";
import { Bits, type RowTable } from "./rows.ts";

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

/** Spans in order, valid until the next ones are made: where each begins, and the rows of its two sets. */
export type Spans = { readonly count: number; readonly starts: Float64Array; readonly rows: Uint16Array; readonly others: Uint16Array };

/** Which of the two sets of rules a line is for. */
export const BOTH = 0;
export const FIRST = 1;
export const SECOND = 2;
type Sets = typeof BOTH | typeof FIRST | typeof SECOND;
/** An edge is one number, so that sorting needs no comparisons of ours: key * PLACES + sets * MAX_RULES + bit. */
const PLACES = 4 * MAX_RULES;
const FIRST_EDGES = 1024;

/**
 * Gathers intervals for two sets of rules at once, then goes along the line; its memory is used again. Keys are whole numbers from 0,
 * below 2^39.
 */
export class Sweep {
  readonly #rows: RowTable;
  readonly #first = new Bits();
  readonly #second = new Bits();
  #edges = new Float64Array(FIRST_EDGES);
  #count = 0;
  #spans = { starts: new Float64Array(0), rows: new Uint16Array(0), others: new Uint16Array(0) };

  constructor(rows: RowTable) {
    this.#rows = rows;
  }

  /** Rule `bit` holds on `line`. `highest`: the last key there is. */
  add(sets: Sets, bit: number, line: Line, highest: number): void {
    const place = sets * MAX_RULES + bit;
    const most = this.#count + line.length;
    if (most > this.#edges.length) this.#grow(most);
    const edges = this.#edges;
    let count = this.#count;
    for (let i = 0; i < line.length; i += 2) {
      const last = line[i + 1] ?? 0;
      edges[count++] = (line[i] ?? 0) * PLACES + place;
      if (last < highest) edges[count++] = (last + 1) * PLACES + place;
    }
    this.#count = count;
  }

  /** Forgets what was gathered: a compilation that was refused halfway left it. */
  clear(): void {
    this.#count = 0;
  }

  #grow(most: number): void {
    const larger = new Float64Array(Math.max(most, this.#edges.length * 2));
    larger.set(this.#edges);
    this.#edges = larger;
  }

  #roomFor(count: number): void {
    if (this.#spans.starts.length >= count) return;
    this.#spans = { starts: new Float64Array(count), rows: new Uint16Array(count), others: new Uint16Array(count) };
  }

  /** The spans of what was gathered, which is used up; a span like the one before it is part of that. Throws TableFullError. */
  spans(): Spans {
    const edges = this.#edges.subarray(0, this.#count).sort();
    this.#roomFor(edges.length + 1);
    const { starts, rows, others } = this.#spans;
    this.#first.clear();
    this.#second.clear();
    let count = 0;
    let at = 0;
    let start = 0;
    while (true) {
      at = this.#toggle(edges, at, start);
      const row = this.#rows.indexOf(this.#first);
      const other = this.#rows.indexOf(this.#second);
      if (count === 0 || rows[count - 1] !== row || others[count - 1] !== other) {
        starts[count] = start;
        rows[count] = row;
        others[count] = other;
        count++;
      }
      if (at === edges.length) break;
      start = Math.floor((edges[at] ?? 0) / PLACES);
    }
    this.#count = 0;
    return { count, starts, rows, others };
  }

  /** Applies the edges at `key`, from edge number `at` on; returns the number of the first that lies further on. */
  #toggle(edges: Float64Array, at: number, key: number): number {
    const from = key * PLACES;
    const to = from + PLACES;
    let next = at;
    for (; next < edges.length; next++) {
      const edge = edges[next] ?? 0;
      if (edge >= to) break;
      const place = edge - from;
      const bit = place % MAX_RULES;
      const sets = (place - bit) / MAX_RULES;
      if (sets !== SECOND) this.#first.toggle(bit);
      if (sets !== FIRST) this.#second.toggle(bit);
    }
    return next;
  }
}
