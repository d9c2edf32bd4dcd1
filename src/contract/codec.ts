// SPDX-License-Identifier: Apache-2.0
/**
 * Bytes <-> objects, by the layouts of layout.gen.ts. What a C struct holds is known to the compiler here too: `Decoded<typeof FlowEvent>`.
 * Integers are in the machine's byte order, which is little-endian on everything we run on (x86-64, arm64).
 */

export type Integer = "u8" | "u16" | "u32" | "u64";

/** `count` null = one value; a number = an array of so many. Offsets and sizes are bytes from the start of the struct. */
export type FieldLayout = {
  readonly offset: number;
  readonly type: Integer | StructLayout;
  readonly count: number | null;
};

export type StructLayout = {
  /** The struct's name in C. */
  readonly name: string;
  readonly size: number;
  readonly fields: { readonly [field: string]: FieldLayout };
};

type One<T> = T extends "u64" ? bigint : T extends Integer ? number : T extends StructLayout ? Decoded<T> : never;
type Value<F extends FieldLayout> = F["count"] extends null
  ? One<F["type"]>
  : F["type"] extends "u8"
    ? Uint8Array
    : readonly One<F["type"]>[];

/** u64 is a bigint, smaller integers are numbers, a u8 array is a Uint8Array, other arrays are arrays, a struct is an object. */
export type Decoded<L extends StructLayout> = { readonly [K in keyof L["fields"]]: Value<L["fields"][K]> };

/** Bytes from the other side that are not what the contract says: too short, of another version, of no known kind. */
export class ContractError extends Error {
  override readonly name = "ContractError";
}

const INTEGER_SIZE = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;

function sizeOf(type: Integer | StructLayout): number {
  return typeof type === "string" ? INTEGER_SIZE[type] : type.size;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checkRoom(layout: StructLayout, length: number, offset: number): void {
  if (Number.isInteger(offset) && offset >= 0 && length - offset >= layout.size) return;
  const where = offset === 0 ? "" : ` from offset ${offset} on`;
  throw new ContractError(`Cannot read or write ${layout.name} in ${length} bytes${where}: it takes ${layout.size}`);
}

function getInteger(view: DataView, at: number, type: Integer): number | bigint {
  if (type === "u8") return view.getUint8(at);
  if (type === "u16") return view.getUint16(at, true);
  if (type === "u32") return view.getUint32(at, true);
  return view.getBigUint64(at, true);
}

function get(view: DataView, at: number, field: FieldLayout): unknown {
  const { type, count } = field;
  const one = (from: number): unknown => (typeof type === "string" ? getInteger(view, from, type) : getStruct(view, from, type));
  if (count === null) return one(at);
  if (type === "u8") return new Uint8Array(view.buffer, view.byteOffset + at, count).slice();
  return Array.from({ length: count }, (_, i) => one(at + i * sizeOf(type)));
}

function getStruct(view: DataView, at: number, layout: StructLayout): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const name in layout.fields) {
    const field = layout.fields[name];
    if (field !== undefined) object[name] = get(view, at + field.offset, field);
  }
  return object;
}

/** Reads one struct at `offset` (bytes). The result shares no memory with `bytes`. Throws ContractError when there are too few bytes. */
export function decode<L extends StructLayout>(layout: L, bytes: Uint8Array, offset = 0): Decoded<L> {
  checkRoom(layout, bytes.length, offset);
  return getStruct(viewOf(bytes), offset, layout) as Decoded<L>;
}

function cannotWrite(place: string, value: unknown, expected: string): ContractError {
  const shown = typeof value === "object" ? (Array.isArray(value) ? `${value.length} values` : typeof value) : String(value);
  return new ContractError(`Cannot write "${shown}" as ${place}: expected ${expected}`);
}

function setInteger(view: DataView, at: number, type: Integer, value: unknown, place: string): void {
  const bits = INTEGER_SIZE[type] * 8;
  if (type === "u64") {
    if (typeof value !== "bigint" || value < 0n || value !== BigInt.asUintN(64, value))
      throw cannotWrite(place, value, "a bigint of 64 bits");
    view.setBigUint64(at, value, true);
    return;
  }
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= 2 ** bits)
    throw cannotWrite(place, value, `an integer of ${bits} bits`);
  if (type === "u8") view.setUint8(at, value);
  else if (type === "u16") view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
}

function set(view: DataView, at: number, field: FieldLayout, value: unknown, place: string): void {
  const { type, count } = field;
  const one = (from: number, item: unknown): void =>
    typeof type === "string" ? setInteger(view, from, type, item, place) : setStruct(view, from, type, item, place);
  if (count === null) {
    one(at, value);
    return;
  }
  if (!(Array.isArray(value) || value instanceof Uint8Array) || value.length !== count)
    throw cannotWrite(place, value, `${count} values of ${typeof type === "string" ? type : type.name}`);
  value.forEach((item: unknown, i: number) => {
    one(at + i * sizeOf(type), item);
  });
}

function setStruct(view: DataView, at: number, layout: StructLayout, value: unknown, place: string): void {
  if (typeof value !== "object" || value === null) throw cannotWrite(place, value, `a ${layout.name}`);
  for (const name in layout.fields) {
    const field = layout.fields[name];
    if (field === undefined) continue;
    set(view, at + field.offset, field, (value as Record<string, unknown>)[name], `${place}.${name}`);
  }
}

/** Writes one struct into `bytes` at `offset` (bytes). Throws ContractError when it does not fit, or a value does not fit its field. */
export function encodeInto<L extends StructLayout>(layout: L, object: Decoded<L>, bytes: Uint8Array, offset = 0): void {
  checkRoom(layout, bytes.length, offset);
  setStruct(viewOf(bytes), offset, layout, object, layout.name);
}

/** One struct as bytes. Throws ContractError when a value does not fit its field. */
export function encode<L extends StructLayout>(layout: L, object: Decoded<L>): Uint8Array {
  const bytes = new Uint8Array(layout.size);
  encodeInto(layout, object, bytes);
  return bytes;
}

/** An object of zeros, to spread values over: `encode(ImageKey, { ...zero(ImageKey), inode })`. */
export function zero<L extends StructLayout>(layout: L): Decoded<L> {
  return decode(layout, new Uint8Array(layout.size));
}
