// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { completeChecksum } from "./checksum.ts";
import { parsePacket, writeUint16 } from "./packet.ts";
import { anyUdp, captured, hex, onesComplementSum, udp, withExtensions } from "./packets.fixture.ts";

/** The packet with other checksums than its own. */
function spoilt(packet: Uint8Array, transportField: number): Uint8Array {
  const copy = packet.slice();
  writeUint16(copy, transportField, 0x1498);
  if ((copy[0] ?? 0) >> 4 === 4) writeUint16(copy, 10, 0xbeef);
  return copy;
}

test("completeChecksum() computes what the kernel computes", () => {
  assert.deepEqual(completeChecksum(spoilt(captured.udp4, 26)), captured.udp4);
  assert.deepEqual(completeChecksum(spoilt(captured.udp6, 46)), captured.udp6);
  assert.deepEqual(completeChecksum(spoilt(captured.syn4, 36)), captured.syn4);
  assert.deepEqual(completeChecksum(spoilt(captured.syn6, 56)), captured.syn6);
  assert.deepEqual(completeChecksum(spoilt(captured.ping6, 42)), captured.ping6);
});

test("completeChecksum() leaves UDP over IPv4 without a checksum as it is, and gives UDP over IPv6 one", () => {
  const four = captured.udp4.slice();
  writeUint16(four, 26, 0);
  assert.deepEqual(completeChecksum(four), four);
  const six = captured.udp6.slice();
  writeUint16(six, 46, 0);
  assert.deepEqual(completeChecksum(six), captured.udp6);
});

test("completeChecksum() writes a UDP checksum of zero as 0xffff", () => {
  // The sum over everything else is 0xffff when these two bytes of payload are what the checksum would have been.
  const packet = completeChecksum(udp(6, hex("0000")));
  const balanced = udp(6, packet.subarray(46, 48));
  assert.deepEqual(completeChecksum(balanced).subarray(46, 48), hex("ffff"));
});

test("completeChecksum() covers the last hop of a routing header", () => {
  const final = "fd77 0000 0000 0000 0000 0000 0000 0002";
  const routed = withExtensions(captured.udp6, 43, hex(`1102 0401 0000 0000 ${final}`));
  routed.set(hex("2001 0db8 0000 0000 0000 0000 0000 0001"), 24);
  assert.deepEqual(completeChecksum(spoilt(routed, 46 + 24)).subarray(70, 72), captured.udp6.subarray(46, 48));
});

test("completeChecksum() leaves the transport checksum of fragments alone", () => {
  const first = spoilt(captured.udp4, 26);
  first.set([0x20, 0x00], 6);
  assert.deepEqual(completeChecksum(first).subarray(20), first.subarray(20));
});

test("completeChecksum() makes packets a receiver accepts, and does so once", () => {
  fc.assert(
    fc.property(anyUdp(2000), (packet) => {
      const complete = completeChecksum(packet);
      const parts = parsePacket(complete);
      assert.ok(parts !== null);
      const length = parts.end - parts.transport;
      const pseudo = new Uint8Array([0, parts.protocol, length >> 8, length & 255]);
      assert.equal(onesComplementSum(parts.source, parts.destination, pseudo, complete.subarray(parts.transport)), 0xffff);
      if (parts.version === 4) assert.equal(onesComplementSum(complete.subarray(0, 20)), 0xffff);
      assert.deepEqual(completeChecksum(complete), complete);
    }),
  );
});
