// SPDX-License-Identifier: Apache-2.0
/** The table of bitmaps (struct row): each distinct one once, row 0 empty. Little-endian, as x86-64 and arm64 are. */
import { MAX_ROWS, MAX_RULES, Row } from "../contract/layout.gen.ts";
import { TableFullError } from "./table.ts";

/** A row, where its bitmap begins and where its summary, in 32-bit units. */
const ROW32 = Row.size / 4;
const FIRST32 = Row.fields.words.offset / 4;
const SUMMARY32 = Row.fields.summary.offset / 4;
/** Slots of the table of hashes: a power of two, at most three eighths of them taken. */
const SLOTS = 32768;
const FIRST_ROWS = 256;

/** A number for each bit, all of them unlike (the finalizer of MurmurHash3, Appleby). */
const NUMBERS = Int32Array.from({ length: MAX_RULES }, (_, bit) => {
  let number = Math.imul(bit + 1, 0x9e3779b1);
  number = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  number = Math.imul(number ^ (number >>> 13), 0xc2b2ae35);
  return number ^ (number >>> 16);
});

/** A set of bit numbers below MAX_RULES, held as the struct row it becomes. */
export class Bits {
  readonly units = new Uint32Array(ROW32);
  /** XOR of the numbers of what is in it (Zobrist hashing), so that a change is one step. */
  hash = 0;

  /** Puts `bit` in when it is out, and takes it out when it is in. */
  toggle(bit: number): void {
    const { units } = this;
    const unit = FIRST32 + (bit >>> 5);
    units[unit] = (units[unit] ?? 0) ^ (1 << (bit & 31));
    this.hash ^= NUMBERS[bit] ?? 0;
    const word = bit >>> 6;
    const first = FIRST32 + word * 2;
    const summary = SUMMARY32 + (word >>> 5);
    const mark = 1 << (word & 31);
    if (((units[first] ?? 0) | (units[first + 1] ?? 0)) === 0) units[summary] = (units[summary] ?? 0) & ~mark;
    else units[summary] = (units[summary] ?? 0) | mark;
  }

  has(bit: number): boolean {
    return (((this.units[FIRST32 + (bit >>> 5)] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  add(bit: number): void {
    if (!this.has(bit)) this.toggle(bit);
  }

  /** This set, made the same as `other`. */
  become(other: Bits): this {
    this.units.set(other.units);
    this.hash = other.hash;
    return this;
  }

  clear(): void {
    this.units.fill(0);
    this.hash = 0;
  }

  /** One row, packed. */
  pack(): Uint8Array {
    return new Uint8Array(this.units.slice().buffer);
  }
}

/** Fills itself with the rows of one policy after the other: its memory is used again. */
export class RowTable {
  /** Row + 1 in the slot its hash says, or in the next one that was free; 0: free. */
  readonly #slots = new Uint16Array(SLOTS);
  readonly #hashes = new Int32Array(MAX_ROWS);
  #units = new Uint32Array(FIRST_ROWS * ROW32);
  #count = 0;

  constructor() {
    this.clear();
  }

  /** As at first: row 0, which is empty. What `bytes` gave before is written over. */
  clear(): void {
    this.#slots.fill(0);
    this.#count = 0;
    this.indexOf(new Bits());
  }

  /** All rows, packed; until the next `clear`. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#units.buffer, 0, this.#count * Row.size);
  }

  /** Bitmaps with equal summaries differ, if at all, in words that are not zero. */
  #holds(row: number, wanted: Uint32Array): boolean {
    const units = this.#units;
    const start = row * ROW32;
    for (let half = 0; half < 2; half++) {
      let summary = wanted[SUMMARY32 + half] ?? 0;
      if (units[start + SUMMARY32 + half] !== summary) return false;
      for (; summary !== 0; summary &= summary - 1) {
        const at = FIRST32 + half * 64 + (31 - Math.clz32(summary & -summary)) * 2;
        if (units[start + at] !== wanted[at] || units[start + at + 1] !== wanted[at + 1]) return false;
      }
    }
    return true;
  }

  /** The row that holds exactly `bits`, added when there is none. Throws TableFullError. */
  indexOf({ units, hash }: Bits): number {
    let slot = hash & (SLOTS - 1);
    for (let taken = this.#slots[slot] ?? 0; taken !== 0; taken = this.#slots[slot] ?? 0) {
      if (this.#hashes[taken - 1] === hash && this.#holds(taken - 1, units)) return taken - 1;
      slot = (slot + 1) & (SLOTS - 1);
    }
    if (this.#count === MAX_ROWS) {
      throw new TableFullError(
        `Cannot compile these rules: their places overlap in more than ${MAX_ROWS} ways; use fewer overlapping ranges`,
      );
    }
    if ((this.#count + 1) * ROW32 > this.#units.length) this.#grow();
    this.#units.set(units, this.#count * ROW32);
    this.#hashes[this.#count] = hash;
    this.#slots[slot] = this.#count + 1;
    return this.#count++;
  }

  #grow(): void {
    const larger = new Uint32Array(Math.min(this.#units.length * 2, MAX_ROWS * ROW32));
    larger.set(this.#units);
    this.#units = larger;
  }
}
