// SPDX-License-Identifier: Apache-2.0
/** Internet checksums (RFC 1071). A held packet was copied before the device, which often fills them in, ever saw it. */
import { PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP, parsePacket, readUint16, writeUint16 } from "./packet.ts";

/** Adds 16-bit words from `from` to before `to` onto `sum`, not yet folded; an odd last byte counts as followed by a zero. */
function addWords(sum: number, bytes: Uint8Array, from: number, to: number): number {
  let total = sum;
  let i = from;
  // Exact: 64 KiB of words stay far below 2^53.
  for (; i + 1 < to; i += 2) total += readUint16(bytes, i);
  return i < to ? total + (bytes[i] ?? 0) * 256 : total;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** Where each protocol keeps its checksum, from the start of its header; and the shortest header. */
const FIELDS: ReadonlyMap<number, { readonly at: number; readonly header: number }> = new Map([
  [PROTOCOL_TCP, { at: 16, header: 20 }],
  [PROTOCOL_UDP, { at: 6, header: 8 }],
  [PROTOCOL_ICMPV6, { at: 2, header: 4 }],
]);

/** What the transport checksum of a packet is to be, and where it stands; null where there is none to fill in. */
function transportChecksum(bytes: Uint8Array): { readonly at: number; readonly value: number } | null {
  const packet = parsePacket(bytes);
  if (packet === null || packet.fragment !== null) return null;
  const field = FIELDS.get(packet.protocol);
  if (field === undefined || (packet.protocol === PROTOCOL_ICMPV6 && packet.version === 4)) return null;
  const available = packet.end - packet.transport;
  if (available < field.header) return null;
  let length = available;
  if (packet.protocol === PROTOCOL_UDP) {
    const claimed = readUint16(bytes, packet.transport + 4);
    if (claimed >= 8 && claimed < length) length = claimed;
    // RFC 768: 0 means "none". A partial sum is never 0, for it contains the addresses.
    if (packet.version === 4 && readUint16(bytes, packet.transport + 6) === 0) return null;
  }
  const at = packet.transport + field.at;
  let sum = addWords(0, packet.source, 0, packet.source.length);
  sum = addWords(sum, packet.finalDestination, 0, packet.finalDestination.length);
  sum += length + packet.protocol - readUint16(bytes, at);
  sum = addWords(sum, bytes, packet.transport, packet.transport + length);
  const value = fold(sum);
  return { at, value: value === 0 && packet.protocol === PROTOCOL_UDP ? 0xffff : value };
}

/** Writes the IPv4 header checksum into `bytes`. */
export function writeHeaderChecksum(bytes: Uint8Array): void {
  writeUint16(bytes, 10, 0);
  writeUint16(bytes, 10, fold(addWords(0, bytes, 0, ((bytes[0] ?? 0) & 15) * 4)));
}

/**
 * A copy of the packet with its IPv4 header checksum and its TCP, UDP or ICMPv6 checksum computed anew. Fragments keep their transport
 * checksum (it covers what is elsewhere), and so does UDP over IPv4 without one.
 */
export function completeChecksum(packet: Uint8Array): Uint8Array {
  const complete = packet.slice();
  const transport = transportChecksum(complete);
  if (transport !== null) writeUint16(complete, transport.at, transport.value);
  if ((complete[0] ?? 0) >> 4 === 4 && complete.length >= 20) writeHeaderChecksum(complete);
  return complete;
}
