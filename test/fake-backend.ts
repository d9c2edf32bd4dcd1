// SPDX-License-Identifier: Apache-2.0
/** A backend with a rule, a question and a flow, for tests of what stands between it and the person. */
import type { AppShape, Flow, ListShape, Question } from "../src/contract/api.ts";
import { Failure } from "../src/contract/failure.ts";
import type { Backend, BackendEvent, BackendReply } from "../src/daemon/backend.ts";

/** A path with a newline, an escape sequence, a right-to-left override and a byte that is not UTF-8. */
export const HOSTILE_PATH = "/tmp/a\nb\x1b[31m\u202ec\udcff";
export const HOSTILE_SHOWN = "/tmp/a\\x0ab\\x1b[31m\\xe2\\x80\\xaec\\xff";

const TIME = "2026-03-01T14:05:09.123Z";

export const APP: AppShape = {
  path: HOSTILE_PATH,
  name: "curl",
  via: null,
  script: null,
  args: ["curl", "--header\r"],
  pid: 12,
  uid: 1000,
  user: "ann",
  package: "curl",
  packageIntact: true,
  unit: null,
  container: null,
  flatpak: null,
  snap: null,
  appimage: null,
  sha256: null,
  changedSince: null,
};

const PEER = { direction: "out", protocol: "tcp", address: "192.0.2.7", port: 443, localPort: 40000, name: null, names: [] } as const;

export const QUESTION: Question = {
  id: 7,
  since: TIME,
  app: APP,
  ...PEER,
  names: [],
  flows: 1,
  packets: 2,
  rule: null,
  scopes: ["exact", "any"],
  resultingRule: "allow any -> 192.0.2.7 tcp/443",
};

export const FLOW: Flow = {
  id: 3,
  app: APP,
  ...PEER,
  names: [],
  verdict: "allow",
  by: "rule",
  rule: 1,
  reason: null,
  state: "open",
  bytesOut: 2048,
  bytesIn: null,
  packetsOut: 3,
  packetsIn: null,
  attempts: 1,
  first: TIME,
  last: TIME,
};

/** Its source is there to be read by whoever updates it. */
export const LIST: ListShape = {
  name: "ads",
  source: import.meta.filename,
  downloaded: false,
  every: null,
  format: "hosts",
  entries: 1204,
  duplicates: 3,
  ownExceptions: 0,
  notApplicable: 0,
  junk: 1,
  exceptions: ["ok.ads.example"],
  added: TIME,
  updated: TIME,
  checked: TIME,
  problem: null,
};

const BAD_FILE = "/etc/holdfast/rules.d/bad.rules";
const BAD = { file: BAD_FILE, line: 1, column: 1, message: '"alow" is not an action' };

const EDIT = { id: 1, text: "allow any -> any", position: 1, revision: 5, generation: 9, coveredBy: null };

export type FakeBackend = Backend & {
  /** Every request, in order. */
  readonly calls: { readonly name: string; readonly request: unknown }[];
  /** Sends an event to all who listen. */
  readonly emit: (event: BackendEvent) => void;
  /** How many listen. */
  readonly listeners: () => number;
};

