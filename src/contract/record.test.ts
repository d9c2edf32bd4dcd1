// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { ContractError, encode, encodeInto, zero } from "./codec.ts";
import { EventKind, FlowEvent, HeldEvent, LAYOUT_VERSION, NetnsEvent } from "./layout.gen.ts";
import { decodeRecord } from "./record.ts";

const header = (kind: number, size: number, version: number = LAYOUT_VERSION) => ({ kind, version, size, timeNs: 7n });

test("decodeRecord() reads a record of a known kind and ignores the bytes after it", () => {
  const event = { ...zero(FlowEvent), header: header(EventKind.FLOW, FlowEvent.size), rule: 12 };
  const bytes = new Uint8Array(FlowEvent.size + 8);
  encodeInto(FlowEvent, event, bytes);
  assert.deepEqual(decodeRecord(bytes), { kind: "flow", event });
});

test("decodeRecord() gives a held packet by its own length, not by its record's", () => {
  const room = 512;
  const event = { ...zero(HeldEvent), header: header(EventKind.HELD, HeldEvent.size + room), length: 3 };
  const bytes = new Uint8Array(HeldEvent.size + room);
  encodeInto(HeldEvent, event, bytes);
  bytes.set([9, 8, 7, 6], HeldEvent.size);
  assert.deepEqual(decodeRecord(bytes), { kind: "held", event, packet: Uint8Array.of(9, 8, 7) });
});

test("decodeRecord() refuses what is not of this version, kind or length", () => {
  const netns = (kind: number, size: number, version?: number): Uint8Array =>
    encode(NetnsEvent, { ...zero(NetnsEvent), header: header(kind, size, version) });
  const held = new Uint8Array(HeldEvent.size + 8);
  encodeInto(HeldEvent, { ...zero(HeldEvent), header: header(EventKind.HELD, held.length), length: 9 }, held);
  const cases: readonly [Uint8Array, string][] = [
    [new Uint8Array(8), "Cannot read or write event_header in 8 bytes: it takes 16"],
    [
      netns(EventKind.NETNS, NetnsEvent.size, LAYOUT_VERSION + 1),
      `Cannot read a record of layout version ${LAYOUT_VERSION + 1}: expected ${LAYOUT_VERSION}`,
    ],
    [netns(99, NetnsEvent.size), "Cannot read a record of kind 99: this version does not know it"],
    [netns(EventKind.NETNS, NetnsEvent.size + 1), "Cannot read a record of 33 bytes: only 32 are there"],
    [netns(EventKind.NETNS, 24), "Cannot read netns_event of 24 bytes: expected 32"],
    [held, `Cannot read a packet of 9 bytes from a record of ${held.length}`],
  ];
  for (const [bytes, message] of cases) assert.throws(() => decodeRecord(bytes), new ContractError(message));
});
