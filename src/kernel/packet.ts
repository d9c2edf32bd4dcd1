// SPDX-License-Identifier: Apache-2.0
/** An IPv4 or IPv6 packet as the kernel held it: where its parts are. Pure; nothing is copied. */

export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_ICMPV6 = 58;
export const PROTOCOL_FRAGMENT = 44;

/** Where a packet's parts are. Offsets count bytes from the first byte of the IP header; addresses are views, 4 or 16 bytes. */
export type Packet = {
  readonly version: 4 | 6;
  readonly source: Uint8Array;
  /** As in the IP header: where routing sends it. */
  readonly destination: Uint8Array;
  /** Differs from `destination` when an IPv6 routing header names later hops: the one transport checksums cover (RFC 8200, 8.1). */
  readonly finalDestination: Uint8Array;
  /** IP protocol number of what starts at `transport`. */
  readonly protocol: number;
  readonly transport: number;
  /** End of the packet as its header says: bytes behind it are padding. */
  readonly end: number;
  /** IPv4: the DF flag. IPv6: false, the sender may always fragment. */
  readonly dontFragment: boolean;
  /** Set when the packet is itself a fragment; `offset` in bytes. */
  readonly fragment: { readonly offset: number; readonly more: boolean } | null;
  /** IPv6: where a fragment header goes, and the byte that names what follows it (RFC 8200, 4.5). */
  readonly fragmentAt: number;
  readonly nextHeaderAt: number;
};

/** Reads a big-endian 16-bit number. */
export function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

/** Reads a big-endian 32-bit number. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return readUint16(bytes, offset) * 0x10000 + readUint16(bytes, offset + 2);
}

/** Writes a big-endian 16-bit number. */
export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

/** Writes a big-endian 32-bit number. */
export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  writeUint16(bytes, offset, (value >>> 16) & 0xffff);
  writeUint16(bytes, offset + 2, value & 0xffff);
}

/** Finds the parts of a packet; null when it is cut off or not IP. */
export function parsePacket(bytes: Uint8Array): Packet | null {
  const version = (bytes[0] ?? 0) >> 4;
  if (version === 4) return parse4(bytes);
  if (version === 6) return parse6(bytes);
  return null;
}

function parse4(bytes: Uint8Array): Packet | null {
  const transport = ((bytes[0] ?? 0) & 15) * 4;
  if (transport < 20 || bytes.length < transport) return null;
  // 0: a segmentation-offload packet too long for the field (Linux "BIG TCP")
  const end = readUint16(bytes, 2) || bytes.length;
  if (end < transport || end > bytes.length) return null;
  const flags = readUint16(bytes, 6);
  const more = (flags & 0x2000) !== 0;
  const offset = (flags & 0x1fff) * 8;
  const destination = bytes.subarray(16, 20);
  return {
    version: 4,
    source: bytes.subarray(12, 16),
    destination,
    finalDestination: destination,
    protocol: bytes[9] ?? 0,
    transport,
    end,
    dontFragment: (flags & 0x4000) !== 0,
    fragment: more || offset > 0 ? { offset, more } : null,
    fragmentAt: 0,
    nextHeaderAt: 0,
  };
}

const HOP_BY_HOP = 0;
const ROUTING = 43;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;

function parse6(bytes: Uint8Array): Packet | null {
  if (bytes.length < 40) return null;
  const payload = readUint16(bytes, 4);
  const end = payload === 0 ? bytes.length : 40 + payload;
  if (end > bytes.length) return null;
  let protocol = bytes[6] ?? 0;
  let transport = 40;
  let fragment: Packet["fragment"] = null;
  let fragmentAt = 40;
  let nextHeaderAt = 6;
  let finalDestination = bytes.subarray(24, 40);
  let namedAt = 6;
  while (
    protocol === HOP_BY_HOP ||
    protocol === ROUTING ||
    protocol === AUTHENTICATION ||
    protocol === DESTINATION_OPTIONS ||
    protocol === PROTOCOL_FRAGMENT
  ) {
    if (transport + 8 > end) return null;
    const units = bytes[transport + 1] ?? 0;
    let length = (units + 1) * 8;
    if (protocol === AUTHENTICATION) length = (units + 2) * 4;
    if (protocol === PROTOCOL_FRAGMENT) {
      length = 8;
      const word = readUint16(bytes, transport + 2);
      fragment = { offset: word & 0xfff8, more: (word & 1) !== 0 };
    }
    if (transport + length > end) return null;
    const header = bytes.subarray(transport, transport + length);
    if (protocol === ROUTING) finalDestination = lastHop(header) ?? finalDestination;
    const belongsToEveryFragment = protocol === HOP_BY_HOP || protocol === ROUTING;
    namedAt = transport;
    protocol = bytes[transport] ?? 0;
    transport += length;
    if (belongsToEveryFragment) {
      fragmentAt = transport;
      nextHeaderAt = namedAt;
    }
    // Behind a later fragment's header comes the middle of something.
    if (fragment !== null && fragment.offset > 0) break;
  }
  return {
    version: 6,
    source: bytes.subarray(8, 24),
    destination: bytes.subarray(24, 40),
    finalDestination,
    protocol,
    transport,
    end,
    dontFragment: false,
    fragment,
    fragmentAt,
    nextHeaderAt,
  };
}

/** The last address of a routing header with hops left: types 0 and 2 (RFC 6275) end with it, type 4 (RFC 8754) begins with it. */
function lastHop(header: Uint8Array): Uint8Array | null {
  const type = header[2];
  const left = header[3] ?? 0;
  if (left === 0 || header.length < 24) return null;
  if (type === 4) return header.subarray(8, 24);
  if (type === 0 || type === 2) return header.subarray(header.length - 16);
  return null;
}
