// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../contract/app.ts";
import type { FlowCounters } from "../contract/flow.ts";
import type { ClassId, Cookie, FlowId } from "../contract/ids.ts";
import type { FlowVerdictEvent } from "./event.ts";
import { FlowTable, type FlowTableOptions } from "./table.ts";

const app = (name: string): App => ({
  ...{ path: `/usr/bin/${name}`, claimedPath: null, name, script: null, args: [], package: null, packageIntact: null, unit: null },
  ...{ container: null, flatpak: null, snap: null, appimage: null, kernel: false, changedSince: null, via: null },
});

const CURL = { classId: 7 as ClassId, app: app("curl") };
const UNKNOWN = { classId: 0 as ClassId, app: null };

function event(cookie: number, more: Partial<FlowVerdictEvent> = {}): FlowVerdictEvent {
  return {
    ...{ cookie: BigInt(cookie) as Cookie, ...CURL, tgid: 100, uid: 1000, direction: "out", protocol: 6, peerAddress: "192.0.2.1" },
    ...{
      peerPort: 443,
      localPort: 40000 + cookie,
      own: false,
      names: [],
      verdict: "allow",
      by: "mode",
      ruleId: null,
      reason: null,
      generation: 1,
    },
    ...{ undecided: false, looked: false, timeMs: 1000 },
    ...more,
  };
}

const totals = (bytesOut: number, bytesIn = 0): FlowCounters => ({ bytesOut, bytesIn, packetsOut: 0, packetsIn: 0 });
const count = (cookie: number, bytes: FlowCounters, more: Partial<FlowVerdictEvent> = {}) => ({ ...event(cookie, more), totals: bytes });

function table(options: Partial<FlowTableOptions> = {}): FlowTable {
  let id = 0;
  return new FlowTable({
    nextId: () => {
      id += 1;
      return id as FlowId;
    },
    ...options,
  });
}

/** Every record as "id verdict state attempts", by id. */
const lines = (flows: FlowTable): string[] =>
  Array.from(flows.changes(0).flows)
    .sort((a, b) => a.id - b.id)
    .map((f) => `${f.id} ${f.verdict} ${f.state} ${f.attempts}`);

test("judged() counts connections alike in one record", () => {
  const flows = table();
  flows.judged(event(1));
  const { record } = flows.judged(event(2, { tgid: 200, timeMs: 2000 }));
  assert.deepEqual(record, {
    ...{ id: 1, app: CURL.app, pid: 200, uid: 1000, direction: "out", protocol: 6, address: "192.0.2.1", port: 443, localPort: 40002 },
    ...{ own: false, names: [], verdict: "allow", by: "mode", rule: null, reason: null, generation: 1, undecided: false, state: "open" },
    ...{ bytesOut: 0, bytesIn: 0, packetsOut: 0, packetsIn: 0, attempts: 2, firstMs: 1000, lastMs: 2000 },
  });
});

test("judged() keeps apart what differs", () => {
  const flows = table();
  const others: Partial<FlowVerdictEvent>[] = [
    {},
    { classId: 8 as ClassId, app: app("wget") },
    { uid: 0 },
    { direction: "in" },
    { protocol: 17 },
    { peerAddress: "192.0.2.2" },
    { peerPort: 80 },
    { verdict: "deny" },
  ];
  for (const [index, more] of others.entries()) flows.judged(event(index + 1, more));
  assert.equal(flows.stats().records, others.length);
});

test("judged() takes our port for incoming connections, whatever the peer's", () => {
  const flows = table();
  flows.judged(event(1, { direction: "in", peerPort: 5001, localPort: 22 }));
  assert.equal(flows.judged(event(2, { direction: "in", peerPort: 5002, localPort: 22 })).record.attempts, 2);
  assert.equal(flows.changes(0).flows[0]?.port, 22);
});

test("ended() closes a record with its last socket", () => {
  const flows = table();
  flows.judged(event(1));
  flows.judged(event(2));
  flows.ended(count(1, totals(0)));
  assert.deepEqual(lines(flows), ["1 allow open 2"]);
  flows.ended(count(2, totals(0)));
  assert.deepEqual(lines(flows), ["1 allow closed 2"]);
  flows.judged(event(3));
  assert.deepEqual(lines(flows), ["1 allow open 3"]);
});

test("counted() adds what is more than before, however often it is told", () => {
  const flows = table();
  flows.judged(event(1));
  flows.judged(event(2));
  for (const bytes of [10, 10, 25, 20]) flows.counted(count(1, totals(bytes, 2 * bytes)));
  flows.counted(count(2, totals(100)));
  flows.ended(count(1, totals(30, 60)));
  flows.ended(count(1, totals(30, 60)));
  const record = flows.changes(0).flows[0];
  assert.deepEqual([record?.bytesOut, record?.bytesIn], [130, 60]);
  assert.equal(flows.stats().unknownSockets, 1);
});

