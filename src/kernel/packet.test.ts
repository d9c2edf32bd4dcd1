// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsePacket } from "./packet.ts";
import { captured, hex, udp, withExtensions } from "./packets.fixture.ts";

test("parsePacket() finds addresses, protocol and transport header", () => {
  const four = parsePacket(captured.syn4);
  assert.deepEqual([four?.version, four?.protocol, four?.transport, four?.end, four?.dontFragment], [4, 6, 20, 60, true]);
  assert.deepEqual([...(four?.source ?? []), ...(four?.destination ?? [])], [10, 77, 0, 1, 10, 77, 0, 2]);
  const six = parsePacket(captured.syn6);
  assert.deepEqual([six?.version, six?.protocol, six?.transport, six?.end, six?.fragment], [6, 6, 40, 80, null]);
  assert.equal(six?.destination.at(-1), 2);
});

test("parsePacket() walks IPv6 extension headers", () => {
  // hop-by-hop (8 bytes), routing (type 4, one segment left, 24), destination options (8), UDP
  const final = "2001 0db8 0000 0000 0000 0000 0000 0009";
  const packet = withExtensions(udp(6, hex("61")), 0, hex(`2b00 0104 0000 0000  3c02 0401 0000 0000 ${final}  1100 0104 0000 0000`));
  const parts = parsePacket(packet);
  assert.deepEqual([parts?.protocol, parts?.transport, parts?.fragmentAt, parts?.nextHeaderAt], [17, 80, 72, 48]);
  assert.deepEqual(parts?.finalDestination, hex(final));
});

test("parsePacket() knows fragments", () => {
  const four = udp(4, new Uint8Array(16));
  four.set([0x20, 0x02], 6);
  assert.deepEqual(parsePacket(four)?.fragment, { offset: 16, more: true });
  const six = withExtensions(udp(6, new Uint8Array(16)), 44, hex("1100 0019 0000 0001"));
  assert.deepEqual(parsePacket(six)?.fragment, { offset: 24, more: true });
});

test("parsePacket() leaves padding behind the packet out", () => {
  assert.equal(parsePacket(new Uint8Array([...captured.udp4, 0, 0]))?.end, 31);
  assert.equal(parsePacket(new Uint8Array([...captured.udp6, 0, 0]))?.end, 51);
});

test("parsePacket() refuses what is cut off, and never throws", () => {
  assert.equal(parsePacket(new Uint8Array()), null);
  assert.equal(parsePacket(captured.syn4.subarray(0, 59)), null);
  assert.equal(parsePacket(captured.syn6.subarray(0, 79)), null);
  assert.equal(parsePacket(hex(`9500 ${"00".repeat(60)}`)), null);
  fc.assert(
    fc.property(fc.constantFrom(0x45, 0x4f, 0x60), fc.uint8Array({ maxLength: 120 }), (first, rest) => {
      const parts = parsePacket(new Uint8Array([first, ...rest]));
      assert.ok(parts === null || (parts.transport <= parts.end && parts.end <= rest.length + 1));
    }),
  );
});
