// SPDX-License-Identifier: Apache-2.0
/** The dimension of lists: for every set of lists that something is on, the rules about one of them. */
import { MAX_LIST_CLASSES, NameRows } from "../contract/layout.gen.ts";
import type { ListTables } from "../lists/build.ts";
import { type ListSet, listsOf } from "../lists/classes.ts";
import type { Part } from "./parts.ts";
import { Bits, type RowTable } from "./rows.ts";
import { TableFullError } from "./table.ts";

/** The lists whose tables the kernel has. */
export type ListsInForce = {
  readonly tables: ListTables;
  /** Name of a list -> its number in the tables. */
  readonly numbers: ReadonlyMap<string, number>;
  /** Where the kernel has the tables (half.list_set). */
  readonly set: number;
};

/** What `half` says of lists, and the packed table (struct name_rows, by class; class 0 is nobody's). */
export type CompiledLists = {
  readonly half: {
    readonly lists: { readonly buckets: number; readonly reserved: 0; readonly depths: bigint };
    readonly listSet: number;
    readonly listSpans4: number;
    readonly listSpans6: number;
  };
  readonly listRows: Uint8Array;
};

const NONE: CompiledLists = {
  half: { lists: { buckets: 0, reserved: 0, depths: 0n }, listSet: 0, listSpans4: 0, listSpans6: 0 },
  listRows: new Uint8Array(0),
};

/** Bits of the rules about each list, by its number. */
function rulesByList(parts: readonly Part[], numbers: ReadonlyMap<string, number>): Map<number, number[]> {
  const rules = new Map<number, number[]>();
  parts.forEach(({ placed }, bit) => {
    for (const entry of placed.rule.where) {
      const number = entry.kind === "list" ? numbers.get(entry.name) : undefined;
      if (number === undefined) continue;
      const bits = rules.get(number);
      if (bits === undefined) rules.set(number, [bit]);
      else bits.push(bit);
    }
  });
  return rules;
}

/** The tables of lists; none while no rule is about one. Throws TableFullError. */
export function compileLists(parts: readonly Part[], lists: ListsInForce | null, rows: RowTable): CompiledLists {
  if (lists === null) return NONE;
  const { tables, numbers, set } = lists;
  const byList = rulesByList(parts, numbers);
  if (byList.size === 0) return { ...NONE, half: { ...NONE.half, listSet: set } };
  const { classes, names, v4, v6 } = tables;
  if (classes.count > MAX_LIST_CLASSES)
    throw new TableFullError(
      `Cannot use these lists together: their entries are shared in ${classes.count.toLocaleString("en")} ways, the limit is ${MAX_LIST_CLASSES.toLocaleString("en")}; use fewer lists`,
    );
  const asked = [...byList.keys()].reduce((lists, number) => lists | (1n << BigInt(number)), 0n);
  const denies = (bit: number): boolean => parts[bit]?.placed.rule.action !== "allow";
  const scratch = new Bits();
  const known = new Map<ListSet, { readonly all: number; readonly forged: number }>();
  const rowsOf = (lists: ListSet): { readonly all: number; readonly forged: number } => {
    const wanted = lists & asked;
    const before = known.get(wanted);
    if (before !== undefined) return before;
    const bits = listsOf(wanted).flatMap((number) => byList.get(number) ?? []);
    const row = (these: readonly number[]): number => {
      scratch.clear();
      for (const bit of these) scratch.add(bit);
      return rows.indexOf(scratch);
    };
    const made = { all: row(bits), forged: row(bits.filter(denies)) };
    known.set(wanted, made);
    return made;
  };
  const listRows = new Uint8Array(classes.count * NameRows.size);
  const view = new DataView(listRows.buffer);
  const { self, below, selfForged, belowForged, final } = NameRows.fields;
  for (let number = 1; number < classes.count; number++) {
    const at = number * NameRows.size;
    const known = classes.get(number);
    const [itself, under] = [rowsOf(known.self), rowsOf(known.below)];
    view.setUint32(at + self.offset, itself.all, true);
    view.setUint32(at + below.offset, under.all, true);
    view.setUint32(at + selfForged.offset, itself.forged, true);
    view.setUint32(at + belowForged.offset, under.forged, true);
    view.setUint32(at + final.offset, Number(known.final), true);
  }
  const depths = (BigInt(names.depths[1] ?? 0) << 32n) | BigInt(names.depths[0] ?? 0);
  return {
    half: {
      lists: { buckets: names.names === 0 ? 0 : names.buckets, reserved: 0, depths },
      listSet: set,
      listSpans4: v4.count,
      listSpans6: v6.count,
    },
    listRows,
  };
}
