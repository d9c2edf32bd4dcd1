// SPDX-License-Identifier: Apache-2.0
/** The shapes of cli.md that stand in more than one reply. Unknown is null, never missing; times are ISO 8601 UTC with milliseconds. */
import { z } from "zod";
import { Action, Author, Priority } from "./rule.ts";

export const Time = z.iso.datetime({ precision: 3 });
export const Count = z.int().min(0);
/** Ids are never reused; 0 is none, written as null. */
export const Id = z.int().min(1);
export const Mode = z.enum(["allow", "deny", "ask"]);
export const WhenAway = z.enum(["allow", "deny"]);
/** How wide an answer is: this address, this host, its domain, anywhere. */
export const Scope = z.enum(["exact", "host", "domain", "any"]);
export const DecidedBy = z.enum(["rule", "mode", "once", "factory", "away", "list"]);
export const FlowVerdict = z.enum(["allow", "deny", "held"]);

export const AppShape = z.strictObject({
  path: z.string().nullable(),
  name: z.string(),
  via: z.strictObject({ path: z.string().nullable(), name: z.string() }).nullable(),
  script: z.string().nullable(),
  args: z.array(z.string()),
  pid: z.int().min(0).nullable(),
  uid: z.int().min(0).nullable(),
  user: z.string().nullable(),
  package: z.string().nullable(),
  packageIntact: z.boolean().nullable(),
  unit: z.string().nullable(),
  container: z.string().nullable(),
  flatpak: z.string().nullable(),
  snap: z.string().nullable(),
  appimage: z.string().nullable(),
  sha256: z.string().nullable(),
  changedSince: Time.nullable(),
});
export type AppShape = z.infer<typeof AppShape>;

export const NameShape = z.strictObject({
  name: z.string(),
  source: z.enum(["dns", "hosts", "libc", "mdns"]),
  own: z.boolean(),
});

/** Spread into questions and flows. `address` is null only for a question about several peers, ports for protocols that have none. */
const peer = {
  direction: z.enum(["out", "in"]),
  protocol: z.string(),
  address: z.string().nullable(),
  port: z.int().min(0).max(65535).nullable(),
  localPort: z.int().min(0).max(65535).nullable(),
  name: z.string().nullable(),
  names: z.array(NameShape),
};

export const HealthItem = z.strictObject({
  code: z.string(),
  severity: z.enum(["info", "warning", "error"]),
  text: z.string(),
});
export type HealthItem = z.infer<typeof HealthItem>;

/** `rule` is the id of the ask rule that raised it, or null (the mode did). `resultingRule` is what a plain `allow` would add. No scopes: only an answer for once. */
export const Question = z.strictObject({
  id: Id,
  since: Time,
  app: AppShape,
  ...peer,
  flows: Count,
  packets: Count,
  rule: Id.nullable(),
  scopes: z.array(Scope),
  resultingRule: z.string(),
});
export type Question = z.infer<typeof Question>;

/** `app` and `by` are null while the program is not identified. `bytes*` and `packets*` are null where not counted yet. */
export const Flow = z.strictObject({
  id: Id,
  app: AppShape.nullable(),
  ...peer,
  verdict: FlowVerdict,
  by: DecidedBy.nullable(),
  rule: Id.nullable(),
  reason: z.string().nullable(),
  state: z.enum(["open", "closed", "held"]),
  bytesOut: Count.nullable(),
  bytesIn: Count.nullable(),
  packetsOut: Count.nullable(),
  packetsIn: Count.nullable(),
  attempts: Count,
  first: Time,
  last: Time,
});
export type Flow = z.infer<typeof Flow>;

/** Position 1 is the first to decide; null for a rule that takes no part (disabled). `coveredBy` is the rule because of which it never wins. */
export const ListedRule = z.strictObject({
  id: Id,
  position: Id.nullable(),
  text: z.string(),
  action: Action,
  priority: Priority,
  author: Author,
  group: z.string().nullable(),
  enabled: z.boolean(),
  protected: z.boolean(),
  lifetime: z.strictObject({
    kind: z.enum(["ever", "once", "quit", "restart", "until"]),
    until: Time.nullable(),
  }),
  coveredBy: Id.nullable(),
  hits: Count,
  lastUsed: Time.nullable(),
  created: Time.nullable(),
  note: z.string().nullable(),
});
export type ListedRule = z.infer<typeof ListedRule>;

export const ProblemShape = z.strictObject({
  file: z.string().nullable(),
  line: Id,
  column: Id,
  message: z.string(),
});

/** What is known of a program over all its flows. In `app`, pid, uid and user are null. */
export const AppSummary = z.strictObject({
  app: AppShape,
  flows: Count,
  denied: Count,
  bytesOut: Count,
  bytesIn: Count,
  first: Time.nullable(),
  last: Time.nullable(),
});
export type AppSummary = z.infer<typeof AppSummary>;

export const SettingValue = z.union([z.string(), z.number(), z.boolean()]);
export const Setting = z.strictObject({
  key: z.string(),
  value: SettingValue,
  default: SettingValue,
  text: z.string(),
});
export type Setting = z.infer<typeof Setting>;

/** A rule group. `file` is null for the factory's. `problems`: the file as it is now is refused; its last good text is in force. */
export const Group = z.strictObject({
  name: z.string(),
  description: z.string().nullable(),
  file: z.string().nullable(),
  enabled: z.boolean(),
  rules: Count,
  problems: z.array(ProblemShape),
});
export type Group = z.infer<typeof Group>;

/** A blocklist. `source`: a URL, or the path of a file; `every`: seconds between downloads, null for a file and where somebody asks for them. Counts are those of its text as it was read last; `exceptions` are yours, `ownExceptions` those in its text. `problem`: why the last update was not taken. */
export const ListShape = z.strictObject({
  name: z.string(),
  source: z.string(),
  downloaded: z.boolean(),
  every: z.int().min(1).nullable(),
  format: z.string(),
  entries: Count,
  duplicates: Count,
  ownExceptions: Count,
  notApplicable: Count,
  junk: Count,
  exceptions: z.array(z.string()),
  added: Time,
  updated: Time,
  checked: Time,
  problem: z.string().nullable(),
});
export type ListShape = z.infer<typeof ListShape>;