test("counted() gives a socket's bytes to the peer it names, else to the newest", () => {
  const flows = table();
  flows.judged(event(1, { peerAddress: "192.0.2.1" }));
  flows.judged(event(1, { peerAddress: "192.0.2.2" }));
  flows.counted(count(1, totals(10), { peerAddress: "192.0.2.1" }));
  flows.counted(count(1, totals(15), { peerAddress: "192.0.2.9" }));
  assert.deepEqual(
    new Map(flows.changes(0).flows.map((f) => [f.address, f.bytesOut])),
    new Map([
      ["192.0.2.1", 10],
      ["192.0.2.2", 5],
    ]),
  );
});

test("older() keeps what a socket had counted before out of its record", () => {
  const flows = table();
  flows.older(1n as Cookie, totals(1000));
  flows.judged(event(1));
  flows.counted(count(1, totals(1000)));
  assert.equal(flows.changes(0).flows[0]?.bytesOut, 0);
  flows.ended(count(1, totals(1010)));
  assert.equal(flows.changes(0).flows[0]?.bytesOut, 10);
});

test("judged() moves a held record on to its answer, all its connections together", () => {
  for (const verdict of ["allow", "deny"] as const) {
    const flows = table();
    for (const cookie of [1, 2, 3]) flows.judged(event(cookie, { verdict: "held" }));
    assert.deepEqual(lines(flows), ["1 held held 3"]);
    for (const cookie of [1, 2, 3]) flows.judged(event(cookie, { verdict, by: "rule", ruleId: 5 }));
    assert.deepEqual(lines(flows), [verdict === "allow" ? "1 allow open 3" : "1 deny closed 3"]);
    assert.equal(flows.changes(0).flows[0]?.rule, 5);
  }
});

test("judged() joins a held connection to the record its answer already has", () => {
  const flows = table();
  flows.judged(event(1));
  flows.judged(event(2, { verdict: "held" }));
  flows.judged(event(3, { verdict: "held" }));
  flows.judged(event(2));
  assert.deepEqual(lines(flows), ["1 allow open 2", "2 held held 1"]);
  flows.judged(event(3));
  assert.deepEqual(lines(flows), ["1 allow open 3"]);
  assert.deepEqual(flows.changes(0).removed, [2]);
});

test("judged() counts one attempt once, in whichever order kernel and daemon come to its refusal", () => {
  const flows = table();
  const refusal = { verdict: "deny", by: "rule", ruleId: 5 } as const;
  flows.judged(event(1, { verdict: "held" }));
  flows.judged(event(1, { ...refusal, looked: true, timeMs: 1010 }));
  assert.equal(flows.judged(event(1, { ...refusal, timeMs: 1009 })).record.attempts, 1);
  assert.equal(flows.judged(event(1, { ...refusal, timeMs: 1011 })).record.attempts, 2);
  flows.judged(event(2, { verdict: "held", peerPort: 80 }));
  flows.judged(event(2, { ...refusal, peerPort: 80 }));
  assert.equal(flows.judged(event(2, { ...refusal, peerPort: 80, looked: true })).record.attempts, 1);
});

test("judged() leaves a connection nobody answered in the history as held", () => {
  const flows = table();
  flows.judged(event(1, { verdict: "held" }));
  flows.ended(count(1, totals(0)));
  assert.deepEqual(lines(flows), ["1 held closed 1"]);
  flows.judged(event(2, { verdict: "held" }));
  flows.judged(event(2));
  assert.deepEqual(lines(flows), ["1 held closed 1", "2 allow open 1"]);
});

test("judged() moves a running flow on when an edit denies it", () => {
  const flows = table();
  flows.judged(event(1));
  flows.counted(count(1, totals(10)));
  flows.judged(event(1, { verdict: "deny", generation: 2 }));
  assert.deepEqual(lines(flows), ["1 deny closed 1"]);
  flows.ended(count(1, totals(12)));
  assert.equal(flows.changes(0).flows[0]?.bytesOut, 12);
});

test("judged() does not put what was allowed in the past under a new denial", () => {
  const flows = table();
  flows.judged(event(1));
  flows.ended(count(1, totals(10)));
  flows.judged(event(2));
  flows.judged(event(2, { verdict: "deny", generation: 2 }));
  assert.deepEqual(lines(flows), ["1 allow closed 2", "2 deny closed 1"]);
});

