// SPDX-License-Identifier: Apache-2.0
/**
 * The tables of lists: a new map for each change of them, beside the one in force, in the maps of maps `list_buckets`, `list_spans4` and
 * `list_spans6`. What puts them in force is a policy that names their set (half.list_set).
 */
import { LIST_SETS, ListSpan4, ListSpan6, NameBucket } from "../contract/layout.gen.ts";
import type { ListBytes } from "../contract/policy.ts";
import { createMappedArray, deleteEntry, updateEntryLater } from "./libbpf.ts";
import { close } from "./libc.ts";
import { writeMapped } from "./memory.ts";
import type { MapName } from "./object.ts";

const TABLES = [
  { map: "list_buckets", table: "buckets", entrySize: NameBucket.size },
  { map: "list_spans4", table: "spans4", entrySize: ListSpan4.size },
  { map: "list_spans6", table: "spans6", entrySize: ListSpan6.size },
] as const;

const keyOf = (set: number): Uint8Array => new Uint8Array(Uint32Array.of(set).buffer);

/** Writes tables into the set that is not in force; returns its number. Nobody may use that set: an older policy has had its grace period. */
export async function putLists(fd: (name: MapName) => number, inForce: number, bytes: ListBytes): Promise<number> {
  const set = (inForce + 1) % LIST_SETS;
  for (const { map, table, entrySize } of TABLES) {
    const entries = bytes[table].length / entrySize;
    if (entries === 0) {
      deleteEntry(fd(map), keyOf(set));
      continue;
    }
    const inner = createMappedArray(map, entries, entrySize);
    try {
      writeMapped(inner, 0, bytes[table]);
      await updateEntryLater(fd(map), keyOf(set), keyOf(inner));
    } finally {
      close(inner);
    }
  }
  return set;
}

/** Gives back the memory of the set that is not in force, once no older policy is read any more. */
export function dropLists(fd: (name: MapName) => number, inForce: number): void {
  for (const { map } of TABLES) deleteEntry(fd(map), keyOf((inForce + 1) % LIST_SETS));
}
