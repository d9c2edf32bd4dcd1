// SPDX-License-Identifier: Apache-2.0
/** One question, several implementations: rules and connections -> decisions. evaluate.ts, decide.h on the host, and the loaded program. */

import { knownAddress, wideAddress } from "../src/contract/address.ts";
import type { App } from "../src/contract/app.ts";
import { type Decoded, decode, encode } from "../src/contract/codec.ts";
import type { Connection, Decision, Mode } from "../src/contract/connection.ts";
import type { Environment } from "../src/contract/environment.ts";
import {
  ACTION_NAMES,
  CLASS_UNKNOWN,
  Conn,
  DECIDED_CANDIDATES,
  DecidedBy,
  Decision as DecisionLayout,
} from "../src/contract/layout.gen.ts";
import type { CompiledPolicy, ListBytes } from "../src/contract/policy.ts";
import type { PlacedRule } from "../src/contract/rule.ts";
import { listBytes } from "../src/daemon/take-lists.ts";
import { buildLists, type ListTables } from "../src/lists/build.ts";
import { type NameKey, randomNameKey } from "../src/lists/hash.ts";
import { packNames } from "../src/rules/candidate.ts";
import { compile, Workspace } from "../src/rules/compile.ts";
import { judge } from "../src/rules/evaluate.ts";
import { decidedCandidates } from "../src/rules/names.ts";
import { LISTS } from "./generate.ts";

/** `ordered` comes from orderRules. */
export type Situation = {
  readonly ordered: readonly PlacedRule[];
  readonly mode: Mode;
  readonly environment: Environment;
  readonly connections: readonly Connection[];
};

/** A decision, and whether the connection's names leave it open what it is. */
export type Outcome = { readonly decision: Decision; readonly ambiguous: boolean };

/** The outcomes of each situation's connections, in the same order. */
export type Implementation = (situations: readonly Situation[]) => Outcome[][] | Promise<Outcome[][]>;

/**
 * What an implementation over tables needs: the compiled policy, each connection as decide.h takes it, and the names its candidates stand
 * for: the id of number n is 2n + 2, and one more where it is trusted.
 */
export type CompiledSituation = {
  readonly policy: CompiledPolicy;
  readonly lists: ListBytes;
  readonly conns: readonly Uint8Array[];
  readonly candidates: readonly ReturnType<typeof packNames>[];
};

/** Class ids 2, 3, … for the apps, in the order in which they come. 0 and 1 are taken. */
function classesOf(connections: readonly Connection[]): Map<App, number> {
  const classes = new Map<App, number>();
  for (const { app } of connections) if (app !== null && !classes.has(app)) classes.set(app, classes.size + 2);
  return classes;
}

const SENT_TO = { unicast: 0, multicast: 1, broadcast: 2 } as const;

/** Puts the names of the connection's candidates behind `candidates`, and returns their ids. */
function idsOf(connection: Connection, candidates: ReturnType<typeof packNames>[], key: NameKey): bigint[] {
  const ids = decidedCandidates(connection).map(({ names, trusted }) => {
    candidates.push(packNames(names, key));
    return 2n * BigInt(candidates.length) + BigInt(trusted);
  });
  return [...ids, ...new Array<bigint>(DECIDED_CANDIDATES - ids.length).fill(0n)];
}

function connOf(connection: Connection, classId: number, ids: readonly bigint[]): Uint8Array {
  const { high, low } = wideAddress(knownAddress(connection.address));
  return encode(Conn, {
    peerHigh: high,
    peerLow: low,
    class: classId,
    uid: connection.uid,
    rulePort: connection.port,
    protocol: connection.protocol,
    direction: connection.direction === "out" ? 0 : 1,
    own: Number(connection.own),
    sentTo: SENT_TO[connection.sentTo],
    unread: 0,
    more: Number(connection.candidates.length > DECIDED_CANDIDATES),
    candidates: ids,
  });
}

const tablesOfLists = new WeakMap<NameKey, ListTables>();

/** The tables of the lists there are (generate.ts), by one key. */
export function listTables(key: NameKey): ListTables {
  const known = tablesOfLists.get(key);
  if (known !== undefined) return known;
  const made = buildLists(
    LISTS.map(({ source }) => source),
    key,
  );
  tablesOfLists.set(key, made);
  return made;
}

/** Compiles the rules for the apps that occur. Throws when they cannot be compiled. */
export function compileSituation(
  { ordered, mode, environment, connections }: Situation,
  key: NameKey = randomNameKey(),
  listSet = 0,
): CompiledSituation {
  const classes = classesOf(connections);
  const apps = new Map([...classes].map(([app, id]) => [id, app]));
  const settings = { mode, whenAway: "deny", whenUnknown: "deny" } as const;
  const tables = listTables(key);
  const workspace = new Workspace(key);
  if (environment.lists.size > 0) workspace.lists = { tables, numbers: new Map(LISTS.map(({ name }, n) => [name, n])), set: listSet };
  const compiled = compile(ordered, apps, environment, settings, workspace);
  if (!compiled.ok) throw new Error(compiled.problem);
  const candidates: ReturnType<typeof packNames>[] = [];
  const conns = connections.map((c) =>
    connOf(c, c.app === null ? CLASS_UNKNOWN : (classes.get(c.app) ?? CLASS_UNKNOWN), idsOf(c, candidates, key)),
  );
  return { policy: compiled.policy, lists: listBytes(tables), conns, candidates };
}

/** struct decision -> Outcome. Throws for one that says a lookup failed. */
export function readDecision(bytes: Uint8Array, offset = 0): Outcome {
  const raw: Decoded<typeof DecisionLayout> = decode(DecisionLayout, bytes, offset);
  const verdict = ACTION_NAMES[raw.action as keyof typeof ACTION_NAMES];
  const ambiguous = raw.ambiguous === 1;
  if (raw.failed === 0 && verdict !== undefined && verdict !== "none") {
    if (raw.by === DecidedBy.IDENTIFY && verdict === "identify")
      return { decision: { by: "unidentified", verdict, rule: null }, ambiguous };
    if (raw.by === DecidedBy.MODE && verdict !== "identify" && raw.rule === 0)
      return { decision: { by: "mode", verdict, rule: null }, ambiguous };
    if (raw.by === DecidedBy.RULE && verdict !== "identify") return { decision: { by: "rule", verdict, rule: raw.rule }, ambiguous };
  }
  throw new Error(`Cannot read decision ${JSON.stringify(raw)}: expected one by rule, mode or identify`);
}

/** Whether a rule is about names. A list that is not there has none. */
const named =
  ({ lists }: Environment) =>
  ({ rule, enabled }: PlacedRule): boolean =>
    enabled &&
    rule.where.some((entry) => (entry.kind === "list" ? lists.has(entry.name) : ["host", "domain", "subdomains"].includes(entry.kind)));

/** The reference. Where no rule is about names, the kernel does not look at them. */
export const reference: Implementation = (situations) =>
  situations.map(({ ordered, mode, environment, connections }) =>
    connections.map((connection) => {
      const { decision, ambiguous } = judge(ordered, connection, mode, environment);
      return { decision, ambiguous: ambiguous !== null && ordered.some(named(environment)) };
    }),
  );
