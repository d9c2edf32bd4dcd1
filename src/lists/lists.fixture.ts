// SPDX-License-Identifier: Apache-2.0
/** Lists for tests. */
import type { ListSource } from "./build.ts";
import { readEntries } from "./entries.ts";
import { type NameKey, nameKey } from "./hash.ts";

/** A key that is the same in every run. */
export function testKey(seed: number): NameKey {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let word = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    return word ^ (word >>> 16);
  };
  return nameKey(Uint32Array.from({ length: 512 }, next));
}

/** A list of these entries, without those. Throws for a text that is no entry. */
export function listOf(entries: readonly string[], exceptions: readonly string[] = []): ListSource {
  const [own, out] = [readEntries(entries), readEntries(exceptions)];
  if (own.wrong.length + out.wrong.length > 0) throw new Error(`Cannot make a list with ${[...own.wrong, ...out.wrong].join(", ")}`);
  return { entries: own.entries, exceptions: [out.entries] };
}
