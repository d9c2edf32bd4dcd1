// SPDX-License-Identifier: Apache-2.0
/** Which file was last seen at a path, so that a replaced program is shown as such. */
import { z } from "zod";
import type { FileKey } from "../contract/app.ts";
import { fileKeyText } from "./image.ts";

const Entry = z.strictObject({ path: z.string(), key: z.string(), lastSeen: z.string(), changedSince: z.string().nullable() });
type Entry = z.infer<typeof Entry>;

const MAX_PATHS = 16384;

/** Remembers the last 16,384 paths. */
export class SeenFiles {
  readonly #entries = new Map<string, Entry>();
  /** Key -> path. */
  readonly #paths = new Map<string, string>();

  /**
   * Notes that the file at `path` has `key` now (milliseconds since the epoch). Answers the ISO time at which another file was last seen
   * there; null when it has always been this one.
   */
  note(path: string, key: FileKey, nowMs: number): string | null {
    const before = this.#entries.get(path);
    const text = fileKeyText(key);
    const changedSince = before === undefined ? null : before.key === text ? before.changedSince : before.lastSeen;
    this.#put({ path, key: text, lastSeen: new Date(nowMs).toISOString(), changedSince });
    return changedSince;
  }

  /** Where the file with this key was seen last: still to be verified. Null when it was not. */
  pathOf(key: FileKey): string | null {
    return this.#paths.get(fileKeyText(key)) ?? null;
  }

  toJSON(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  /** Takes back what `toJSON` gave. Entries that are not such are left out. */
  restore(data: unknown): void {
    for (const each of Array.isArray(data) ? data : []) {
      const entry = Entry.safeParse(each);
      if (entry.success) this.#put(entry.data);
    }
  }

  #put(entry: Entry): void {
    this.#forget(entry.path);
    if (this.#entries.size >= MAX_PATHS) this.#forget(this.#entries.keys().next().value ?? "");
    this.#entries.set(entry.path, entry);
    this.#paths.set(entry.key, entry.path);
  }

  #forget(path: string): void {
    const key = this.#entries.get(path)?.key;
    this.#entries.delete(path);
    if (key !== undefined && this.#paths.get(key) === path) this.#paths.delete(key);
  }
}
