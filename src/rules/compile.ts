// SPDX-License-Identifier: Apache-2.0
/** Rules in order -> the kernel's tables (bpf/tables.h). What decide.h makes of them is what evaluate.ts makes of the rules. */
import type { App } from "../contract/app.ts";
import type { Mode } from "../contract/connection.ts";
import type { Environment } from "../contract/environment.ts";
import { Action, ClassRow, MAX_CLASSES, MAX_RULES, PortSpan, RuleEntry, Span4, Span6, UserRow } from "../contract/layout.gen.ts";
import type { CompiledPolicy } from "../contract/policy.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { compilePorts } from "./compile-ports.ts";
import { compileUsers } from "./compile-users.ts";
import { compileWhere } from "./compile-where.ts";
import { WhoIndex } from "./compile-who.ts";
import { type Part, partsOf } from "./parts.ts";
import { Bits, RowTable } from "./rows.ts";
import { Sweep } from "./sweep.ts";
import { TableFullError } from "./table.ts";

export type PolicySettings = {
  readonly mode: Mode;
  readonly whenAway: "allow" | "deny";
  readonly whenUnknown: "allow" | "deny";
};

export type Compiled =
  | {
      readonly ok: true;
      readonly policy: CompiledPolicy;
      /** The packed row (struct row) for one more class under the same rules, without compiling anew. */
      readonly classRow: (app: App) => Uint8Array;
    }
  | { readonly ok: false; readonly problem: string };

/** Memory that one compilation after the other works in: what is made anew for each edit would have to be collected for each. */
export class Workspace {
  readonly rows = new RowTable();
  readonly sweep = new Sweep(this.rows);
}

const ACTIONS = { allow: Action.ALLOW, deny: Action.DENY, ask: Action.ASK } as const;

function bitsWhere(parts: readonly Part[], holds: (part: Part, bit: number) => boolean): Bits {
  const bits = new Bits();
  parts.forEach((part, bit) => {
    if (holds(part, bit)) bits.add(bit);
  });
  return bits;
}

const denies = (part: Part): boolean => part.placed.rule.action !== "allow";
const outgoing = (part: Part): boolean => part.direction !== "in";
const anyPort = (part: Part): boolean => part.placed.rule.ports.length === 0;
/** A rule that goes both ways and names such a kind has a part for incoming alone. */
const sentTo =
  (kind: "multicast" | "broadcast") =>
  (part: Part): boolean =>
    part.direction === "in" && part.placed.rule.where.some((entry) => entry.kind === kind);

function packEntries(parts: readonly Part[]): Uint8Array {
  const { id, action, quiet, notify, factory } = RuleEntry.fields;
  const bytes = new Uint8Array(parts.length * RuleEntry.size);
  const view = new DataView(bytes.buffer);
  parts.forEach(({ placed }, bit) => {
    const at = bit * RuleEntry.size;
    view.setUint32(at + id.offset, placed.id, true);
    view.setUint8(at + action.offset, ACTIONS[placed.rule.action]);
    view.setUint8(at + quiet.offset, Number(placed.rule.quiet));
    view.setUint8(at + notify.offset, Number(placed.rule.notify));
    view.setUint8(at + factory.offset, Number(placed.author === "factory"));
  });
  return bytes;
}

/** Classes from 0 to the highest of `apps`; those that are not there have the rules about any program. */
function packClasses(apps: ReadonlyMap<number, App>, who: WhoIndex, rows: RowTable): Uint8Array {
  const highest = Math.max(0, ...apps.keys());
  if (highest >= MAX_CLASSES) throw new TableFullError(`Cannot use application class ${highest}: the highest is ${MAX_CLASSES - 1}`);
  const bytes = new Uint8Array((highest + 1) * ClassRow.size);
  const view = new DataView(bytes.buffer);
  const put = (id: number, row: number): void => view.setUint32(id * ClassRow.size + ClassRow.fields.row.offset, row, true);
  const rowAnyApp = rows.indexOf(who.anyApp);
  for (let id = 0; id <= highest; id++) put(id, rowAnyApp);
  const bits = new Bits();
  for (const [id, app] of apps) put(id, rows.indexOf(who.bitsFor(app, bits)));
  return bytes;
}

