// SPDX-License-Identifier: Apache-2.0
/**
 * Holes: where an exception covers only a part of an entry (`good.example.com` of `.example.com`), the table gets an entry of its own for
 * that part. Its class is final: it has all lists that hold there, and the lookup goes no further up.
 */
import type { ListClasses, ListSet } from "./classes.ts";
import { classAt, type Exceptions, excepted } from "./exceptions.ts";
import { type NameKey, Suffixes } from "./hash.ts";
import { nameStart } from "./names.ts";
import type { NameTable } from "./table.ts";

/** The lists that have every name below the shorter suffixes. */
function inherited(table: NameTable, classes: ListClasses, suffixes: Suffixes): ListSet {
  let lists = 0n;
  for (let n = suffixes.count - 2; n >= 0; n--) {
    const { below, final } = classes.get(classAt(table, suffixes, n));
    lists |= below;
    if (final) break;
  }
  return lists;
}

/** False when the table is full. */
function dig(table: NameTable, suffixes: Suffixes, exceptions: Exceptions, classes: ListClasses): boolean {
  const from = inherited(table, classes, suffixes);
  const out = excepted(exceptions, suffixes);
  if ((from & (out.self | out.below)) === 0n) return true;
  const n = suffixes.count - 1;
  return table.update(suffixes.low[n] ?? 0, suffixes.high[n] ?? 0, suffixes.count, (before) => {
    const own = classes.get(before);
    if (own.final) return before;
    return classes.number({ self: own.self | (from & ~out.self), below: own.below | (from & ~out.below), final: true });
  });
}

/** Digs the hole of every exception, those with fewer labels first: a hole builds on the ones above it. False when the table is full. */
export function digHoles(table: NameTable, exceptions: Exceptions, options: { key: NameKey; classes: ListClasses }): boolean {
  const suffixes = new Suffixes();
  const places = exceptions.lists.flat().flatMap((names) =>
    Array.from({ length: names.count }, (_, n) => {
      const [from, to] = [nameStart(names, n), names.ends[n] ?? 0];
      return { bytes: names.bytes, from, to, labels: names.bytes.subarray(from, to).filter((byte) => byte === 46).length };
    }),
  );
  for (const { bytes, from, to } of places.sort((a, b) => a.labels - b.labels)) {
    suffixes.read(options.key, bytes, from, to);
    if (!dig(table, suffixes, exceptions, options.classes)) return false;
  }
  return true;
}
