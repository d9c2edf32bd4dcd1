// SPDX-License-Identifier: Apache-2.0
/**
 * The tables after an edit, made from those before it: the rows get or lose one bit, and spans change where the rule holds. That this
 * gives what compiling all anew gives is edit-tables.test.ts; whatever it cannot do is compiled anew.
 */
import type { Environment } from "../contract/environment.ts";
import { MAX_PORT_SPANS, MAX_ROWS, MAX_RULES, MAX_SPANS4, MAX_SPANS6, PortSpan, Span4, Span6, UserRow } from "../contract/layout.gen.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { lastAddress } from "./address.ts";
import { Axis, type Flat, WITH, WITHOUT } from "./axis.ts";
import { LAST as LAST_PORT, packPorts, portLine } from "./compile-ports.ts";
import { type Known, linesOfPart, pack4, pack6, placesIn } from "./compile-where.ts";
import { FIXED_NAMES, FIXED_ROWS, type FixedRow } from "./fixed.ts";
import { type Part, partsOf } from "./parts.ts";
import type { RowTable } from "./rows.ts";
import type { Interval } from "./sweep.ts";
import { pack, TableFullError } from "./table.ts";

/** The tables that rules alone make, without programs. */
export type Dimensions = {
  readonly spans4: Uint8Array;
  readonly spans6: Uint8Array;
  readonly portSpans: Uint8Array;
  readonly users: Uint8Array;
  readonly fixed: Readonly<Record<FixedRow, number>>;
};

/** An edit of more is compiled anew. */
const MOST_CHANGES = 8;

const lastOf4 = Number(lastAddress(4));
const flat = (intervals: readonly Interval<bigint>[]): Flat<bigint> => intervals.flatMap(({ first, last }) => [first, last]);

/** One field of every entry of a packed table. */
function column(bytes: Uint8Array, size: number, offset: number): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / size }, (_, i) => view.getUint32(i * size + offset, true));
}

function starts6(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { startHigh, startLow } = Span6.fields;
  return Array.from({ length: bytes.length / Span6.size }, (_, i) => {
    const at = i * Span6.size;
    return (view.getBigUint64(at + startHigh.offset, true) << 64n) | view.getBigUint64(at + startLow.offset, true);
  });
}

/** Where a part holds on each of the axes, one line for each set. */
type PartLines = { readonly v4: readonly Flat<number>[]; readonly v6: readonly Flat<bigint>[]; readonly ports: readonly Flat<number>[] };

function linesFor(part: Part, places: Known): PartLines {
  const { v4, own4, v6, own6 } = linesOfPart(places, part);
  const first6 = flat(v6);
  return { v4: [v4, own4], v6: [first6, v6 === own6 ? first6 : flat(own6)], ports: [portLine(part)] };
}

/** What of the environment the rows of users depend on. */
const usersText = ({ users }: Environment): string => JSON.stringify([...users]);

/** A set of tables in a form that edits can change. Its rows are in the table of rows that it was made with, and change there. */
export class EditableTables {
  #parts: readonly Part[];
  readonly #rows: RowTable;
  #environment: Environment;
  readonly #places: Known;
  readonly #spans4: Axis<number>;
  readonly #spans6: Axis<bigint>;
  readonly #ports: Axis<number>;
  /** The uids that rules name, and their rows. */
  readonly #uids: readonly number[];
  #userRows: number[];
  readonly #fixed: Record<FixedRow, number>;