function tooMany(ordered: readonly PlacedRule[], parts: readonly Part[]): string | null {
  if (parts.length <= MAX_RULES) return null;
  const rules = ordered.filter(({ enabled }) => enabled).length;
  const twice = parts.length - rules;
  const number = (n: number): string => n.toLocaleString("en");
  const how = twice === 0 ? "" : `, of which ${number(twice)} count twice (<-> with loopback, multicast or broadcast)`;
  return `Cannot use ${number(rules)} rules${how}: the limit is ${number(MAX_RULES)}; rules alike in all but where can be one rule with several places, like deny any -> 192.0.2.1,198.51.100.0/24, or with a list, like deny any -> list:NAME`;
}

function build(
  parts: readonly Part[],
  apps: ReadonlyMap<number, App>,
  environment: Environment,
  settings: PolicySettings,
  { rows, sweep }: Workspace,
) {
  rows.clear();
  sweep.clear();
  const who = new WhoIndex(parts, environment);
  const { spans4, spans6, everywhere } = compileWhere(parts, environment, sweep);
  const portSpans = compilePorts(parts, sweep);
  const anyUser = bitsWhere(parts, (part) => part.placed.rule.who.user === null);
  const users = compileUsers(parts, anyUser, environment, rows);
  const classRows = packClasses(apps, who, rows);
  const row = (holds: (part: Part, bit: number) => boolean): number => rows.indexOf(bitsWhere(parts, holds));
  const half = {
    rules: parts.length,
    words: Math.ceil(parts.length / 64),
    spans4: spans4.length / Span4.size,
    spans6: spans6.length / Span6.size,
    portSpans: portSpans.length / PortSpan.size,
    users: users.length / UserRow.size,
    rowAnyApp: rows.indexOf(who.anyApp),
    rowOtherUser: rows.indexOf(anyUser),
    rowNotAllow: row(denies),
    rowSentMulticast: row(sentTo("multicast")),
    rowSentBroadcast: row(sentTo("broadcast")),
    rowAnything: row((part, bit) => outgoing(part) && anyPort(part) && everywhere.has(bit)),
    mode: ACTIONS[settings.mode],
    whenAway: ACTIONS[settings.whenAway],
    whenUnknown: ACTIONS[settings.whenUnknown],
    rowNotAllowOut: row((part) => outgoing(part) && denies(part)),
    zero: 0,
    reserved: 0,
    reserved2: 0,
  };
  const policy: CompiledPolicy = {
    half,
    tables: { rows: rows.bytes, spans4, spans6, portSpans, users, rules: packEntries(parts), classRows },
  };
  return { policy, classRow: (app: App): Uint8Array => who.bitsFor(app, new Bits()).pack() };
}

/**
 * The tables for `ordered` (from orderRules; disabled rules are left out). `apps`: class id -> app; every other class is one that is
 * not known yet. A rule that loopback, multicast or broadcast makes two bits has its id in both. What does not depend on the other rules
 * is remembered for each rule object. The policy's rows are in `workspace`: they are valid until it is used again.
 */
export function compile(
  ordered: readonly PlacedRule[],
  apps: ReadonlyMap<number, App>,
  environment: Environment,
  settings: PolicySettings,
  workspace = new Workspace(),
): Compiled {
  const parts = partsOf(ordered);
  const problem = tooMany(ordered, parts);
  if (problem !== null) return { ok: false, problem };
  try {
    return { ok: true, ...build(parts, apps, environment, settings, workspace) };
  } catch (error) {
    if (error instanceof TableFullError) return { ok: false, problem: error.message };
    throw error;
  }
}
