// SPDX-License-Identifier: Apache-2.0
/** Cutting packets: one that stands for several (UDP segmentation offload), and one too long for its way (fragmentation). */
import { writeHeaderChecksum } from "./checksum.ts";
import { type Packet, PROTOCOL_FRAGMENT, PROTOCOL_UDP, parsePacket, readUint16, writeUint16, writeUint32 } from "./packet.ts";

/**
 * The datagrams a UDP packet with segmentation offload stands for: `gsoSize` bytes of payload each, the last one the rest, the IPv4
 * identification counting up. Any other packet comes back alone and unchanged. Checksums are left to `completeChecksum`.
 */
export function segment(packet: Uint8Array, gsoSize: number): Uint8Array[] {
  const parts = parsePacket(packet);
  if (parts === null || gsoSize <= 0 || parts.protocol !== PROTOCOL_UDP || parts.fragment !== null) return [packet];
  const headers = parts.transport + 8;
  if (parts.end - headers <= gsoSize) return [packet];
  const datagrams: Uint8Array[] = [];
  for (let from = headers; from < parts.end; from += gsoSize) {
    const to = Math.min(from + gsoSize, parts.end);
    const datagram = new Uint8Array(headers + to - from);
    datagram.set(packet.subarray(0, headers));
    datagram.set(packet.subarray(from, to), headers);
    writeLength(datagram, parts);
    writeUint16(datagram, parts.transport + 4, 8 + to - from);
    if (parts.version === 4) writeUint16(datagram, 4, (readUint16(packet, 4) + datagrams.length) & 0xffff);
    datagrams.push(datagram);
  }
  return datagrams;
}

function writeLength(packet: Uint8Array, parts: Packet): void {
  if (parts.version === 4) writeUint16(packet, 2, packet.length);
  else writeUint16(packet, 4, packet.length - 40);
}

/**
 * The fragments of a complete packet for a way whose largest packet is `mtu` bytes; null where the sender must not cut it (IPv4 with DF,
 * IPv6 that is a fragment already) or nothing fits. `identification` stands in the fragments where the packet has none: not 0, and
 * not one used lately to the same peer.
 */
export function fragment(packet: Uint8Array, mtu: number, identification: number): Uint8Array[] | null {
  const parts = parsePacket(packet);
  if (parts === null) return null;
  if (parts.end <= mtu) return [packet];
  return parts.version === 4 ? fragment4(packet, parts, mtu, identification) : fragment6(packet, parts, mtu, identification);
}

function fragment4(packet: Uint8Array, parts: Packet, mtu: number, identification: number): Uint8Array[] | null {
  const header = parts.transport;
  const step = (mtu - header) & ~7;
  if (parts.dontFragment || step <= 0) return null;
  const base = parts.fragment?.offset ?? 0;
  const moreAfter = parts.fragment?.more ?? false;
  const fragments: Uint8Array[] = [];
  for (let from = header; from < parts.end; from += step) {
    const to = Math.min(from + step, parts.end);
    const piece = new Uint8Array(header + to - from);
    piece.set(packet.subarray(0, header));
    piece.set(packet.subarray(from, to), header);
    if (from > header) blankFirstOnlyOptions(piece, header);
    writeUint16(piece, 2, piece.length);
    if (readUint16(piece, 4) === 0) writeUint16(piece, 4, identification & 0xffff || 1);
    const more = to < parts.end || moreAfter ? 0x2000 : 0;
    writeUint16(piece, 6, more | ((base + from - header) >> 3));
    writeHeaderChecksum(piece);
    fragments.push(piece);
  }
  return fragments;
}

/** Options without the "copied" bit belong to the first fragment only (RFC 791, 3.1); later ones carry no-operations, as in Linux. */
function blankFirstOnlyOptions(piece: Uint8Array, header: number): void {
  let i = 20;
  while (i < header) {
    const kind = piece[i] ?? 0;
    if (kind === 0) return;
    const length = kind === 1 ? 1 : (piece[i + 1] ?? 0);
    if (length < 1 || (kind !== 1 && length < 2) || i + length > header) return;
    if ((kind & 0x80) === 0) piece.fill(1, i, i + length);
    i += length;
  }
}

function fragment6(packet: Uint8Array, parts: Packet, mtu: number, identification: number): Uint8Array[] | null {
  const header = parts.fragmentAt;
  const step = (mtu - header - 8) & ~7;
  if (parts.fragment !== null || step <= 0) return null;
  const next = packet[parts.nextHeaderAt] ?? 0;
  const fragments: Uint8Array[] = [];
  for (let from = header; from < parts.end; from += step) {
    const to = Math.min(from + step, parts.end);
    const piece = new Uint8Array(header + 8 + to - from);
    piece.set(packet.subarray(0, header));
    piece[parts.nextHeaderAt] = PROTOCOL_FRAGMENT;
    writeUint16(piece, 4, piece.length - 40);
    piece[header] = next;
    writeUint16(piece, header + 2, (from - header) | (to < parts.end ? 1 : 0));
    writeUint32(piece, header + 4, identification >>> 0);
    piece.set(packet.subarray(from, to), header + 8);
    fragments.push(piece);
  }
  return fragments;
}
