// SPDX-License-Identifier: Apache-2.0
/** IP addresses as numbers. IPv4-mapped IPv6 (::ffff:a.b.c.d) is always IPv4, so that one address has one form. */

export type Family = 4 | 6;
export type Address = { readonly family: Family; readonly value: bigint };
/** Every address from `first` to `last`, both included. */
export type AddressRange = { readonly family: Family; readonly first: bigint; readonly last: bigint };

const MAPPED = 0xffffn;
const V4_TEXT = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** Bits of an address of the family: 32 or 128. */
export function addressBits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The highest address of the family as a number. */
export function lastAddress(family: Family): bigint {
  return (1n << BigInt(addressBits(family))) - 1n;
}

function parseV4(text: string): bigint | null {
  const match = V4_TEXT.exec(text);
  if (match === null) return null;
  let value = 0n;
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith("0"))) return null;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

/** The 16-bit groups of one side of "::"; the last may be dotted IPv4 when `endsAddress`. */
function parseGroups(text: string, endsAddress: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (endsAddress && i === parts.length - 1 && part.includes(".")) {
      const v4 = parseV4(part);
      if (v4 === null) return null;
      groups.push(Number(v4 >> 16n), Number(v4 & 0xffffn));
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}

function parseV6(text: string): bigint | null {
  const sides = text.split("::");
  if (sides.length > 2) return null;
  const head = parseGroups(sides[0] ?? "", sides.length === 1);
  const tail = parseGroups(sides[1] ?? "", true);
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (sides.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** An address from its text (RFC 4291, 2.2; dotted IPv4 without leading zeros), or null when it is none. */
export function parseAddress(text: string): Address | null {
  if (!text.includes(":")) {
    const value = parseV4(text);
    return value === null ? null : { family: 4, value };
  }
  const value = parseV6(text);
  if (value === null) return null;
  return value >> 32n === MAPPED ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

/** The longest run of two or more zero groups, the first of equals (RFC 5952, 4.2). */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  for (let i = 0; i < groups.length; i++) {
    let length = 0;
    while (groups[i + length] === 0) length++;
    if (length > best.length) best = { start: i, length };
  }
  return best;
}

/** Canonical text: dotted IPv4; RFC 5952 for IPv6. */
export function printAddress(address: Address): string {
  if (address.family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((address.value >> shift) & 0xffn)).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => Number((address.value >> BigInt(112 - 16 * i)) & 0xffffn));
  const zeros = longestZeros(groups);
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  if (zeros.start < 0) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

/** The addresses of a prefix; host bits of `address` are ignored. Throws RangeError for a prefix longer than the address. */
export function prefixRange(address: Address, prefix: number): AddressRange {
  const bits = addressBits(address.family);
  if (prefix < 0 || prefix > bits) throw new RangeError(`Cannot use prefix length ${prefix}: the longest is ${bits}`);
  const hostBits = BigInt(bits - prefix);
  const first = (address.value >> hostBits) << hostBits;
  return { family: address.family, first, last: first + (1n << hostBits) - 1n };
}

/** `parsePrefix("10.0.0.0/8")`, for constants. Throws RangeError when it is none. */
export function parsePrefix(text: string): AddressRange {
  const [address, prefix] = text.split("/");
  return prefixRange(knownAddress(address ?? ""), Number(prefix));
}

/** An address that was checked before. Throws RangeError when it is none. */
export function knownAddress(text: string): Address {
  const address = parseAddress(text);
  if (address === null) throw new RangeError(`Cannot read address "${text}": expected IPv4 like 192.0.2.1 or IPv6 like 2001:db8::1`);
  return address;
}

/** Whether `address` lies in `range`; never across families. */
export function inRange(address: Address, range: AddressRange): boolean {
  return address.family === range.family && range.first <= address.value && address.value <= range.last;
}

/** An address as the kernel side has it: a 128-bit number in two halves, v4 as ::ffff:a.b.c.d. */
export function wideAddress({ family, value }: Address): { readonly high: bigint; readonly low: bigint } {
  return family === 4 ? { high: 0n, low: (MAPPED << 32n) | value } : { high: value >> 64n, low: BigInt.asUintN(64, value) };
}
