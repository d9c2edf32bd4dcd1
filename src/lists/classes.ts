// SPDX-License-Identifier: Apache-2.0
/** Classes: the few distinct answers to "which lists?" that a table's many entries share. */

/** What of a name an entry takes: bits. */
export const SELF = 1;
export const BELOW = 2;
export const BOTH = 3;
/** SELF: the name alone (a host). BELOW: the names below it, not itself. BOTH: a domain. */
export type Reach = typeof SELF | typeof BELOW | typeof BOTH;

/** Sets of lists: bit n = list n of the load. */
export type ListSet = bigint;

export type ListClass = {
  /** Lists that have this very name (for addresses: this address). */
  readonly self: ListSet;
  /** Lists that have every name below it. */
  readonly below: ListSet;
  /** Shorter suffixes no longer count: an exception took something out of an entry above, and the sets above are complete. */
  readonly final: boolean;
};

/** On no list. An empty slot of the table reads as this. */
export const NO_CLASS = 0;
/** Bits a class has in a slot of the name table. */
const CLASS_BITS = 24;

/** Every class there is, by number. */
export class ListClasses {
  readonly #classes: ListClass[] = [];
  readonly #numbers = new Map<string, number>();
  /** `class * 4 + reach` -> class, for each list. */
  readonly #widened: Map<number, number>[] = [];

  constructor() {
    this.number({ self: 0n, below: 0n, final: false });
  }

  get count(): number {
    return this.#classes.length;
  }

  /** Throws RangeError for a number that was never given. */
  get(number: number): ListClass {
    const found = this.#classes[number];
    if (found === undefined) throw new RangeError(`There is no list class ${number}: the last is ${this.count - 1}`);
    return found;
  }

  /** The number of these sets. Throws RangeError when a slot cannot hold one more. */
  number(sets: ListClass): number {
    const text = `${sets.self.toString(36)} ${sets.below.toString(36)} ${sets.final}`;
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    if (this.count >= 2 ** CLASS_BITS) throw new RangeError(`Cannot tell more than ${this.count} sets of lists apart: use fewer lists`);
    this.#numbers.set(text, this.count);
    return this.#classes.push(sets) - 1;
  }

  /** The class of an entry of class `number` that is on `list` too. */
  with(number: number, list: number, reach: Reach): number {
    this.#widened[list] ??= new Map();
    const widened = this.#widened[list];
    const known = widened.get(number * 4 + reach);
    if (known !== undefined) return known;
    const { self, below, final } = this.get(number);
    const bit = 1n << BigInt(list);
    const wider = this.number({ self: reach & SELF ? self | bit : self, below: reach & BELOW ? below | bit : below, final });
    widened.set(number * 4 + reach, wider);
    return wider;
  }
}

/** The lists of a set, ascending. */
export function listsOf(set: ListSet): number[] {
  const lists: number[] = [];
  for (let list = 0; set >> BigInt(list) > 0n; list++) if ((set >> BigInt(list)) & 1n) lists.push(list);
  return lists;
}
