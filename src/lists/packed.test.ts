// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { parseAddress } from "../contract/address.ts";
import { buildLists } from "./build.ts";
import { listOf, testKey } from "./lists.fixture.ts";
import { matchAddress, matchName } from "./match.ts";
import { type PackedTables, packTables, unpackTables } from "./packed.ts";

const LISTS = [
  listOf([".ads.example", "t.example", "192.0.2.0/24", "2001:db8::/64"], ["ok.ads.example", "192.0.2.7"]),
  listOf(["*.t.example", "192.0.2.128/25"]),
];
const NAMES = ["ads.example", "x.ads.example", "ok.ads.example", "t.example", "a.t.example", "example"];
const ADDRESSES = ["192.0.2.1", "192.0.2.7", "192.0.2.200", "198.51.100.1", "2001:db8::7", "2001:db9::7"];

test("unpackTables() gives tables that say the same as those that packTables() sent to another thread", () => {
  const tables = buildLists(LISTS, testKey(1));
  const said = (of: typeof tables): unknown[] => [
    ...NAMES.map((name) => matchName(of, name)),
    ...ADDRESSES.map((text) => matchAddress(of, parseAddress(text) ?? assert.fail(text))),
    of.names.names,
    of.names.bytes,
  ];
  const before = said(tables);
  assert.ok(before.some((matches) => Array.isArray(matches) && matches.length === 2));
  const { packed, memory } = packTables(tables);
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(packed, memory);
  assert.equal(tables.names.words.length, 0, "its memory has gone along");
  const { message } = receiveMessageOnPort(port2) as { message: PackedTables };
  port1.close();
  assert.deepEqual(said(unpackTables(message)), before);
});
