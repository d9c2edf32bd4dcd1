// SPDX-License-Identifier: Apache-2.0
/** The table of bitmaps (struct row): each distinct one once, row 0 empty. Little-endian, as x86-64 and arm64 are. */
import { MAX_ROWS, MAX_RULES, Row } from "../contract/layout.gen.ts";
import { TableFullError } from "./table.ts";

const WORDS32 = MAX_RULES / 32;
/** A row and where its bitmap begins, in 32-bit units; `summary` is at its start. */
const ROW32 = Row.size / 4;
const FIRST32 = Row.fields.words.offset / 4;

/** A set of bit numbers below MAX_RULES. */
export class Bits {
  readonly words = new Uint32Array(WORDS32);

  /** Puts `bit` in when it is out, and takes it out when it is in. */
  toggle(bit: number): void {
    this.words[bit >>> 5] = (this.words[bit >>> 5] ?? 0) ^ (1 << (bit & 31));
  }

  add(bit: number): void {
    this.words[bit >>> 5] = (this.words[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }

  /** This set, left with only what `other` has too. */
  intersect(other: Bits): this {
    for (let i = 0; i < WORDS32; i++) this.words[i] = (this.words[i] ?? 0) & (other.words[i] ?? 0);
    return this;
  }

  /** This set, with what `other` has too. */
  addAll(other: Bits): this {
    for (let i = 0; i < WORDS32; i++) this.words[i] = (this.words[i] ?? 0) | (other.words[i] ?? 0);
    return this;
  }
}

function writeRow(words: Uint32Array, units: Uint32Array, start: number): void {
  units.set(words, start + FIRST32);
  for (let i = 0; i < WORDS32; i++) {
    if (words[i] === 0) continue;
    const unit = start + (i >>> 6);
    units[unit] = (units[unit] ?? 0) | (1 << ((i >>> 1) & 31));
  }
}

/** One row, packed. */
export function packRow(bits: Bits): Uint8Array {
  const units = new Uint32Array(ROW32);
  writeRow(bits.words, units, 0);
  return new Uint8Array(units.buffer);
}

export class RowTable {
  /** 32-bit units in use of each bitmap: enough to tell bitmaps of these rules apart. */
  readonly #used32: number;
  /** Rows by the hash of their bitmap. */
  readonly #rows = new Map<number, number[]>();
  #units = new Uint32Array(256 * ROW32);
  #count = 0;

  constructor(rules: number) {
    this.#used32 = Math.ceil(rules / 32);
    this.indexOf(new Bits());
  }

  /** All rows, packed. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#units.buffer, 0, this.#count * Row.size);
  }

  /** FNV-1a over whole words (Fowler, Noll, Vo), which is quick; the bitmaps are compared all the same. */
  #hash(words: Uint32Array): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < this.#used32; i++) {
      hash = Math.imul(hash ^ (words[i] ?? 0), 0x01000193);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  #holds(row: number, words: Uint32Array): boolean {
    const start = row * ROW32 + FIRST32;
    for (let i = 0; i < this.#used32; i++) if (this.#units[start + i] !== words[i]) return false;
    return true;
  }

  /** The row that holds exactly `bits`, added when there is none. Throws TableFullError. */
  indexOf({ words }: Bits): number {
    const hash = this.#hash(words);
    const alike = this.#rows.get(hash) ?? [];
    const before = alike.find((row) => this.#holds(row, words));
    if (before !== undefined) return before;
    if (this.#count === MAX_ROWS) {
      throw new TableFullError(
        `Cannot compile these rules: their places overlap in more than ${MAX_ROWS} ways; use fewer overlapping ranges`,
      );
    }
    if ((this.#count + 1) * ROW32 > this.#units.length) this.#grow();
    writeRow(words, this.#units, this.#count * ROW32);
    this.#rows.set(hash, [...alike, this.#count]);
    return this.#count++;
  }

  #grow(): void {
    const larger = new Uint32Array(this.#units.length * 2);
    larger.set(this.#units);
    this.#units = larger;
  }
}
