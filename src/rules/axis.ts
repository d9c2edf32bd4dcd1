// SPDX-License-Identifier: Apache-2.0
/** One line of keys cut into spans, each with the number of a row for every set of rules: what a sweep gave, kept up with edits. */

type Key = number | bigint;
/** Merged intervals, flat: first, last, first, last … */
export type Flat<K extends Key> = readonly K[];

/** `wanted[row]`: what is asked of a row when a rule comes in. */
export const WITHOUT = 1;
export const WITH = 2;

export class Axis<K extends Key> {
  readonly starts: K[];
  /** Row numbers by span, for each set. */
  readonly sets: readonly number[][];
  readonly #next: (key: K) => K;
  readonly #highest: K;
  /** By set and span: whether the rule that comes in holds there. */
  #inside: Uint8Array[] = [];

  constructor(starts: K[], sets: readonly number[][], { next, highest }: { next: (key: K) => K; highest: K }) {
    this.starts = starts;
    this.sets = sets;
    this.#next = next;
    this.#highest = highest;
  }

  /** The number of the span that `key` is in. */
  #at(key: K): number {
    let [low, high] = [0, this.starts.length];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] as K) <= key) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Where `lines` begin and have ended. */
  *#edges(lines: readonly Flat<K>[]): Generator<K> {
    for (const line of new Set(lines))
      for (let i = 0; i < line.length; i += 2) {
        yield line[i] as K;
        const last = line[i + 1] as K;
        if (last < this.#highest) yield this.#next(last);
      }
  }

  /** A rule is to come in that holds on `lines`, one for each set: says in `wanted` which rows it needs. */
  prepare(lines: readonly Flat<K>[], wanted: Uint8Array): void {
    for (const edge of this.#edges(lines)) {
      const at = this.#at(edge);
      if (this.starts[at] === edge) continue;
      this.starts.splice(at + 1, 0, edge);
      for (const rows of this.sets) rows.splice(at + 1, 0, rows[at] ?? 0);
    }
    this.#inside = this.sets.map((rows, set) => {
      const inside = new Uint8Array(rows.length);
      const line = lines[set] ?? [];
      for (let i = 0; i < line.length; i += 2) inside.fill(1, this.#at(line[i] as K), this.#at(line[i + 1] as K) + 1);
      return inside;
    });
    this.want(wanted, true);
  }

  /** Says in `wanted` which rows are in use; `entering`: as they are to be when the prepared rule is in. */
  want(wanted: Uint8Array, entering = false): void {
    this.sets.forEach((rows, set) => {
      const inside = entering ? this.#inside[set] : undefined;
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i] ?? 0;
        wanted[row] = (wanted[row] ?? 0) | (inside?.[i] === 1 ? WITH : WITHOUT);
      }
    });
  }

  /** The prepared rule is in: `moved[row]` is the row that has it, 0 where that is the same one. */
  enter(moved: Uint16Array): void {
    this.sets.forEach((rows, set) => {
      const inside = this.#inside[set];
      for (let i = 0; i < rows.length; i++) if (inside?.[i] === 1) rows[i] = moved[rows[i] ?? 0] || (rows[i] ?? 0);
    });
  }

  /** A rule that held on `lines` is out: spans that it alone kept apart become one. */
  leave(lines: readonly Flat<K>[], alike: (row: number, other: number) => boolean): void {
    for (const edge of this.#edges(lines)) {
      const at = this.#at(edge);
      if (at === 0 || this.starts[at] !== edge) continue;
      if (!this.sets.every((rows) => alike(rows[at - 1] ?? 0, rows[at] ?? 0))) continue;
      this.starts.splice(at, 1);
      for (const rows of this.sets) rows.splice(at, 1);
    }
  }
}
