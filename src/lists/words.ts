// SPDX-License-Identifier: Apache-2.0
/** Addresses as 32-bit words, the highest first: one for IPv4, four for IPv6. A million of them need no object each. */
import { type Address, type AddressRange, addressBits, type Family, parseAddress, prefixRange, printAddress } from "../contract/address.ts";

const WORD = 0xffffffffn;

/** Words of an address of the family. */
export function addressWords(family: Family): 1 | 4 {
  return family === 4 ? 1 : 4;
}

export function wordsOf({ family, value }: Address): number[] {
  return family === 4 ? [Number(value)] : [96n, 64n, 32n, 0n].map((shift) => Number((value >> shift) & WORD));
}

export function fromWords(family: Family, words: ArrayLike<number>): Address {
  return { family, value: Array.from(words).reduce((value, word) => (value << 32n) | BigInt(word), 0n) };
}

/** `192.0.2.0/24`; host bits are ignored. A prefix of IPv4-mapped addresses counts the 96 bits before them. */
function readPrefix(addressText: string, lengthText: string): AddressRange | null {
  const address = parseAddress(addressText);
  if (address === null || !/^\d{1,3}$/.test(lengthText)) return null;
  const length = Number(lengthText) - (address.family === 4 && addressText.includes(":") ? 96 : 0);
  return length < 0 || length > addressBits(address.family) ? null : prefixRange(address, length);
}

/** The range of an address, a prefix in CIDR notation (RFC 4632, 3.1), or `first-last`; null for anything else. */
export function readRange(text: string): AddressRange | null {
  const slash = text.indexOf("/");
  if (slash >= 0) return readPrefix(text.slice(0, slash), text.slice(slash + 1));
  const dash = text.indexOf("-");
  const first = parseAddress(dash < 0 ? text : text.slice(0, dash).trimEnd());
  const last = dash < 0 ? first : parseAddress(text.slice(dash + 1).trimStart());
  if (first === null || last === null || first.family !== last.family || first.value > last.value) return null;
  return { family: first.family, first: first.value, last: last.value };
}

/** The shortest text `readRange` reads as this range: an address, a prefix, or `first-last`. */
export function printRange({ family, first, last }: AddressRange): string {
  const text = printAddress({ family, value: first });
  if (first === last) return text;
  const size = last - first + 1n;
  const hostBits = size.toString(2).length - 1;
  if (size === 1n << BigInt(hostBits) && first % size === 0n) return `${text}/${addressBits(family) - hostBits}`;
  return `${text}-${printAddress({ family, value: last })}`;
}
