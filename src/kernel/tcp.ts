// SPDX-License-Identifier: Apache-2.0
/** What is done to a held TCP packet before it goes on (its timestamp) or back (the refusal it would have got). */
import { completeChecksum } from "./checksum.ts";
import { type Packet, PROTOCOL_TCP, parsePacket, readUint32, writeUint16, writeUint32 } from "./packet.ts";

const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_TIMESTAMP = 8;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;

/** A packet's parts when it carries a whole TCP header; else null. */
function parseTcp(packet: Uint8Array): { readonly parts: Packet; readonly options: number } | null {
  const parts = parsePacket(packet);
  if (parts === null || parts.protocol !== PROTOCOL_TCP || (parts.fragment?.offset ?? 0) > 0) return null;
  const options = parts.transport + ((packet[parts.transport + 12] ?? 0) >> 4) * 4;
  return options < parts.transport + 20 || options > parts.end ? null : { parts, options };
}

/**
 * A copy of a TCP packet whose timestamp (RFC 7323) is `heldMs` later, so that the time it was held does not count as round trip. The
 * checksum is left to `completeChecksum`. Without a timestamp the copy is equal. `heldMs`: milliseconds of CLOCK_MONOTONIC, which is
 * what the kernel counts, rounded down: a timestamp from the future makes the kernel refuse the peer's answer (PAWSACTIVEREJECTED).
 */
export function shiftTimestamp(packet: Uint8Array, heldMs: number): Uint8Array {
  const shifted = packet.slice();
  const tcp = parseTcp(shifted);
  if (tcp === null) return shifted;
  let i = tcp.parts.transport + 20;
  while (i < tcp.options) {
    const kind = shifted[i];
    if (kind === OPTION_END) break;
    if (kind === OPTION_NOP) {
      i += 1;
      continue;
    }
    const length = shifted[i + 1] ?? 0;
    if (length < 2 || i + length > tcp.options) break;
    if (kind === OPTION_TIMESTAMP && length === 10) {
      writeUint32(shifted, i + 2, (readUint32(shifted, i + 2) + Math.floor(heldMs)) % 2 ** 32);
      break;
    }
    i += length;
  }
  return shifted;
}

/**
 * The answer a closed port would have given to this SYN: RST and ACK, acknowledging the SYN alone (data of a Fast Open is beside the
 * point: anything above the first sequence number is accepted). Null when the packet is not the first SYN of a connection.
 */
export function refusal(packet: Uint8Array): Uint8Array | null {
  const tcp = parseTcp(packet);
  if (tcp === null) return null;
  const { parts } = tcp;
  if (((packet[parts.transport + 13] ?? 0) & (SYN | RST | ACK)) !== SYN) return null;
  const header = parts.version === 4 ? 20 : 40;
  const answer = new Uint8Array(header + 20);
  if (parts.version === 4) {
    answer.set([0x45, 0, 0, header + 20, 0, 0, 0x40, 0, 64, PROTOCOL_TCP]);
    answer.set(parts.finalDestination, 12);
    answer.set(parts.source, 16);
  } else {
    answer.set([0x60, 0, 0, 0, 0, 20, PROTOCOL_TCP, 64]);
    answer.set(parts.finalDestination, 8);
    answer.set(parts.source, 24);
  }
  answer.set(packet.subarray(parts.transport + 2, parts.transport + 4), header);
  answer.set(packet.subarray(parts.transport, parts.transport + 2), header + 2);
  writeUint32(answer, header + 8, (readUint32(packet, parts.transport + 4) + 1) % 2 ** 32);
  writeUint16(answer, header + 12, (5 << 12) | RST | ACK);
  return completeChecksum(answer);
}
