// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { completeChecksum } from "./checksum.ts";
import { readUint16, readUint32 } from "./packet.ts";
import { captured, hex, onesComplementSum } from "./packets.fixture.ts";
import { refusal, shiftTimestamp } from "./tcp.ts";

/** An IPv4 SYN with these options (a multiple of four bytes) and data. */
function syn(options: string, data = ""): Uint8Array {
  const tail = hex(options);
  const payload = hex(data);
  const packet = new Uint8Array([...captured.syn4.subarray(0, 40), ...tail, ...payload]);
  packet.set([packet.length >> 8, packet.length & 255], 2);
  packet[32] = ((20 + tail.length) / 4) << 4;
  return completeChecksum(packet);
}

test("shiftTimestamp() moves the timestamp value, and nothing else", () => {
  const shifted = shiftTimestamp(captured.syn4, 3000.9);
  assert.equal(readUint32(shifted, 48), 0x8bc1fd78 + 3000);
  shifted.set(captured.syn4.subarray(48, 52), 48);
  assert.deepEqual(shifted, captured.syn4);
  assert.equal(readUint32(shiftTimestamp(captured.syn6, 7), 68), 0xca49c6a7 + 7);
});

test("shiftTimestamp() wraps at 32 bits", () => {
  const packet = captured.syn4.slice();
  packet.set(hex("ffff fffe"), 48);
  assert.equal(readUint32(shiftTimestamp(packet, 3), 48), 1);
});

test("shiftTimestamp() finds the timestamp behind Fast Open and MPTCP options, and leaves data alone", () => {
  // MSS, SACK permitted, Fast Open cookie (34, 10 bytes), timestamp; then data that looks like a timestamp option
  const fastOpen = syn("0204 05b4  220a 0102 0304 0506 0708  080a 0000 0010 0000 0000", "080a 0000 0010 0000 0000");
  const shifted = shiftTimestamp(fastOpen, 16);
  assert.deepEqual(shifted.subarray(40), hex("0204 05b4 220a 0102 0304 0506 0708 080a 0000 0020 0000 0000 080a 0000 0010 0000 0000"));
  // MPTCP MP_CAPABLE (30, 4 bytes), timestamp, two no-operations
  const multipath = shiftTimestamp(syn("1e04 0181  080a 0000 0010 0000 0000 0101"), 1);
  assert.deepEqual(multipath.subarray(40), hex("1e04 0181 080a 0000 0011 0000 0000 0101"));
});

test("shiftTimestamp() leaves packets without a timestamp, and broken options, as they are", () => {
  for (const packet of [
    syn("0204 05b4"),
    syn("0200 080a 0000 0010 0000 0000"),
    syn("0005 0000 080a 0000 0010 0000 0000 0000"),
    captured.udp4,
    captured.ping6,
  ]) {
    assert.deepEqual(shiftTimestamp(packet, 1000), packet);
  }
});

test("refusal() is what a closed port answers", () => {
  assert.deepEqual(refusal(captured.syn4), captured.refusal4);
  // Linux gives its answer a flow label; ours has none, and the checksum does not cover it.
  const six = captured.refusal6.slice();
  six.set([0x60, 0, 0, 0]);
  assert.deepEqual(refusal(captured.syn6), six);
});

test("refusal() acknowledges the SYN alone when it carries data, and wraps", () => {
  const packet = syn("2202 0101", "68656c6c6f");
  packet.set(hex("ffff ffff"), 24);
  const answer = refusal(packet);
  assert.ok(answer !== null);
  assert.equal(readUint32(answer, 28), 0);
  assert.equal(readUint16(answer, 32), 0x5014);
  assert.equal(onesComplementSum(answer.subarray(12), hex("0006 0014")), 0xffff);
});

test("refusal() has no answer to anything but a first SYN", () => {
  for (const packet of [captured.refusal4, captured.refusal6, captured.udp4, captured.ping6]) assert.equal(refusal(packet), null);
  const synAck = captured.syn4.slice();
  synAck[33] = 0x12;
  assert.equal(refusal(synAck), null);
});
