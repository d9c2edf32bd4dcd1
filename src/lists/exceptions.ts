// SPDX-License-Identifier: Apache-2.0
/** What is taken out of lists, looked up the way lists are. An exception of one list touches no other list. */
import { BELOW, type ListClasses, type ListSet, SELF } from "./classes.ts";
import type { Suffixes } from "./hash.ts";
import type { NameList } from "./names.ts";
import type { NameTable } from "./table.ts";

/** The exceptions of all lists, in a table of their own. */
export type Exceptions = {
  /** For each list its exceptions. */
  readonly lists: readonly (readonly NameList[])[];
  readonly table: NameTable;
  readonly classes: ListClasses;
};

/** The class of suffix n of a name, NO_CLASS where it is not in the table. */
export function classAt(table: NameTable, { low, high }: Suffixes, n: number): number {
  return table.find(low[n] ?? 0, high[n] ?? 0, n + 1);
}

/** The sets of lists in which the name itself, and all that is below it, is excepted. */
export function excepted({ table, classes }: Exceptions, suffixes: Suffixes): { self: ListSet; below: ListSet } {
  const whole = suffixes.count - 1;
  let above = 0n;
  for (let n = 0; n < whole; n++) above |= classes.get(classAt(table, suffixes, n)).below;
  const own = classes.get(classAt(table, suffixes, whole));
  return { self: own.self | above, below: own.below | above };
}

/** What of an entry of `list` its exceptions take out, as bits of a Reach; 0 = nothing. */
export function exceptedReach(exceptions: Exceptions, list: number, suffixes: Suffixes): number {
  const { self, below } = excepted(exceptions, suffixes);
  const bit = 1n << BigInt(list);
  return (self & bit ? SELF : 0) | (below & bit ? BELOW : 0);
}
