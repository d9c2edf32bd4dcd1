// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { completeChecksum } from "./checksum.ts";
import { fragment, segment } from "./cut.ts";
import { parsePacket, readUint16 } from "./packet.ts";
import { anyUdp, captured, hex, onesComplementSum, udp, withExtensions } from "./packets.fixture.ts";

function join(pieces: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

test("segment() cuts as the kernel cuts", () => {
  const whole = udp(4, new TextEncoder().encode("abcdefghij"), { sourcePort: 40001, dontFragment: true });
  whole.set(hex("93c7"), 4);
  assert.deepEqual(segment(whole, 4).map(completeChecksum), captured.segments);
});

test("segment() leaves packets that stand for themselves", () => {
  assert.deepEqual(segment(captured.syn4, 0), [captured.syn4]);
  assert.deepEqual(segment(captured.udp6, 3), [captured.udp6]);
});

test("segment() gives datagrams that concatenate to the original payload", () => {
  fc.assert(
    fc.property(anyUdp(5000), fc.integer({ min: 1, max: 1500 }), (packet, size) => {
      const header = packet.length - (parsePacket(packet)?.end ?? 0) + (parsePacket(packet)?.transport ?? 0) + 8;
      const datagrams = segment(packet, size);
      assert.deepEqual(join(datagrams.map((one) => one.subarray(header))), packet.subarray(header));
      for (const [i, one] of datagrams.entries()) {
        assert.equal(parsePacket(one)?.end, one.length);
        assert.equal(readUint16(one, header - 4), one.length - header + 8);
        assert.ok(i === datagrams.length - 1 ? one.length - header <= size : one.length - header === size);
        if (header === 28) assert.equal(readUint16(one, 4), (0x1234 + i) & 0xffff);
      }
    }),
  );
});

test("fragment() sets offsets and flags (IPv4)", () => {
  const pieces = fragment(completeChecksum(udp(4, new Uint8Array(2500).fill(7))), 1500, 99);
  // 2,508 bytes of UDP: 1,480 and 1,028; offset 1,480 / 8 = 185 = 0xb9
  assert.deepEqual(
    pieces?.map((piece) => Buffer.from(piece.subarray(0, 8)).toString("hex")),
    ["450005dc12342000", "45000418123400b9"],
  );
});

test("fragment() inserts fragment headers (IPv6)", () => {
  const pieces = fragment(udp(6, new Uint8Array(2500)), 1500, 0x01020304);
  // 2,508 bytes of UDP behind 48 bytes of headers: 1,448 and 1,060; the length fields count 8 more
  assert.deepEqual(
    pieces?.map((piece) => [readUint16(piece, 4), piece[6], Buffer.from(piece.subarray(40, 48)).toString("hex")]),
    [
      [1456, 44, "1100000101020304"],
      [1068, 44, "110005a801020304"],
    ],
  );
});

test("fragment() puts IPv6 fragment headers behind what every router reads", () => {
  const packet = withExtensions(udp(6, new Uint8Array(2000)), 0, hex("3c00 0104 0000 0000  1100 0104 0000 0000"));
  const first = fragment(packet, 1280, 1)?.[0];
  assert.deepEqual([first?.[6], first?.[40], first?.[48]], [0, 44, 60]);
});

test("fragment() keeps first-only options out of later fragments", () => {
  const plain = udp(4, new Uint8Array(2000));
  // record route (7, not copied), router alert (148, copied), end
  const packet = new Uint8Array([...plain.subarray(0, 20), 7, 3, 4, 148, 4, 0, 0, 0, ...plain.subarray(20)]);
  packet[0] = 0x47;
  packet.set([packet.length >> 8, packet.length & 255], 2);
  const pieces = fragment(packet, 1500, 1) ?? [];
  assert.deepEqual([...(pieces[0]?.subarray(20, 28) ?? [])], [7, 3, 4, 148, 4, 0, 0, 0]);
  assert.deepEqual([...(pieces[1]?.subarray(20, 28) ?? [])], [1, 1, 1, 148, 4, 0, 0, 0]);
});

test("fragment() gives an identification to fragments of a packet without one", () => {
  const packet = udp(4, new Uint8Array(2000));
  packet.set([0, 0], 4);
  assert.deepEqual(
    fragment(packet, 1500, 0xabcd1234)?.map((piece) => readUint16(piece, 4)),
    [0x1234, 0x1234],
  );
});

test("fragment() refuses where the sender must not cut", () => {
  assert.equal(fragment(udp(4, new Uint8Array(2000), { dontFragment: true }), 1500, 1), null);
  assert.equal(fragment(withExtensions(udp(6, new Uint8Array(2000)), 44, hex("1100 0001 0000 0001")), 1500, 1), null);
  assert.equal(fragment(udp(4, new Uint8Array(2000)), 27, 1), null);
});

test("fragment() gives fragments that reassemble to the packet", () => {
  fc.assert(
    fc.property(anyUdp(5000), fc.integer({ min: 68, max: 6000 }), (packet, mtu) => {
      const pieces = fragment(packet, mtu, 5);
      assert.ok(pieces !== null);
      if (packet.length <= mtu) return assert.deepEqual(pieces, [packet]);
      const rebuilt: number[] = [];
      for (const [i, piece] of pieces.entries()) {
        const parts = parsePacket(piece);
        assert.ok(parts !== null && piece.length <= mtu);
        assert.deepEqual(parts.fragment, { offset: rebuilt.length, more: i < pieces.length - 1 });
        if (parts.version === 4) assert.equal(onesComplementSum(piece.subarray(0, 20)), 0xffff);
        rebuilt.push(...piece.subarray(parts.version === 4 ? 20 : 48));
      }
      assert.deepEqual(new Uint8Array(rebuilt), packet.subarray((packet[0] ?? 0) >> 4 === 4 ? 20 : 40));
    }),
  );
});
