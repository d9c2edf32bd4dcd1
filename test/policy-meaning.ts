// SPDX-License-Identifier: Apache-2.0
/** What a policy says, whatever the numbers of its rows: two that say the same are equal here. */
import { decode, type StructLayout } from "../src/contract/codec.ts";
import { ClassRow, NameRows, PortSpan, Row, Span4, Span6, UserRow } from "../src/contract/layout.gen.ts";
import type { CompiledPolicy } from "../src/contract/policy.ts";

const ROW_FIELDS = /^row/;

/** What the names in a table come to, by fingerprint; those that no rule names any more say nothing. The same key gives the same fingerprints. */
function namesIn(buckets: Uint8Array, rowsOf: (number: number) => object): [string, string][] {
  const nothing = JSON.stringify(rowsOf(0));
  const slots = new BigUint64Array(buckets.slice().buffer);
  return [...slots]
    .filter((slot) => slot !== 0n)
    .map((slot): [string, string] => [(slot >> 24n).toString(16), JSON.stringify(rowsOf(Number(slot & 0xffffffn)))])
    .filter(([, said]) => said !== nothing)
    .sort();
}

export function meaningOf({ half: { names: _, ...half }, tables }: CompiledPolicy): unknown {
  const known = new Map<number, string>();
  const row = (number: number): string => {
    const text = known.get(number) ?? Buffer.from(tables.rows.subarray(number * Row.size, (number + 1) * Row.size)).toString("base64");
    known.set(number, text);
    return text;
  };
  const withRows = (fields: object): object =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, ROW_FIELDS.test(name) ? row(Number(value)) : value]));
  const entries = (layout: StructLayout, bytes: Uint8Array): object[] =>
    Array.from({ length: bytes.length / layout.size }, (_, i) => withRows(decode(layout, bytes, i * layout.size)));
  const nameRows = (number: number): object => {
    const fields = tables.nameRows.length === 0 ? {} : decode(NameRows, tables.nameRows, number * NameRows.size);
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, row(Number(value))]));
  };
  return {
    empty: row(0),
    half: withRows(half),
    spans4: entries(Span4, tables.spans4),
    spans6: entries(Span6, tables.spans6),
    portSpans: entries(PortSpan, tables.portSpans),
    users: entries(UserRow, tables.users),
    classRows: entries(ClassRow, tables.classRows),
    names: namesIn(tables.nameBuckets, (number) => nameRows(number)),
    rules: Buffer.from(tables.rules).toString("base64"),
  };
}
