// SPDX-License-Identifier: Apache-2.0
/** Many names without an object each: their bytes one after the other, and where each ends. */
import { hostName } from "../contract/name.ts";
import { BOTH, type Reach, SELF } from "./classes.ts";
import { type NameKey, randomNameKey, Suffixes } from "./hash.ts";

/** Distinct names, in the form `hostName` writes. Plain data: it may be sent to another thread. */
export type NameList = {
  readonly count: number;
  /** ASCII, no separators. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where name n ends in `bytes`; it begins where the one before ends. */
  readonly ends: Uint32Array<ArrayBuffer>;
  /** What name n takes, as a Reach. */
  readonly reaches: Uint8Array<ArrayBuffer>;
};

/** Where name n begins in `names.bytes`. */
export function nameStart(names: NameList, n: number): number {
  return n === 0 ? 0 : (names.ends[n - 1] ?? 0);
}

export function nameText(names: NameList, n: number): string {
  return String.fromCharCode(...names.bytes.subarray(nameStart(names, n), names.ends[n]));
}

/** An entry as the rule language writes it: `x` takes x alone, `.x` x and everything below, `*.x` what is below only. */
export function entryText(name: string, reach: Reach): string {
  return reach === SELF ? name : reach === BOTH ? `.${name}` : `*.${name}`;
}

const MAX_NAME = 253;
const MAX_LABEL = 63;
const DOT = 46;
const HYPHEN = 45;
const FIRST_NAMES = 1024;
/** Bytes of a name, about: only where the memory starts. */
const USUAL_NAME = 20;

/** For each ASCII character the one a name has in its place; 0 = none. The dot is not among them. */
const IN_LABEL = Uint8Array.from({ length: 128 }, (_, code) => {
  const lower = String.fromCharCode(code).toLowerCase();
  return /[a-z0-9_-]/.test(lower) ? lower.charCodeAt(0) : 0;
});
const isDigit = (code: number): boolean => code >= 48 && code <= 57;

function grown<T extends Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(array: T, size: number): T {
  const larger = new (array.constructor as new (length: number) => T)(size);
  larger.set(array);
  return larger;
}

/** Collects names; each distinct one once. */
export class NameCollector {
  count = 0;
  readonly #key: NameKey = randomNameKey();
  readonly #suffixes = new Suffixes();
  #bytes = new Uint8Array(FIRST_NAMES * USUAL_NAME);
  #ends = new Uint32Array(FIRST_NAMES);
  #reaches = new Uint8Array(FIRST_NAMES);
  #hashes = new Uint32Array(FIRST_NAMES);
  /** Hash -> name number + 1, 0 = free; linear probing. Always at least twice as long as there are names. */
  #index = new Uint32Array(2 * FIRST_NAMES);

  /** Takes a name. "known": it was here, and now takes `reach` too. Null: `text` is no host name. */
  add(text: string, reach: Reach): "new" | "known" | null {
    const start = this.#start(this.count);
    const end = this.#write(text, start);
    if (end === null) return null;
    const hash = this.#hash(start, end);
    const place = this.#find(start, end, hash);
    const known = this.#index[place] ?? 0;
    if (known > 0) {
      this.#reaches[known - 1] = (this.#reaches[known - 1] ?? 0) | reach;
      return "known";
    }
    this.#ends[this.count] = end;
    this.#reaches[this.count] = reach;
    this.#hashes[this.count] = hash;
    this.count += 1;
    this.#index[place] = this.count;
    if (this.count === this.#ends.length) this.#grow();
    return "new";
  }

  /** What was collected, in memory of its own size. */
  list(): NameList {
    const bytes = this.#bytes.slice(0, this.#start(this.count));
    return { count: this.count, bytes, ends: this.#ends.slice(0, this.count), reaches: this.#reaches.slice(0, this.count) };
  }

  /** Where name n begins. */
  #start(n: number): number {
    return n === 0 ? 0 : (this.#ends[n - 1] ?? 0);
  }

  /** Writes the comparable form of `text` at `start`; where it ends, or null when it has none. */
  #write(text: string, start: number): number | null {
    if (this.#bytes.length < start + MAX_NAME) this.#bytes = grown(this.#bytes, 2 * this.#bytes.length);
    const end = this.#writeAscii(text, start);
    if (end !== "international") return end;
    const name = hostName(text);
    const ascii = name === null ? null : this.#writeAscii(name, start);
    return ascii === "international" ? null : ascii;
  }

  /** The same as `hostName` for ASCII, without a string of its own: half of all the time a list takes is spent here. */
  #writeAscii(text: string, start: number): number | null | "international" {
    const bytes = this.#bytes;
    const length = text.endsWith(".") ? text.length - 1 : text.length;
    let label = 0;
    let digits = true;
    let valid = length > 0 && length <= MAX_NAME;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 128) return "international";
      if (!valid) continue;
      const lower = IN_LABEL[code] ?? 0;
      if (code === DOT) {
        valid = i > label && i - label <= MAX_LABEL && bytes[start + i - 1] !== HYPHEN;
        bytes[start + i] = DOT;
        label = i + 1;
        digits = true;
      } else {
        valid = lower !== 0 && !(lower === HYPHEN && i === label);
        bytes[start + i] = lower;
        digits &&= isDigit(lower);
      }
    }
    const last = length - label;
    return valid && !digits && last > 0 && last <= MAX_LABEL && bytes[start + length - 1] !== HYPHEN ? start + length : null;
  }

  #hash(start: number, end: number): number {
    const { low, high } = this.#suffixes;
    this.#suffixes.read(this.#key, this.#bytes, start, end);
    const last = this.#suffixes.count - 1;
    return Math.imul((high[last] ?? 0) ^ ((low[last] ?? 0) >>> 7), 0x9e3779b1) >>> 0;
  }

  /** The place in the index of the name in bytes[start..end), or the free one where it belongs. */
  #find(start: number, end: number, hash: number): number {
    const mask = this.#index.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const n = this.#index[place] ?? 0;
      if (n === 0 || (this.#hashes[n - 1] === hash && this.#same(n - 1, start, end))) return place;
    }
  }

  #same(n: number, start: number, end: number): boolean {
    const from = this.#start(n);
    if ((this.#ends[n] ?? 0) - from !== end - start) return false;
    for (let i = 0; i < end - start; i++) if (this.#bytes[from + i] !== this.#bytes[start + i]) return false;
    return true;
  }

  #grow(): void {
    const size = 2 * this.count;
    this.#ends = grown(this.#ends, size);
    this.#reaches = grown(this.#reaches, size);
    this.#hashes = grown(this.#hashes, size);
    const mask = 2 * size - 1;
    this.#index = new Uint32Array(2 * size);
    for (let n = 0; n < this.count; n++) {
      let place = (this.#hashes[n] ?? 0) & mask;
      while (this.#index[place] !== 0) place = (place + 1) & mask;
      this.#index[place] = n + 1;
    }
  }
}
