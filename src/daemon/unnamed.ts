// SPDX-License-Identifier: Apache-2.0
/**
 * Flow records of programs that are being identified: kept back, in order, until the program has a name, so that the history names even
 * a process that was gone before anybody could look. After a while they go on without.
 */
import type { RingRecord } from "../contract/record.ts";
import type { ImageKeyFields } from "../kernel/kernel.ts";

export type FlowRing = Extract<RingRecord, { kind: "flow" | "flow-end" }>;

export type Named = { readonly record: FlowRing; readonly classId: number };

const PATIENCE_MS = 3000;
const MAX_RECORDS = 16_384;

/** An image key as a key of a map. */
export const keyText = (key: ImageKeyFields): string =>
  `${key.device}:${key.inode}:${key.ctimeNs}:${key.cgroup}:${key.argsHash}:${key.salt}:${key.responsible}:${key.flags}`;

export class Unnamed {
  readonly #waiting = new Map<string, { readonly key: ImageKeyFields; readonly sinceMs: number; readonly records: FlowRing[] }>();
  #count = 0;

  /** How many records are kept back. */
  get size(): number {
    return this.#count;
  }

  /** Keeps a record back; false when there is no room, and it has to go on as it is. */
  keep(record: FlowRing): boolean {
    if (this.#count >= MAX_RECORDS) return false;
    const { key } = record.event;
    const text = keyText(key);
    const waiting = this.#waiting.get(text) ?? { key, sinceMs: Date.now(), records: [] };
    waiting.records.push(record);
    this.#waiting.set(text, waiting);
    this.#count += 1;
    return true;
  }

  /** Whether records of this image are kept back: what follows must stay behind them. */
  has(key: ImageKeyFields): boolean {
    return this.#waiting.has(keyText(key));
  }

  /** Takes the records of an image that `classOf` knows by now, each with its class. */
  takeOf(key: ImageKeyFields, classOf: (key: ImageKeyFields) => number): Named[] {
    const text = keyText(key);
    const classId = this.#waiting.has(text) ? classOf(key) : 0;
    return classId === 0 ? [] : this.#take(text, classId);
  }

  /**
   * Takes the records of every image that `classOf` knows by now, and those that have waited too long, with class 0. Whoever stands in line
   * to be identified (`inLine`) is waited for however long that line is.
   */
  take(classOf: (key: ImageKeyFields) => number, inLine: (text: string) => boolean): Named[] {
    const now = Date.now();
    return [...this.#waiting].flatMap(([text, { key, sinceMs }]) => {
      const classId = classOf(key);
      return classId === 0 && (now - sinceMs < PATIENCE_MS || inLine(text)) ? [] : this.#take(text, classId);
    });
  }

  #take(text: string, classId: number): Named[] {
    const records = this.#waiting.get(text)?.records ?? [];
    this.#waiting.delete(text);
    this.#count -= records.length;
    return records.map((record) => ({ record, classId }));
  }
}