test("judged() gives connections of one record that part ways a record each", () => {
  const flows = table();
  flows.judged(event(1, { verdict: "held" }));
  flows.judged(event(2, { verdict: "held" }));
  flows.judged(event(1, { verdict: "allow", by: "once" }));
  flows.judged(event(2, { verdict: "deny" }));
  assert.deepEqual(lines(flows), ["1 allow open 2", "2 deny closed 1"]);
});

test("judged() names a program that was unknown, in its own record or the one its connections have", () => {
  const flows = table();
  flows.judged(event(1, { ...UNKNOWN, verdict: "held", by: null }));
  flows.judged(event(2, { ...UNKNOWN, verdict: "held", by: null }));
  assert.deepEqual(lines(flows), ["1 held held 1", "2 held held 1"]);
  assert.equal(flows.judged(event(1)).record.app?.name, "curl");
  assert.deepEqual(lines(flows), ["1 allow open 1", "2 held held 1"]);
  flows.judged(event(2));
  assert.deepEqual(lines(flows), ["1 allow open 2"]);
});

test("judged() never gives one program's record to another", () => {
  const flows = table();
  flows.judged(event(1));
  flows.judged(event(1, { classId: 8 as ClassId, app: app("wget") }));
  assert.deepEqual(
    flows.changes(0).flows.map((f) => [f.app?.name, f.state]),
    [
      ["curl", "closed"],
      ["wget", "open"],
    ],
  );
});

test("judged() counts each refusal of a socket that tries again", () => {
  const flows = table();
  flows.judged(event(1, { verdict: "deny" }));
  flows.judged(event(1, { verdict: "deny" }));
  flows.judged(event(2));
  flows.judged(event(2, { generation: 2 }));
  assert.deepEqual(lines(flows), ["1 deny closed 2", "2 allow open 1"]);
});

test("changes() tells each record once, as it is now, and dirty() what is not stored", () => {
  const flows = table();
  flows.judged(event(1));
  flows.judged(event(2, { peerPort: 80 }));
  const first = flows.dirty();
  assert.deepEqual(
    first.flows.map((f) => f.id),
    [1, 2],
  );
  flows.judged(event(3));
  flows.stored(first.sequence);
  const second = flows.dirty();
  assert.deepEqual(
    second.flows.map((f) => [f.id, f.attempts]),
    [[1, 2]],
  );
  flows.stored(second.sequence);
  assert.deepEqual([flows.dirty().flows, flows.dirty().complete], [[], true]);
});

test("FlowTable stays within its bounds: stored closed records go first, unnoticed", () => {
  const flows = table({ maxRecords: 32 });
  for (let n = 1; n <= 200; n += 1) {
    flows.judged(event(n, { peerPort: n }));
    if (n > 8) flows.ended(count(n, totals(1), { peerPort: n }));
    flows.stored(flows.sequence);
  }
  const stats = flows.stats();
  assert.equal(stats.records <= 32, true);
  assert.equal(stats.forgottenRecords, 0);
  assert.equal(flows.changes(0).flows.filter((f) => f.state === "open").length, 8);
  assert.deepEqual([flows.dirty().complete, flows.changes(1).complete], [true, false]);
});

test("FlowTable counts what it had to forget, and knows an open record again under its id", () => {
  const flows = table({ maxRecords: 32 });
  for (let n = 1; n <= 100; n += 1) flows.judged(event(n, { peerPort: n }));
  assert.equal(flows.stats().records <= 32, true);
  assert.equal(flows.stats().forgottenRecords >= 68, true);
  assert.equal(flows.dirty().complete, false);
  flows.ended(count(1, totals(9), { peerPort: 1 }));
  const record = flows.changes(0).flows.find((f) => f.id === 1);
  assert.deepEqual([record?.state, record?.bytesOut, record?.attempts], ["closed", 9, 1]);
});

test("FlowTable forgets the socket heard of longest ago, and a server's oldest peer", () => {
  const flows = table({ maxConversations: 10, maxPeersPerSocket: 4 });
  flows.judged(event(1));
  for (let n = 1; n <= 50; n += 1) flows.judged(event(2, { protocol: 17, peerAddress: `198.51.100.${n}` }));
  assert.deepEqual([flows.stats().conversations, flows.stats().forgottenConversations], [5, 0]);
  assert.equal(flows.changes(0).flows.filter((f) => f.state === "open").length, 5);
  for (let n = 10; n < 20; n += 1) flows.judged(event(n, { peerPort: n }));
  assert.deepEqual([flows.stats().conversations, flows.stats().forgottenConversations], [10, 5]);
  flows.ended(count(1, totals(5)));
  assert.equal(flows.stats().unknownSockets, 1);
});
