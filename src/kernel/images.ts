// SPDX-License-Identifier: Apache-2.0
/**
 * What the daemon has filed in the kernel's table of images, and what of it may go: salted entries stand for one run and go when it is
 * over; when the table is full, those that nobody has used for longest make room. What went is identified anew when it runs again.
 */
import { ImageKey } from "../contract/layout.gen.ts";
import { TableFullError } from "./kernel.ts";

/** The tables, as bytes. */
export type ImageTable = {
  keys(): Iterable<Uint8Array>;
  /** Throws `TableFullError`. */
  put(key: Uint8Array, image: Uint8Array): void;
  remove(key: Uint8Array): void;
  /** The keys by which somebody is looked up now: running processes, and live sockets whose program is not known yet. */
  used(): Iterable<Uint8Array>;
};

/** How much of a full table makes room at once: each time costs a look at every process. */
const SHARE = 1 / 4;

const { argsHash, salt } = ImageKey.fields;

/** A key's bytes, one character each. */
const textOf = (key: Uint8Array): string => Buffer.from(key).toString("latin1");
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

const has = (key: Uint8Array, { offset }: { readonly offset: number }): boolean =>
  key.subarray(offset, offset + 8).some((byte) => byte !== 0);

/** An interpreter's own entry is what says that its arguments count: whoever is looked up by them needs it too. */
function withoutArgs(key: Uint8Array): Uint8Array {
  return Uint8Array.from(key).fill(0, argsHash.offset, argsHash.offset + 8);
}

export class Images {
  readonly #table: ImageTable;
  /** Key -> the look at which it was used last. Least recently used first. */
  readonly #filed = new Map<string, number>();
  #look = 0;

  constructor(table: ImageTable) {
    this.#table = table;
    for (const key of table.keys()) this.#filed.set(textOf(key), this.#look);
  }

  /** Files an image. Throws `TableFullError` when every entry is in use. */
  put(key: Uint8Array, image: Uint8Array): void {
    try {
      this.#table.put(key, image);
    } catch (error) {
      if (!(error instanceof TableFullError) || this.#makeRoom() === 0) throw error;
      this.#table.put(key, image);
    }
    this.#mark(textOf(key));
  }

  /** Takes away the runs that are over. What was in use at the look before stays: records of its flows may still be on their way. */
  forgetEnded(): void {
    this.#lookAtUsed();
    for (const [text, look] of this.#filed) if (look < this.#look - 1 && has(bytesOf(text), salt)) this.#remove(text);
  }

  /** Takes away everything that is not in use. */
  forgetIdle(): void {
    this.#lookAtUsed();
    for (const [text, look] of this.#filed) if (look !== this.#look) this.#remove(text);
  }

  /** Takes away what has not been used for longest. Returns how many entries that were. */
  #makeRoom(): number {
    this.#lookAtUsed();
    let left = Math.ceil(this.#filed.size * SHARE);
    const before = this.#filed.size;
    for (const [text, look] of this.#filed) {
      if (look === this.#look || left-- === 0) break;
      this.#remove(text);
    }
    return before - this.#filed.size;
  }

  #lookAtUsed(): void {
    this.#look += 1;
    for (const key of this.#table.used()) {
      this.#markFiled(key);
      if (has(key, argsHash)) this.#markFiled(withoutArgs(key));
    }
  }

  #markFiled(key: Uint8Array): void {
    const text = textOf(key);
    if (this.#filed.has(text)) this.#mark(text);
  }

  #mark(text: string): void {
    this.#filed.delete(text);
    this.#filed.set(text, this.#look);
  }

  #remove(text: string): void {
    this.#table.remove(bytesOf(text));
    this.#filed.delete(text);
  }
}
