// SPDX-License-Identifier: Apache-2.0
/**
 * What a DNS answer (RFC 1035) or one of its relatives on the link says, read as bpf/dns.h reads it: what cannot be read to its end says
 * nothing, and what records of other types hold is not looked at. test/names-fuzz.kernel.test.ts compares the two, and both with dns-packet.
 */
import type { Address } from "../contract/address.ts";

export const PORT_MDNS = 5353;
export const PORT_LLMNR = 5355;

const RESPONSE = 0x8000;
const TYPE_CNAME = 5;
const CLASS_IN = 1;
/** Of a class: all but mDNS's cache-flush bit (RFC 6762, 10.2). */
const CLASS = 0x7fff;
const LONGEST_NAME = 253;
/** A name has no more labels, and so no use for more pointers. */
const MOST_POINTERS = 128;
/** The bytes of an address, by the type of its record: A, and AAAA (RFC 3596). */
const ADDRESS_SIZES: ReadonlyMap<number, number> = new Map([
  [1, 4],
  [28, 16],
]);
/** Stands for what no rule can name: bpf/dns.h, DNS_ODD. */
const ODD = "\u0001";

/** The name asked for and its CNAMEs, in lower case, whatever characters they have; by mDNS, the name of one record. `ttl`: seconds. */
export type Said = { readonly names: readonly string[]; readonly addresses: readonly Address[]; readonly ttl: number };

class Malformed extends Error {}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  #byte(at: number): number {
    const byte = this.#bytes[at];
    if (byte === undefined) throw new Malformed();
    return byte;
  }

  number(size: number): number {
    let number = 0;
    for (let i = 0; i < size; i++) number = number * 256 + this.#byte(this.at++);
    return number;
  }

  /** Pointers lead to what stands before (RFC 1035, 4.1.4), so that there are no loops. */
  name(): string {
    let text = "";
    let at = this.at;
    let part = at;
    let behind: number | null = null;
    for (let pointers = 0; ; ) {
      const length = this.#byte(at++);
      if (length === 0) break;
      if (length >= 0xc0) {
        const to = ((length & 0x3f) << 8) | this.#byte(at++);
        behind ??= at;
        if (to >= part || ++pointers > MOST_POINTERS) throw new Malformed();
        at = to;
        part = to;
        continue;
      }
      if (length > 63) throw new Malformed();
      if (text !== "") text += ".";
      for (const end = at + length; at < end; at++) {
        const byte = this.#byte(at);
        text += byte === 0 || byte === 0x2e || byte >= 0x80 ? ODD : String.fromCharCode(byte);
      }
      if (text.length > LONGEST_NAME) throw new Malformed();
    }
    this.at = behind ?? at;
    return text.toLowerCase();
  }

  /** Null for an address of the machine itself, which no answer may name. */
  address(size: number): Address | null {
    let value = 0n;
    for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(this.number(1));
    if (size === 16 && value >> 32n !== 0xffffn) return value <= 1n ? null : { family: 6, value };
    const v4 = value & 0xffff_ffffn;
    return v4 === 0n || v4 >> 24n === 127n ? null : { family: 4, value: v4 };
  }

  skipTo(at: number): void {
    if (at > this.#bytes.length) throw new Malformed();
    this.at = at;
  }
}

type Record = { readonly owner: string; readonly alias: string | null; readonly address: Address | null; readonly ttl: number };

function readRecord(reader: Reader, multicast: boolean): Record {
  const owner = reader.name();
  const type = reader.number(2);
  const internet = (reader.number(2) & CLASS) === CLASS_IN;
  const ttl = reader.number(4);
  const length = reader.number(2);
  const start = reader.at;
  const next = start + length;
  reader.skipTo(next);
  if (!internet) return { owner, alias: null, address: null, ttl };
  reader.skipTo(start);
  const size = ADDRESS_SIZES.get(type);
  const alias = type === TYPE_CNAME && !multicast ? reader.name() : null;
  const address = size === length ? reader.address(size) : null;
  if ((alias !== null && reader.at !== next) || (size !== undefined && size !== length)) throw new Malformed();
  reader.skipTo(next);
  return { owner, alias, address, ttl };
}

function readMessage(bytes: Uint8Array, port: number): Said[] {
  const reader = new Reader(bytes);
  reader.number(2);
  const flags = reader.number(2);
  const [questions = 0, answers = 0, authorities = 0, additionals = 0] = [0, 1, 2, 3].map(() => reader.number(2));
  if ((flags & RESPONSE) === 0) return [];
  if (port === PORT_MDNS) {
    const records = Array.from({ length: answers + authorities + additionals }, () => readRecord(reader, true));
    return records.flatMap(({ owner, address, ttl }) => (address === null ? [] : [{ names: [owner], addresses: [address], ttl }]));
  }
  if (questions !== 1) return [];
  const asked = reader.name();
  reader.number(4);
  if (asked === "" || (port === PORT_LLMNR && asked.includes("."))) return [];
  const records = Array.from({ length: answers }, () => readRecord(reader, false));
  const aliases = records.flatMap(({ alias }) => alias || []);
  const told = records.flatMap(({ address, ttl }) => (address === null ? [] : [{ address, ttl }]));
  if (told.length === 0) return [];
  const ttl = Math.min(...told.map((record) => record.ttl));
  return [{ names: [asked, ...aliases], addresses: told.map(({ address }) => address), ttl }];
}

/** What a message from a name server's `port` says; null for one that cannot be read. mDNS tells names below .local only (RFC 6762, 3). */
export function readAnswer(bytes: Uint8Array, port: number): Said[] | null {
  try {
    return readMessage(bytes, port).filter(({ names }) => port !== PORT_MDNS || names[0]?.endsWith(".local"));
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}