  constructor(parts: readonly Part[], tables: Dimensions, { rows, environment }: { rows: RowTable; environment: Environment }) {
    const { spans4, spans6, portSpans, users, fixed } = tables;
    this.#parts = parts;
    this.#rows = rows;
    this.#environment = environment;
    this.#places = placesIn(environment);
    const [f4, f6, fp] = [Span4.fields, Span6.fields, PortSpan.fields];
    const column4 = (offset: number): number[] => column(spans4, Span4.size, offset);
    const column6 = (offset: number): number[] => column(spans6, Span6.size, offset);
    const columnPorts = (offset: number): number[] => column(portSpans, PortSpan.size, offset);
    const next = (key: number): number => key + 1;
    this.#spans4 = new Axis(column4(f4.start.offset), [column4(f4.row.offset), column4(f4.rowOwn.offset)], { next, highest: lastOf4 });
    this.#spans6 = new Axis(starts6(spans6), [column6(f6.row.offset), column6(f6.rowOwn.offset)], {
      next: (key: bigint) => key + 1n,
      highest: lastAddress(6),
    });
    this.#ports = new Axis(columnPorts(fp.start.offset), [columnPorts(fp.row.offset)], { next, highest: LAST_PORT });
    this.#uids = column(users, UserRow.size, UserRow.fields.uid.offset);
    this.#userRows = column(users, UserRow.size, UserRow.fields.row.offset);
    this.#fixed = { ...fixed };
  }

  get parts(): readonly Part[] {
    return this.#parts;
  }

  /**
   * Takes over what is another in `ordered`. Null when that has to be compiled anew: too much is, or rules about users, or the places have
   * become others. Throws TableFullError when there is no room; then these tables are of no use any more.
   */
  follow(ordered: readonly PlacedRule[], environment: Environment): Dimensions | null {
    if (placesIn(environment) !== this.#places) return null;
    if (environment !== this.#environment && usersText(environment) !== usersText(this.#environment)) return null;
    const { at, gone, come } = difference(this.#parts, ordered);
    const changed = [...gone, ...come];
    if (changed.length === 0 || changed.length > MOST_CHANGES || this.#parts.length - gone.length + come.length > MAX_RULES) return null;
    if (changed.some(({ placed }) => placed.rule.who.user !== null)) return null;
    for (const part of gone) this.#leave(part, at);
    for (const [i, part] of come.entries()) this.#enter(part, at + i);
    this.#parts = this.#parts.toSpliced(at, gone.length, ...come);
    if (this.#spans4.starts.length > MAX_SPANS4 || this.#spans6.starts.length > MAX_SPANS6 || this.#ports.starts.length > MAX_PORT_SPANS)
      throw new TableFullError("Cannot follow these rules: their spans have no room");
    this.#environment = environment;
    this.#rows.keep(this.#wanted());
    return this.#dimensions();
  }

  #enter(part: Part, bit: number): void {
    const { v4, v6, ports } = linesFor(part, this.#places);
    const wanted = new Uint8Array(MAX_ROWS);
    this.#spans4.prepare(v4, wanted);
    this.#spans6.prepare(v6, wanted);
    this.#ports.prepare(ports, wanted);
    for (const row of this.#userRows) wanted[row] = (wanted[row] ?? 0) | WITH;
    for (const name of FIXED_NAMES) {
      const row = this.#fixed[name];
      wanted[row] = (wanted[row] ?? 0) | (FIXED_ROWS[name](part) ? WITH : WITHOUT);
    }
    const moved = this.#rows.enter(bit, wanted);
    this.#spans4.enter(moved);
    this.#spans6.enter(moved);
    this.#ports.enter(moved);
    this.#userRows = this.#userRows.map((row) => moved[row] || row);
    for (const name of FIXED_NAMES) if (FIXED_ROWS[name](part)) this.#fixed[name] = moved[this.#fixed[name]] || this.#fixed[name];
  }

  #leave(part: Part, bit: number): void {
    const { v4, v6, ports } = linesFor(part, this.#places);
    this.#rows.leave(bit);
    const alike = (row: number, other: number): boolean => this.#rows.alike(row, other);
    this.#spans4.leave(v4, alike);
    this.#spans6.leave(v6, alike);
    this.#ports.leave(ports, alike);
  }

  /** The rows that are in use. */
  #wanted(): Uint8Array {
    const wanted = new Uint8Array(MAX_ROWS);
    for (const axis of [this.#spans4, this.#spans6, this.#ports]) axis.want(wanted);
    for (const row of this.#userRows) wanted[row] = WITHOUT;
    for (const name of FIXED_NAMES) wanted[this.#fixed[name]] = WITHOUT;
    return wanted;
  }

  #dimensions(): Dimensions {
    const [spans4, spans6, ports] = [this.#spans4, this.#spans6, this.#ports];
    return {
      spans4: pack4(spans4.starts, spans4.sets[0] ?? [], spans4.sets[1] ?? []),
      spans6: pack6(spans6.starts, spans6.sets[0] ?? [], spans6.sets[1] ?? []),
      portSpans: packPorts(ports.starts, ports.sets[0] ?? []),
      users: pack(
        UserRow,
        this.#uids.map((uid, i) => ({ uid, row: this.#userRows[i] ?? 0 })),
      ),
      fixed: { ...this.#fixed },
    };
  }
}

/** Where the parts of `ordered` are others than `parts`: from `at` on, `gone` stood there, and `come` stand there now. */
function difference(parts: readonly Part[], ordered: readonly PlacedRule[]): { at: number; gone: readonly Part[]; come: readonly Part[] } {
  let [first, at] = [0, 0];
  for (; first < ordered.length; first++) {
    const placed = ordered[first];
    if (placed?.enabled !== true) continue;
    if (parts[at]?.placed !== placed) break;
    while (parts[at]?.placed === placed) at++;
  }
  let [end, gone] = [ordered.length, parts.length];
  for (; end > first; end--) {
    const placed = ordered[end - 1];
    if (placed?.enabled !== true) continue;
    if (gone === at || parts[gone - 1]?.placed !== placed) break;
    while (gone > at && parts[gone - 1]?.placed === placed) gone--;
  }
  return { at, gone: parts.slice(at, gone), come: partsOf(ordered.slice(first, end)) };
}
