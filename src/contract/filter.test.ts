// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Flow, FlowFilter } from "./api.ts";
import { flowMatches } from "./filter.ts";

const app = {
  path: "/usr/bin/git\udcff",
  name: "git",
  via: { path: "/opt/ide", name: "ide" },
  script: null,
  package: "git",
} as Flow["app"];
const flow = {
  app,
  address: "192.0.2.7",
  name: "api.example.org",
  names: [{ name: "cdn.example.net", source: "dns", own: true }],
  verdict: "allow",
  last: "2026-03-01T14:05:09.123Z",
} as unknown as Flow;
const all: FlowFilter = { app: null, to: null, verdict: null, undecided: false, since: null };

test("flowMatches() lets through what every filter given allows", () => {
  const cases: readonly (readonly [Partial<FlowFilter>, boolean])[] = [
    [{}, true],
    [{ app: "git" }, true],
    [{ app: "/usr/bin/git\\xff" }, true],
    [{ app: "/opt/ide" }, true],
    [{ app: "gi" }, false],
    [{ to: "192.0.2.7" }, true],
    [{ to: "192.0.2.77" }, false],
    [{ to: "API.example.org" }, true],
    [{ to: "example.org" }, false],
    [{ to: ".example.org" }, true],
    [{ to: ".ample.org" }, false],
    [{ to: ".cdn.example.net" }, true],
    [{ verdict: "deny" }, false],
    [{ undecided: true }, false],
    [{ since: "2026-03-01T14:05:09.123Z" }, true],
    [{ since: "2026-03-01T14:05:09.124Z" }, false],
    [{ app: "git", to: ".example.org", verdict: "allow" }, true],
  ];
  for (const [filter, expected] of cases) assert.equal(flowMatches(flow, false, { ...all, ...filter }), expected, JSON.stringify(filter));
  assert.equal(flowMatches(flow, true, { ...all, undecided: true }), true);
  assert.equal(flowMatches({ ...flow, app: null }, false, { ...all, app: "git" }), false);
});
