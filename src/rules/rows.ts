// SPDX-License-Identifier: Apache-2.0
/** The table of bitmaps (struct row): each distinct one once, row 0 empty. Little-endian, as x86-64 and arm64 are. */
import { MAX_ROWS, MAX_RULES, Row } from "../contract/layout.gen.ts";
import { WITH, WITHOUT } from "./axis.ts";
import { TableFullError } from "./table.ts";

/** A row, where its bitmap begins and where its summary, in 32-bit units. */
const ROW32 = Row.size / 4;
const FIRST32 = Row.fields.words.offset / 4;
const SUMMARY32 = Row.fields.summary.offset / 4;
/** Slots of the table of hashes: a power of two, at most three eighths of them taken. */
const SLOTS = 32768;
const FIRST_ROWS = 256;
const WORDS = MAX_RULES / 64;

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

function setBit(units: Uint32Array, row: number, bit: number): void {
  const unit = row + FIRST32 + (bit >>> 5);
  units[unit] = (units[unit] ?? 0) | (1 << (bit & 31));
  mark(units, row, bit >>> 6, true);
}

/** Says in a row's summary whether word `word` has bits. */
function mark(units: Uint32Array, row: number, word: number, any: boolean): void {
  const summary = row + SUMMARY32 + (word >>> 5);
  const bit = 1 << (word & 31);
  units[summary] = any ? (units[summary] ?? 0) | bit : (units[summary] ?? 0) & ~bit;
}

/** Moves the bits of a row from `bit` on up by one; `bit` is 0 then. Words without bits are not looked at. */
function insertBit(units: Uint32Array, row: number, bit: number): void {
  const from = bit >>> 6;
  for (let half = 1; half >= 0; half--) {
    let summary = units[row + SUMMARY32 + half] ?? 0;
    while (summary !== 0) {
      const highest = 31 - Math.clz32(summary);
      summary &= ~(1 << highest);
      const word = half * 32 + highest;
      if (word < from) return;
      const at = row + FIRST32 + word * 2;
      const [low, high] = [units[at] ?? 0, units[at + 1] ?? 0];
      const inside = word === from ? bit & 63 : 0;
      const [kept, keptHigh] = [below(inside), below(inside - 32)];
      const lowNow = (low & kept) | ((low & ~kept) << 1);
      const carry = inside < 32 ? low >>> 31 : 0;
      const highNow = (high & keptHigh) | ((high & ~keptHigh) << 1) | carry;
      units[at] = lowNow;
      units[at + 1] = highNow;
      if (high >>> 31 === 1 && word < WORDS - 1) {
        units[at + 2] = (units[at + 2] ?? 0) | 1;
        mark(units, row, word + 1, true);
      }
      if ((lowNow | highNow) === 0) mark(units, row, word, false);
    }
  }
}

/** Takes `bit` out of a row and moves those after it down by one. */
function removeBit(units: Uint32Array, row: number, bit: number): void {
  const from = bit >>> 6;
  for (let half = from >>> 5; half < 2; half++) {
    let summary = units[row + SUMMARY32 + half] ?? 0;
    while (summary !== 0) {
      const lowest = 31 - Math.clz32(summary & -summary);
      summary &= summary - 1;
      const word = half * 32 + lowest;
      if (word < from) continue;
      const at = row + FIRST32 + word * 2;
      const [low, high] = [units[at] ?? 0, units[at + 1] ?? 0];
      const inside = word === from ? bit & 63 : 0;
      const [kept, keptHigh] = [below(inside), below(inside - 32)];
      const carry = inside < 32 ? high << 31 : 0;
      const lowNow = (low & kept) | ((low >>> 1) & ~kept) | carry;
      const highNow = (high & keptHigh) | ((high >>> 1) & ~keptHigh);
      units[at] = lowNow;
      units[at + 1] = highNow;
      if (word > from && (low & 1) === 1) {
        units[at - 1] = (units[at - 1] ?? 0) | (1 << 31);
        mark(units, row, word - 1, true);
      }
      if ((lowNow | highNow) === 0) mark(units, row, word, false);
    }
  }
}

/** The bits of a 32-bit unit below `bit`, which may lie outside of it. */
function below(bit: number): number {
  return bit <= 0 ? 0 : bit >= 32 ? -1 : (1 << bit) - 1;
}

function fullOfRows(): TableFullError {
  return new TableFullError(`Cannot compile these rules: their places overlap in more than ${MAX_ROWS} ways; use fewer overlapping ranges`);
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
    const row = this.#new();
    this.#units.set(units, row * ROW32);
    this.#hashes[row] = hash;
    this.#slots[slot] = row + 1;
    return row;
  }

  /** Whether two rows hold the same bits. */
  alike(row: number, other: number): boolean {
    return row === other || this.#holds(row, this.#units.subarray(other * ROW32, (other + 1) * ROW32));
  }

  /**
   * A rule comes in as bit `bit`, and those from there on move up. `wanted[row]` (axis.ts): whether the row is to have the new bit, not to
   * have it, or both; nobody uses one with neither, and its place is given again. Returns where the row with the bit went when there are
   * both, 0 elsewhere. Throws TableFullError.
   */
  enter(bit: number, wanted: Uint8Array): Uint16Array {
    const moved = new Uint16Array(this.#count);
    const count = this.#count;
    let free = 1;
    for (let row = 0; row < count; row++) {
      const want = row === 0 ? (wanted[0] ?? 0) | WITHOUT : (wanted[row] ?? 0);
      if (want === 0) continue;
      insertBit(this.#units, row * ROW32, bit);
      if (want === WITH) setBit(this.#units, row * ROW32, bit);
      if (want !== (WITH | WITHOUT)) continue;
      while (free < count && (wanted[free] ?? 0) !== 0) free++;
      const to = free < count ? free++ : this.#new();
      this.#units.copyWithin(to * ROW32, row * ROW32, (row + 1) * ROW32);
      setBit(this.#units, to * ROW32, bit);
      moved[row] = to;
    }
    return moved;
  }

  /** The rule of bit `bit` goes, and those after it move down. */
  leave(bit: number): void {
    for (let row = 1; row < this.#count; row++) removeBit(this.#units, row * ROW32, bit);
  }

  /** Forgets the rows after the last that is `used`. From here on `indexOf` finds none of those before, but for row 0. */
  keep(used: Uint8Array): void {
    while (this.#count > 1 && (used[this.#count - 1] ?? 0) === 0) this.#count--;
    this.#slots.fill(0);
    this.#slots[0] = 1;
  }

  #new(): number {
    if (this.#count === MAX_ROWS) throw fullOfRows();
    if ((this.#count + 1) * ROW32 > this.#units.length) this.#grow();
    return this.#count++;
  }

  #grow(): void {
    const larger = new Uint32Array(Math.min(this.#units.length * 2, MAX_ROWS * ROW32));
    larger.set(this.#units);
    this.#units = larger;
  }
}
