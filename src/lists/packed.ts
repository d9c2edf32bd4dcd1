// SPDX-License-Identifier: Apache-2.0
/** The tables of all lists on their way from the thread that built them: plain data, whose memory goes along and is not copied. */
import type { ListTables } from "./build.ts";
import { type ListClass, ListClasses } from "./classes.ts";
import { nameKey } from "./hash.ts";
import { SpanTable } from "./spans.ts";
import { NameTable } from "./table.ts";

type Words = Uint32Array<ArrayBuffer>;

export type PackedTables = {
  readonly key: Words;
  readonly names: { readonly count: number; readonly buckets: number; readonly words: Words; readonly depths: Words };
  readonly v4: Words;
  readonly v6: Words;
  readonly classes: readonly ListClass[];
};

/** `memory` is what goes along: the tables are of no use here any more once it has. */
export function packTables({ key, names, v4, v6, classes }: ListTables): { packed: PackedTables; memory: ArrayBuffer[] } {
  const packed: PackedTables = {
    key: key.words,
    names: { count: names.names, buckets: names.buckets, words: names.words, depths: Uint32Array.from(names.depths) },
    v4: v4.words,
    v6: v6.words,
    classes: Array.from({ length: classes.count }, (_, number) => classes.get(number)),
  };
  return { packed, memory: [names.words.buffer, v4.words.buffer, v6.words.buffer] };
}

/** The same tables again. */
export function unpackTables({ key, names, v4, v6, classes: sets }: PackedTables): ListTables {
  const table = new NameTable(names.buckets, names.words);
  table.names = names.count;
  table.depths.set(names.depths);
  const classes = new ListClasses();
  for (const each of sets) classes.number(each);
  return { key: nameKey(key), names: table, v4: new SpanTable(4, v4), v6: new SpanTable(6, v6), classes };
}
