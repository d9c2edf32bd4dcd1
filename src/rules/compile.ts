// SPDX-License-Identifier: Apache-2.0
/** Rules in order -> the kernel's tables (bpf/tables.h). What decide.h makes of them is what evaluate.ts makes of the rules. */
import { knownAddress, wideAddress } from "../contract/address.ts";
import type { App } from "../contract/app.ts";
import type { Mode } from "../contract/connection.ts";
import type { Environment } from "../contract/environment.ts";
import {
  Action,
  ClassRow,
  MAX_CLASSES,
  MAX_RESOLVERS,
  MAX_RULES,
  PortSpan,
  RuleEntry,
  Span4,
  Span6,
  UserRow,
} from "../contract/layout.gen.ts";
import type { CompiledPolicy } from "../contract/policy.ts";
import type { PlacedRule } from "../contract/rule.ts";
import { type NameKey, randomNameKey } from "../lists/hash.ts";
import { compileLists, type ListsInForce } from "./compile-lists.ts";
import { compileNames, NameIndex } from "./compile-names.ts";
import { compilePorts } from "./compile-ports.ts";
import { compileUsers } from "./compile-users.ts";
import { compileWhere } from "./compile-where.ts";
import { WhoIndex } from "./compile-who.ts";
import { type Dimensions, EditableTables } from "./edit-tables.ts";
import { FIXED_NAMES, FIXED_ROWS, type FixedRow } from "./fixed.ts";
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
      /** Whether the tables are the last ones, edited, or were compiled anew. */
      readonly edited: boolean;
      readonly policy: CompiledPolicy;
      /** The packed row (struct row) for one more class under the same rules, without compiling anew. */
      readonly classRow: (app: App) => Uint8Array;
    }
  | { readonly ok: false; readonly problem: string };

/** Memory that one compilation after the other works in: what is made anew for each edit would have to be collected for each. */
export class Workspace {
  readonly rows = new RowTable();
  readonly sweep = new Sweep(this.rows);
  /** The names that rules name. */
  readonly names: NameIndex;
  /** The lists whose tables the kernel has; null: none. */
  lists: ListsInForce | null = null;
  /** The tables compiled last; their rows are in `rows`. */
  last: EditableTables | null = null;

  /** `key`: what names are hashed by, the kernel's. */
  constructor(key: NameKey = randomNameKey()) {
    this.names = new NameIndex(key);
  }
}

const ACTIONS = { allow: Action.ALLOW, deny: Action.DENY, ask: Action.ASK } as const;

function bitsWhere(parts: readonly Part[], holds: (part: Part) => boolean): Bits {
  const bits = new Bits();
  parts.forEach((part, bit) => {
    if (holds(part)) bits.add(bit);
  });
  return bits;
}

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

/** All of the tables that rules alone make, anew. */
function compileWhole(parts: readonly Part[], environment: Environment, { rows, sweep }: Workspace): Dimensions {
  rows.clear();
  sweep.clear();
  const { spans4, spans6 } = compileWhere(parts, environment, sweep);
  const portSpans = compilePorts(parts, sweep);
  const users = compileUsers(parts, bitsWhere(parts, FIXED_ROWS.rowOtherUser), environment, rows);
  const row = (name: FixedRow): number => rows.indexOf(bitsWhere(parts, FIXED_ROWS[name]));
  const fixed = Object.fromEntries(FIXED_NAMES.map((name) => [name, row(name)])) as Record<FixedRow, number>;
  return { spans4, spans6, portSpans, users, fixed };
}

type Programs = {
  readonly apps: ReadonlyMap<number, App>;
  readonly environment: Environment;
  readonly rows: RowTable;
  readonly names: NameIndex;
  readonly lists: ListsInForce | null;
};

/** The configured servers that the kernel believes, as far as it has room; libc asks only the first three. */
function resolversOf({ dnsServers }: Environment) {
  const known = dnsServers.slice(0, MAX_RESOLVERS).map((address) => {
    const { high, low } = wideAddress(knownAddress(address));
    return { addressHigh: high, addressLow: low };
  });
  const free = Array.from({ length: MAX_RESOLVERS - known.length }, () => ({ addressHigh: 0n, addressLow: 0n }));
  return { resolverCount: known.length, resolvers: [...known, ...free] };
}

/** The whole policy: the tables of the rules, and what of it is about programs, names and settings. */
function build(parts: readonly Part[], dimensions: Dimensions, settings: PolicySettings, programs: Programs) {
  const { apps, environment, rows } = programs;
  const { spans4, spans6, portSpans, users, fixed } = dimensions;
  const who = new WhoIndex(parts, environment);
  const classRows = packClasses(apps, who, rows);
  const names = compileNames(parts, programs.names, rows);
  const lists = compileLists(parts, programs.lists, rows);
  const half = {
    rules: parts.length,
    words: Math.ceil(parts.length / 64),
    spans4: spans4.length / Span4.size,
    spans6: spans6.length / Span6.size,
    portSpans: portSpans.length / PortSpan.size,
    users: users.length / UserRow.size,
    rowAnyApp: rows.indexOf(who.anyApp),
    ...fixed,
    mode: ACTIONS[settings.mode],
    whenAway: ACTIONS[settings.whenAway],
    whenUnknown: ACTIONS[settings.whenUnknown],
    zero: 0,
    reserved: 0,
    names: names.table,
    ...lists.half,
    reserved2: 0,
    ...resolversOf(environment),
  };
  const policy: CompiledPolicy = {
    half,
    tables: {
      rows: rows.bytes,
      spans4,
      spans6,
      portSpans,
      users,
      rules: packEntries(parts),
      classRows,
      nameBuckets: names.nameBuckets,
      nameRows: names.nameRows,
      listRows: lists.listRows,
    },
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
  const programs = { apps, environment, rows: workspace.rows, names: workspace.names, lists: workspace.lists };
  const { last } = workspace;
  workspace.last = null;
  const edited = last && withRoom(() => edit(last, ordered, settings, programs));
  if (edited?.ok) {
    workspace.last = last;
    return edited;
  }
  const parts = partsOf(ordered);
  const problem = tooMany(ordered, parts);
  if (problem !== null) return { ok: false, problem };
  return withRoom(() => {
    const dimensions = compileWhole(parts, environment, workspace);
    const policy = build(parts, dimensions, settings, programs);
    workspace.last = new EditableTables(parts, dimensions, { rows: workspace.rows, environment });
    return { ok: true, edited: false, ...policy };
  });
}

/** The policy with the last tables, edited. Null where that cannot be; where it has no room there may still be some for new tables. */
function edit(last: EditableTables, ordered: readonly PlacedRule[], settings: PolicySettings, programs: Programs): Compiled | null {
  const dimensions = last.follow(ordered, programs.environment);
  return dimensions && { ok: true, edited: true, ...build(last.parts, dimensions, settings, programs) };
}

/** What `work` gives; the problem when a table is full. */
function withRoom<T extends Compiled | null>(work: () => T): T | Compiled {
  try {
    return work();
  } catch (error) {
    if (error instanceof TableFullError) return { ok: false, problem: error.message };
    throw error;
  }
}
