// SPDX-License-Identifier: Apache-2.0
/** All lists -> one table of names, spans of IPv4 and IPv6 addresses, and the classes they all speak of. */
import { ListClasses } from "./classes.ts";
import type { Entries } from "./entries.ts";
import type { Exceptions } from "./exceptions.ts";
import { fillNames } from "./fill.ts";
import type { NameKey } from "./hash.ts";
import { buildSpans, type SpanTable } from "./spans.ts";
import type { NameTable } from "./table.ts";

/** One list of a load; its place in the array is its number. */
export type ListSource = {
  readonly entries: Entries;
  /** What is taken out of this list and no other: its own exceptions, the user's. */
  readonly exceptions: readonly Entries[];
};

/** What the kernel needs to know of the lists. */
export type ListTables = {
  readonly key: NameKey;
  readonly names: NameTable;
  readonly v4: SpanTable;
  readonly v6: SpanTable;
  readonly classes: ListClasses;
};

function exceptionsOf(sources: readonly ListSource[], key: NameKey): Exceptions | null {
  const lists = sources.map(({ exceptions }) => exceptions.map(({ names }) => names).filter(({ count }) => count > 0));
  if (lists.every((parts) => parts.length === 0)) return null;
  const classes = new ListClasses();
  return { lists, classes, table: fillNames(lists, { key, classes, exceptions: null }) };
}

/** Builds the tables. Throws RangeError when there are more names, or more sets of lists, than fit. */
export function buildLists(sources: readonly ListSource[], key: NameKey): ListTables {
  const classes = new ListClasses();
  const exceptions = exceptionsOf(sources, key);
  const names = fillNames(
    sources.map(({ entries }) => [entries.names]),
    { key, classes, exceptions },
  );
  const ranges = sources.map((source) => ({ ranges: source.entries.ranges, exceptions: source.exceptions.map((e) => e.ranges) }));
  return { key, names, v4: buildSpans(4, ranges, classes), v6: buildSpans(6, ranges, classes), classes };
}
