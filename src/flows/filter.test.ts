// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowFilter } from "../contract/api.ts";
import type { Identity } from "../contract/app.ts";
import type { FlowRecord } from "../contract/flow.ts";
import type { FlowId } from "../contract/ids.ts";
import { flowFilter } from "./filter.ts";

const program = (path: string, more: Partial<Identity> = {}): Identity => ({
  ...{ path, claimedPath: null, name: path.slice(path.lastIndexOf("/") + 1), script: null, args: [], package: null, packageIntact: null },
  ...{ unit: null, container: null, flatpak: null, snap: null, appimage: null, kernel: false, changedSince: null },
  ...more,
});

const T = Date.UTC(2026, 0, 1);
const FLOW: FlowRecord = {
  ...{ id: 1 as FlowId, pid: 1, uid: 0, direction: "out", protocol: 6, address: "2001:db8::1", port: 443, localPort: 40000, own: false },
  names: [{ name: "git.example.org", source: "dns", own: true }],
  ...{ verdict: "allow", by: "mode", rule: null, reason: null, generation: 1, undecided: false, state: "open", attempts: 1 },
  ...{ bytesOut: 0, bytesIn: 0, packetsOut: 0, packetsIn: 0, firstMs: T - 5000, lastMs: T },
  app: { ...program("/usr/bin/git", { package: "git", unit: "sync.service" }), via: program("/usr/bin/ssh") },
};

const CASES: readonly (readonly [filter: object, more: Partial<FlowRecord>, expected: boolean])[] = [
  [{}, {}, true],
  [{ app: "/usr/bin/git" }, {}, true],
  [{ app: "/bin/git" }, {}, false],
  [{ app: "git" }, {}, true],
  [{ app: "gi" }, {}, false],
  [{ app: "sync.service" }, {}, true],
  [{ app: "ssh" }, {}, true],
  [{ app: "/usr/bin/ssh" }, {}, true],
  [{ app: "sync.py" }, { app: { ...program("/usr/bin/python3", { script: "/home/ann/sync.py" }), via: null } }, true],
  [{ app: "git" }, { app: null }, false],
  [{ to: "2001:DB8::1" }, {}, true],
  [{ to: "2001:db8::2" }, {}, false],
  [{ to: "Git.example.org" }, {}, true],
  [{ to: "example.org" }, {}, false],
  [{ to: ".example.org" }, {}, true],
  [{ to: ".git.example.org" }, {}, true],
  [{ to: ".xample.org" }, {}, false],
  [{ verdict: "allow" }, {}, true],
  [{ verdict: "held" }, {}, false],
  [{ undecided: true }, {}, false],
  [{ undecided: true }, { undecided: true }, true],
  [{ undecided: true }, { verdict: "held", state: "held" }, true],
  [{ undecided: true }, { verdict: "held", state: "closed" }, false],
  [{ since: "2026-01-01T00:00:00.000Z" }, {}, true],
  [{ since: "2026-01-01T00:00:00.001Z" }, {}, false],
  [{ app: "git", verdict: "deny" }, {}, false],
];

test("flowFilter() lets through what every filter names", () => {
  for (const [filter, more, expected] of CASES) {
    assert.equal(flowFilter(FlowFilter.parse(filter))({ ...FLOW, ...more }), expected, JSON.stringify([filter, more]));
  }
});
