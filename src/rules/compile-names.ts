// SPDX-License-Identifier: Apache-2.0
/** The dimension of names: for every host name that some rule names, the rules that hold for it and for the names below it. */
import { MAX_NAME_BUCKETS, NameBucket, NameRows } from "../contract/layout.gen.ts";
import type { Where } from "../contract/rule.ts";
import { type NameKey, Suffixes } from "../lists/hash.ts";
import { bucketsFor, NameTable } from "../lists/table.ts";
import type { Part } from "./parts.ts";
import { Bits, type RowTable } from "./rows.ts";
import { TableFullError } from "./table.ts";

/** How much larger the next try is when names found no place: at 95 % that is not expected to happen. */
const GROWTH = 1.1;
/** Names that may come before the table is made anew. */
const SPARE = 64;

/** Bits of the rules about one name. */
type Named = { readonly self: number[]; readonly below: number[] };

/** What `half` says of a table of names (struct name_table), and the packed tables. */
export type CompiledNames = {
  readonly table: { readonly buckets: number; readonly reserved: 0; readonly depths: bigint };
  readonly nameBuckets: Uint8Array;
  /** struct name_rows, by class; class 0 is nobody's. */
  readonly nameRows: Uint8Array;
};

const NONE: CompiledNames = {
  table: { buckets: 0, reserved: 0, depths: 0n },
  nameBuckets: new Uint8Array(0),
  nameRows: new Uint8Array(0),
};

const takesSelf = ({ kind }: Where): boolean => kind === "host" || kind === "domain";
const takesBelow = ({ kind }: Where): boolean => kind === "domain" || kind === "subdomains";

/** The names of all rules, each with its rules. */
function namesOf(parts: readonly Part[]): Map<string, Named> {
  const names = new Map<string, Named>();
  parts.forEach(({ placed }, bit) => {
    for (const entry of placed.rule.where) {
      if (entry.kind !== "host" && entry.kind !== "domain" && entry.kind !== "subdomains") continue;
      let named = names.get(entry.name);
      if (named === undefined) {
        named = { self: [], below: [] };
        names.set(entry.name, named);
      }
      if (takesSelf(entry)) named.self.push(bit);
      if (takesBelow(entry)) named.below.push(bit);
    }
  });
  return names;
}

const ascii = new TextEncoder();

/** Whether the name is now in the table as `number`. */
function put(table: NameTable, name: string, { number, key, suffixes }: { number: number; key: NameKey; suffixes: Suffixes }): boolean {
  suffixes.read(key, ascii.encode(name), 0, name.length);
  const last = suffixes.count - 1;
  return table.update(suffixes.low[last] ?? 0, suffixes.high[last] ?? 0, suffixes.count, () => number);
}

/** The numbers of names, from 1, and the table in which the kernel finds them. Stays from edit to edit: most names do. */
export class NameIndex {
  readonly #key: NameKey;
  #numbers = new Map<string, number>();
  #table = new NameTable(1);

  constructor(key: NameKey) {
    this.#key = key;
  }

  get table(): NameTable {
    return this.#table;
  }

  /** The highest number given. */
  get highest(): number {
    return this.#numbers.size;
  }

  /** The number of a name that was there at the last `follow`. */
  numberOf(name: string): number {
    return this.#numbers.get(name) ?? 0;
  }

  /** Takes names in that are new. Those that are gone stay until they are more than the others. Throws TableFullError. */
  follow(names: ReadonlyMap<string, unknown>): void {
    const added = [...names.keys()].filter((name) => !this.#numbers.has(name));
    const suffixes = new Suffixes();
    const room = Math.floor(this.#table.buckets * 8 * 0.95);
    const after = this.#numbers.size + added.length;
    const few = after <= room && after <= 2 * names.size + SPARE;
    const fits = few && added.every((name) => this.#add(this.#table, name, suffixes));
    if (!fits) this.#rebuild([...names.keys()], bucketsFor(names.size + SPARE), suffixes);
  }

  #add(table: NameTable, name: string, suffixes: Suffixes): boolean {
    const number = this.#numbers.size + 1;
    this.#numbers.set(name, number);
    return put(table, name, { number, key: this.#key, suffixes });
  }

  #rebuild(names: readonly string[], buckets: number, suffixes: Suffixes): void {
    if (buckets > MAX_NAME_BUCKETS) {
      /* What did not fit may have pushed out what did. */
      this.#numbers = new Map();
      this.#table = new NameTable(1);
      throw new TableFullError(
        `Cannot use rules about ${names.length.toLocaleString("en")} host names: the limit is ${Math.floor(MAX_NAME_BUCKETS * 8 * 0.95 - SPARE).toLocaleString("en")}; put names into a list, as in deny any -> list:NAME`,
      );
    }
    const table = new NameTable(buckets);
    this.#numbers = new Map();
    this.#table = table;
    if (!names.every((name) => this.#add(table, name, suffixes))) this.#rebuild(names, Math.ceil(buckets * GROWTH), suffixes);
  }
}

/** The tables of names. Throws TableFullError. */
export function compileNames(parts: readonly Part[], index: NameIndex, rows: RowTable): CompiledNames {
  const byName = namesOf(parts);
  if (byName.size === 0) return NONE;
  index.follow(byName);
  const { buckets, depths, words } = index.table;
  const scratch = new Bits();
  const rowOf = (bits: readonly number[]): number => {
    if (bits.length === 0) return 0;
    scratch.clear();
    for (const bit of bits) scratch.add(bit);
    return rows.indexOf(scratch);
  };
  const denies = (bit: number): boolean => parts[bit]?.placed.rule.action !== "allow";
  const nameRows = new Uint8Array((index.highest + 1) * NameRows.size);
  const view = new DataView(nameRows.buffer);
  const { self: atSelf, below: atBelow, selfForged, belowForged } = NameRows.fields;
  for (const [name, { self, below }] of byName) {
    const at = index.numberOf(name) * NameRows.size;
    view.setUint32(at + atSelf.offset, rowOf(self), true);
    view.setUint32(at + atBelow.offset, rowOf(below), true);
    view.setUint32(at + selfForged.offset, rowOf(self.filter(denies)), true);
    view.setUint32(at + belowForged.offset, rowOf(below.filter(denies)), true);
  }
  return {
    table: { buckets, reserved: 0, depths: (BigInt(depths[1] ?? 0) << 32n) | BigInt(depths[0] ?? 0) },
    nameBuckets: new Uint8Array(words.buffer, 0, buckets * NameBucket.size),
    nameRows,
  };
}