/** `replies` stand in for those of the fake. */
export function fakeBackend(replies: Partial<Backend> = {}): FakeBackend {
  const calls: { name: string; request: unknown }[] = [];
  const listeners = new Set<(event: BackendEvent) => void>();
  const status: BackendReply<"status"> = {
    version: "0.1.0",
    pid: process.pid,
    mode: "ask",
    whenAway: "deny",
    scope: "/sys/fs/cgroup",
    state: "/var/lib/holdfast",
    socket: "/run/holdfast.sock",
    rulesDir: "/etc/holdfast/rules.d",
    revision: 5,
    generation: 9,
    inForce: true,
    rules: { total: 1, enabled: 1, limit: 4096 },
    questions: 1,
    clients: 0,
    kernel: { release: "6.18.0", missing: [] },
    health: [{ code: "events-lost", severity: "warning", text: "3 events were lost" }],
    counters: {
      eventsLost: 3,
      heldFlows: 1,
      heldDropped: 2,
      released: 0,
      refused: 0,
      unknownHeld: 0,
      tableFull: { processes: 0 },
      helperFailed: {},
    },
  };
  const rule: BackendReply<"listRules">["rules"][number] = {
    id: 1,
    position: 1,
    text: "allow any -> any",
    action: "allow",
    priority: "regular",
    author: "own",
    group: null,
    enabled: true,
    protected: false,
    lifetime: { kind: "ever", until: null },
    coveredBy: null,
    hits: 4,
    lastUsed: TIME,
    created: TIME,
    note: "a\u202eb",
  };
  const summary = {
    app: { ...APP, pid: null, uid: null, user: null },
    flows: 1,
    denied: 0,
    bytesOut: 2048,
    bytesIn: 0,
    first: TIME,
    last: TIME,
  };
  const setting = { key: "history-days", value: 30, default: 30, text: "Days flows are kept" };
  const backend: Backend = {
    status: async () => status,
    setMode: async ({ mode }) => ({ mode, revision: 6, generation: 10 }),
    listRules: async () => ({ revision: 5, limit: 4096, rules: [rule] }),
    addRule: async ({ text }) => {
      if (text.startsWith("alow")) {
        const message = `"alow" is not an action; expected allow, deny or ask`;
        throw new Failure("bad-input", "Cannot read the rule", { problems: [{ file: null, line: 1, column: 1, message }] });
      }
      return { ...EDIT, text };
    },
    removeRule: async ({ id }) => {
      if (id !== 1) throw new Failure("not-found", `There is no rule ${id}`);
      return { ...EDIT, position: null };
    },
    setRuleEnabled: async ({ enabled }) => ({ ...EDIT, position: enabled ? 1 : null }),
    undo: async () => ({ ...EDIT, id: null, text: null, position: null }),
    importRules: async ({ text }) => {
      if (text.includes("list:refused")) throw new Failure("bad-input", "Cannot import it");
      return { revision: 6, generation: 10, rules: [{ id: 2, line: 1, text: "deny any -> any", position: 2, coveredBy: 1 }] };
    },
    exportRules: async () => ({ rules: 2, text: "allow any -> any\ndeny any <- any\n" }),
    listQuestions: async () => ({ questions: [QUESTION] }),
    answer: async ({ scope }) => {
      if (scope === "domain") throw new Failure("bad-input", `Cannot answer with scope "domain": expected exact or any`);
      return { rule: 2, text: "allow any -> 192.0.2.7 tcp/443", released: 2, refused: 0 };
    },
    listFlows: async () => ({ flows: [FLOW] }),
    listApps: async () => ({ apps: [summary] }),
    showApp: async ({ name }) => {
      if (name !== "curl") throw new Failure("not-found", `No program "${name}" has been seen`);
      return { apps: [{ ...summary, rules: [{ id: 1, text: "allow any -> any" }] }] };
    },
    explain: async () => ({
      verdict: "allow",
      by: "rule",
      rule: 1,
      text: "allow any -> any",
      position: 1,
      next: { rule: 2, text: "deny any -> any", step: 8, stepName: "action" },
      candidates: [],
    }),
    listSettings: async () => ({ settings: [setting] }),
    getSetting: async () => setting,
    setSetting: async () => setting,
    listGroups: async () => ({
      groups: [
        { name: "work", description: null, file: "/etc/holdfast/rules.d/work.rules", enabled: true, rules: 2, problems: [] },
        { name: "bad", description: null, file: BAD_FILE, enabled: true, rules: 0, problems: [BAD] },
        { name: "edited", description: null, file: BAD_FILE, enabled: true, rules: 3, problems: [BAD] },
      ],
    }),
    setGroupEnabled: async ({ name, enabled }) => ({ name, enabled, revision: 5, generation: 10 }),
    listLists: async () => ({ lists: [LIST] }),
    addList: async ({ name, rule }) => {
      const mixed = name === "mixed" ? { format: "adblock", entries: 1, notApplicable: 4 } : {};
      return { list: { ...LIST, name, ...mixed }, rule: rule ? 2 : null, warning: null };
    },
    showList: async ({ name, search }) => {
      if (name !== "ads") throw new Failure("not-found", `There is no list "${name}"`);
      const junk = [{ line: 3, text: "<html>", why: "not a host name" }];
      return { list: LIST, junk, total: 1, entries: [".ads.example"], match: search };
    },
    removeList: async ({ name }) => ({ name, rule: 2 }),
    exceptList: async ({ entry }) => ({ list: { ...LIST, exceptions: [entry] } }),
    downloadLists: async ({ names }) => ({
      lists: names.map((name) => ({ list: { ...LIST, name, downloaded: true }, outcome: "unchanged" as const, before: 1204 })),
    }),
    updateList: async () => ({ list: { ...LIST, problem: null }, outcome: "updated", before: 1200 }),
    backup: async () => ({
      kind: "holdfast-backup",
      created: TIME,
      rules: [{ text: "allow any -> any", enabled: true, until: null, created: TIME }],
      settings: { "history-days": 30 },
      groups: [],
      lists: [
        { name: "ads", source: LIST.source, format: "hosts", every: null, allowHttp: false, allowLocal: false, exceptions: ["ok.example"] },
        { name: "far", source: "https://example.org/l", format: "domains", every: 60, allowHttp: false, allowLocal: true, exceptions: [] },
        { name: "gone", source: "/nonexistent/l", format: "hosts", every: null, allowHttp: false, allowLocal: false, exceptions: [] },
      ],
    }),
    restore: async ({ rules }) => ({ rules: rules.length, settings: 1, groups: 0, revision: 6, generation: 10 }),
    subscribe: (_topics, listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    ...replies,
  };
  const recorded = Object.fromEntries(
    Object.entries(backend).map(([name, method]) => {
      if (name === "subscribe") return [name, method];
      const call = (request: never): unknown => {
        calls.push({ name, request });
        return (method as (request: never) => unknown)(request);
      };
      return [name, call];
    }),
  ) as Backend;
  return {
    ...recorded,
    calls,
    emit: (event) => {
      for (const listen of listeners) listen(event);
    },
    listeners: () => listeners.size,
  };
}
