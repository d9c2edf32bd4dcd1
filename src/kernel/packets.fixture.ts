// SPDX-License-Identifier: Apache-2.0
/** For tests: packets captured from Linux 6.18 with checksum offload switched off, so every checksum is the kernel's own; and builders. */
import fc from "fast-check";
import { PROTOCOL_UDP, writeUint16 } from "./packet.ts";

/** Bytes from hexadecimal text; blanks are ignored. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

const IP6 = "fd77 0000 0000 0000 0000 0000 0000 0001 fd77 0000 0000 0000 0000 0000 0000 0002";
const IP6_BACK = "fd77 0000 0000 0000 0000 0000 0000 0002 fd77 0000 0000 0000 0000 0000 0000 0001";

export const captured = {
  /** 3 bytes of payload: an odd length. */
  udp4: hex("4500 001f 93c6 4000 4011 926b 0a4d 0001 0a4d 0002 9c40 0009 000b 7b8d 6f64 64"),
  udp6: hex(`6003 a961 000b 1140 ${IP6} 9c40 0009 000b 9537 6f64 64`),
  syn4: hex(`4500 003c 059a 4000 4006 2086 0a4d 0001 0a4d 0002 921c 0050 3565 18ab 0000 0000
    a002 faf0 ceb8 0000 0204 05b4 0402 080a 8bc1 fd78 0000 0000 0103 030a`),
  /** The peer's answer to `syn4`: nobody listened. */
  refusal4: hex("4500 0028 0000 4000 4006 2634 0a4d 0002 0a4d 0001 0050 921c 0000 0000 3565 18ac 5014 0000 bab6 0000"),
  syn6: hex(`6008 c8ff 0028 0640 ${IP6} 92aa 0050 dc69 9339 0000 0000
    a002 fd20 bc6e 0000 0204 05a0 0402 080a ca49 c6a7 0000 0000 0103 030a`),
  /** The peer's answer to `syn6`. */
  refusal6: hex(`6007 8e6f 0014 0640 ${IP6_BACK} 0050 92aa 0000 0000 dc69 933a 5014 0000 b23f 0000`),
  ping6: hex(`6005 346b 0009 3a40 ${IP6} 8000 0cc8 0000 0001 78`),
  /** One sendto of "abcdefghij" with UDP_SEGMENT 4, as it reached the device. */
  segments: [
    hex("4500 0020 93c7 4000 4011 9269 0a4d 0001 0a4d 0002 9c41 0009 000c 8a28 6162 6364"),
    hex("4500 0020 93c8 4000 4011 9268 0a4d 0001 0a4d 0002 9c41 0009 000c 8220 6566 6768"),
    hex("4500 001e 93c9 4000 4011 9269 0a4d 0001 0a4d 0002 9c41 0009 000a e588 696a"),
  ],
};

/** A UDP packet as the kernel holds it, with a transport checksum that is not right yet. IPv6: `extensions` = headers ending in UDP. */
export function udp(
  version: 4 | 6,
  payload: Uint8Array,
  options: { dontFragment?: boolean; sourcePort?: number; port?: number } = {},
): Uint8Array {
  const header = version === 4 ? 20 : 40;
  const packet = new Uint8Array(header + 8 + payload.length);
  if (version === 4) {
    packet.set(hex(`4500 0000 1234 ${options.dontFragment ? "4000" : "0000"} 4011 0000 0a4d 0001 0a4d 0002`));
    writeUint16(packet, 2, packet.length);
  } else {
    packet.set(hex(`6000 0000 0000 1140 ${IP6}`));
    writeUint16(packet, 4, packet.length - 40);
  }
  packet[version === 4 ? 9 : 6] = PROTOCOL_UDP;
  writeUint16(packet, header, options.sourcePort ?? 40000);
  writeUint16(packet, header + 2, options.port ?? 9);
  writeUint16(packet, header + 4, 8 + payload.length);
  writeUint16(packet, header + 6, 0x1498);
  packet.set(payload, header + 8);
  return packet;
}

/** Puts extension headers between an IPv6 header and what follows it. `first` names the first of them; they must chain to the rest. */
export function withExtensions(packet: Uint8Array, first: number, headers: Uint8Array): Uint8Array {
  const longer = new Uint8Array(packet.length + headers.length);
  longer.set(packet.subarray(0, 40));
  longer.set(headers, 40);
  longer.set(packet.subarray(40), 40 + headers.length);
  longer[6] = first;
  writeUint16(longer, 4, longer.length - 40);
  return longer;
}

/** Any UDP packet of either version, with up to `maxLength` bytes of payload. */
export function anyUdp(maxLength: number): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.constantFrom<4 | 6>(4, 6), fc.uint8Array({ minLength: 0, maxLength, size: "max" }))
    .map(([version, payload]) => udp(version, payload));
}

/** Ones' complement sum of 16-bit words: what a receiver computes. Written another way than `checksum.ts` on purpose. */
export function onesComplementSum(...parts: Uint8Array[]): number {
  let sum = 0n;
  for (const part of parts) {
    for (const [i, byte] of part.entries()) sum += BigInt(byte) << (i % 2 === 0 ? 8n : 0n);
  }
  return Number(sum === 0n ? 0n : ((sum - 1n) % 0xffffn) + 1n);
}
