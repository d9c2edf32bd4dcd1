// SPDX-License-Identifier: Apache-2.0
/** Random choices that a seed repeats. */

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state, enough to choose test cases. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A fraction from 0 to before 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** An integer from 0 to before `below`. */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** One of `options`. Throws RangeError when there are none. */
  pick<T>(options: readonly T[]): T {
    const found = options[this.below(options.length)];
    if (found === undefined) throw new RangeError("Cannot pick from an empty list");
    return found;
  }
}
