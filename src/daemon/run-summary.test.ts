// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { APP, FLOW, HOSTILE_SHOWN } from "../../test/fake-backend.ts";
import { summarize, summaryLines } from "./run-summary.ts";

test("summarize() adds up the flows of one program, place and verdict", () => {
  const other = { ...FLOW, app: { ...APP, path: "/usr/bin/git" } };
  const lines = summarize([FLOW, { ...FLOW, attempts: 3, bytesIn: 5 }, { ...FLOW, verdict: "deny" }, { ...FLOW, port: 80 }, other]);
  assert.deepEqual(
    lines.map(({ port, verdict, connections, bytesOut, bytesIn }) => [port, verdict, connections, bytesOut, bytesIn]),
    [
      [443, "allow", 4, 4096, 5],
      [443, "deny", 1, 2048, 0],
      [80, "allow", 1, 2048, 0],
      [443, "allow", 1, 2048, 0],
    ],
  );
});

test("summarize() tells incoming connections from everywhere as one, and what only waited for its name not twice", () => {
  const incoming = { ...FLOW, direction: "in", port: 80 } as const;
  assert.equal(summarize([incoming, { ...incoming, address: "192.0.2.8" }]).length, 1);
  const waited = { ...FLOW, verdict: "held", by: null, rule: null } as const;
  assert.deepEqual(
    summarize([waited, FLOW]).map(({ verdict }) => verdict),
    ["allow"],
  );
  assert.deepEqual(
    summarize([waited]).map(({ verdict }) => verdict),
    ["held"],
  );
});

test("summaryLines() counts, and shows text from outside made visible", () => {
  const summary = { schema: 1, command: ["x"], exit: 0, health: [] } as const;
  assert.deepEqual(summaryLines({ ...summary, connections: [] }), ["holdfast: no connections"]);
  const connections = summarize([
    { ...FLOW, attempts: 2 },
    { ...FLOW, verdict: "deny" },
    { ...FLOW, verdict: "held", by: "mode" },
  ]);
  const health = [{ code: "events-lost", severity: "warning", text: "3 events were lost" } as const];
  assert.deepEqual(summaryLines({ ...summary, connections, health }), [
    "holdfast: 2 connections allowed, 1 denied, 1 unanswered and so not made",
    `  allowed     ${HOSTILE_SHOWN} -> 192.0.2.7 tcp/443 (2 times)   2.0 KiB sent, 0 B received`,
    `  denied      ${HOSTILE_SHOWN} -> 192.0.2.7 tcp/443`,
    `  unanswered  ${HOSTILE_SHOWN} -> 192.0.2.7 tcp/443`,
    "  warning: 3 events were lost",
  ]);
});
