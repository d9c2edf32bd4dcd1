// SPDX-License-Identifier: Apache-2.0
/** Many paths -> a small number each, in few bytes: 6 a slot. It only gives hints: a number it names may be wrong, one it leaves out is not. */

const FIRST_CAPACITY = 1 << 16;
const EMPTY = 0xffff;

/** FNV-1a, then the final mix of MurmurHash3 so that the low bits can choose the slot. */
function hashBytes(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** An open-addressing table of (hash of a path, number below 65,535). */
export class PathIndex {
  #hashes = new Uint32Array(FIRST_CAPACITY);
  #numbers = new Uint16Array(FIRST_CAPACITY).fill(EMPTY);
  #size = 0;

  /** Bytes held. */
  get bytes(): number {
    return this.#hashes.byteLength + this.#numbers.byteLength;
  }

  get size(): number {
    return this.#size;
  }

  /** Files `number` (0 to 65,534) under bytes[from, to). */
  add(bytes: Uint8Array, from: number, to: number, number: number): void {
    if (this.#size * 4 >= this.#hashes.length * 3) this.#grow();
    this.#put(hashBytes(bytes, from, to), number);
  }

  /** Every number filed under the path, and possibly others. */
  find(path: Uint8Array): readonly number[] {
    const hash = hashBytes(path, 0, path.length);
    const mask = this.#hashes.length - 1;
    const found: number[] = [];
    for (let slot = hash & mask; this.#numbers[slot] !== EMPTY; slot = (slot + 1) & mask) {
      if (this.#hashes[slot] === hash) found.push(this.#numbers[slot] ?? EMPTY);
    }
    return found;
  }

  #put(hash: number, number: number): void {
    const mask = this.#hashes.length - 1;
    let slot = hash & mask;
    for (; this.#numbers[slot] !== EMPTY; slot = (slot + 1) & mask) {
      if (this.#hashes[slot] === hash && this.#numbers[slot] === number) return;
    }
    this.#hashes[slot] = hash;
    this.#numbers[slot] = number;
    this.#size += 1;
  }

  #grow(): void {
    const hashes = this.#hashes;
    const numbers = this.#numbers;
    this.#hashes = new Uint32Array(hashes.length * 2);
    this.#numbers = new Uint16Array(hashes.length * 2).fill(EMPTY);
    this.#size = 0;
    for (let slot = 0; slot < hashes.length; slot++) {
      const number = numbers[slot] ?? EMPTY;
      if (number !== EMPTY) this.#put(hashes[slot] ?? 0, number);
    }
  }
}
