// SPDX-License-Identifier: Apache-2.0
/** Names of many lists -> one table no larger than they need. */
import type { ListClasses, Reach } from "./classes.ts";
import { type Exceptions, exceptedReach } from "./exceptions.ts";
import { type NameKey, Suffixes } from "./hash.ts";
import { digHoles } from "./holes.ts";
import { type NameList, nameStart } from "./names.ts";
import { bucketsFor, NameTable } from "./table.ts";

/** How much larger the next try is when names found no place. At 95 % that is not expected to happen. */
const GROWTH = 1.03;

export type FillOptions = { readonly key: NameKey; readonly classes: ListClasses; readonly exceptions: Exceptions | null };

const countOf = (lists: readonly (readonly NameList[])[]): number => lists.flat().reduce((sum, { count }) => sum + count, 0);

/** Puts the names of one list in. False when the table is full. */
function addList(table: NameTable, names: NameList, list: number, options: FillOptions): boolean {
  const { key, classes } = options;
  const exceptions = (options.exceptions?.lists[list] ?? []).length > 0 ? options.exceptions : null;
  const suffixes = new Suffixes();
  for (let n = 0; n < names.count; n++) {
    suffixes.read(key, names.bytes, nameStart(names, n), names.ends[n] ?? 0);
    const out = exceptions === null ? 0 : exceptedReach(exceptions, list, suffixes);
    const reach = (names.reaches[n] ?? 0) & ~out;
    if (reach === 0) continue;
    const last = suffixes.count - 1;
    const change = (before: number): number => classes.with(before, list, reach as Reach);
    if (!table.update(suffixes.low[last] ?? 0, suffixes.high[last] ?? 0, suffixes.count, change)) return false;
  }
  return true;
}

/** A table of at least so many buckets with all names in it. */
function filled(lists: readonly (readonly NameList[])[], options: FillOptions, buckets: number): NameTable {
  const table = new NameTable(buckets);
  const fits =
    lists.every((parts, list) => parts.every((names) => addList(table, names, list, options))) &&
    (options.exceptions === null || digHoles(table, options.exceptions, options));
  return fits ? table : filled(lists, options, Math.ceil(buckets * GROWTH));
}

/**
 * One table for the names of all lists; list n may come in several parts. Lists that share names are filled in twice: how many distinct
 * ones there are is known after the first time. Throws RangeError when there are more than fit.
 */
export function fillNames(lists: readonly (readonly NameList[])[], options: FillOptions): NameTable {
  const holes = countOf(options.exceptions?.lists ?? []);
  const table = filled(lists, options, bucketsFor(countOf(lists) + holes));
  const needed = bucketsFor(table.names);
  return needed < table.buckets ? filled(lists, options, needed) : table;
}
