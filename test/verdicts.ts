// SPDX-License-Identifier: Apache-2.0
/** One question, several implementations: rules and connections -> decisions. evaluate.ts, decide.h on the host, and the loaded program. */

import type { App } from "../src/contract/app.ts";
import { type Decoded, decode, encode } from "../src/contract/codec.ts";
import type { Connection, Decision, Mode } from "../src/contract/connection.ts";
import type { Environment } from "../src/contract/environment.ts";
import { ACTION_NAMES, CLASS_UNKNOWN, Conn, DecidedBy, Decision as DecisionLayout } from "../src/contract/layout.gen.ts";
import type { CompiledPolicy } from "../src/contract/policy.ts";
import type { PlacedRule } from "../src/contract/rule.ts";
import { type Address, knownAddress } from "../src/rules/address.ts";
import { compile } from "../src/rules/compile.ts";
import { evaluate } from "../src/rules/evaluate.ts";

/** `ordered` comes from orderRules. */
export type Situation = {
  readonly ordered: readonly PlacedRule[];
  readonly mode: Mode;
  readonly environment: Environment;
  readonly connections: readonly Connection[];
};

/** The decisions of each situation's connections, in the same order. */
export type Implementation = (situations: readonly Situation[]) => Decision[][] | Promise<Decision[][]>;

/** What an implementation over tables needs: the compiled policy, and each connection as decide.h takes it. */
export type CompiledSituation = { readonly policy: CompiledPolicy; readonly conns: readonly Uint8Array[] };

/** Class ids 2, 3, … for the apps, in the order in which they come. 0 and 1 are taken. */
function classesOf(connections: readonly Connection[]): Map<App, number> {
  const classes = new Map<App, number>();
  for (const { app } of connections) if (app !== null && !classes.has(app)) classes.set(app, classes.size + 2);
  return classes;
}

/** v4 as ::ffff:a.b.c.d. */
function wide({ family, value }: Address): { peerHigh: bigint; peerLow: bigint } {
  const number = family === 4 ? (0xffffn << 32n) | value : value;
  return { peerHigh: number >> 64n, peerLow: BigInt.asUintN(64, number) };
}

const SENT_TO = { unicast: 0, multicast: 1, broadcast: 2 } as const;

function connOf(connection: Connection, classId: number): Uint8Array {
  return encode(Conn, {
    ...wide(knownAddress(connection.address)),
    class: classId,
    uid: connection.uid,
    rulePort: connection.port,
    protocol: connection.protocol,
    direction: connection.direction === "out" ? 0 : 1,
    own: Number(connection.own),
    sentTo: SENT_TO[connection.sentTo],
    unread: 0,
    reserved: 0,
  });
}

/** Compiles the rules for the apps that occur. Throws when they cannot be compiled. */
export function compileSituation({ ordered, mode, environment, connections }: Situation): CompiledSituation {
  const classes = classesOf(connections);
  const apps = new Map([...classes].map(([app, id]) => [id, app]));
  const compiled = compile(ordered, apps, environment, { mode, whenAway: "deny", whenUnknown: "deny" });
  if (!compiled.ok) throw new Error(compiled.problem);
  const conns = connections.map((c) => connOf(c, c.app === null ? CLASS_UNKNOWN : (classes.get(c.app) ?? CLASS_UNKNOWN)));
  return { policy: compiled.policy, conns };
}

/** struct decision -> Decision. Throws for one that says a lookup failed. */
export function readDecision(bytes: Uint8Array, offset = 0): Decision {
  const raw: Decoded<typeof DecisionLayout> = decode(DecisionLayout, bytes, offset);
  const verdict = ACTION_NAMES[raw.action as keyof typeof ACTION_NAMES];
  if (raw.failed === 0 && verdict !== undefined && verdict !== "none") {
    if (raw.by === DecidedBy.IDENTIFY && verdict === "identify") return { by: "unidentified", verdict, rule: null };
    if (raw.by === DecidedBy.MODE && verdict !== "identify" && raw.rule === 0) return { by: "mode", verdict, rule: null };
    if (raw.by === DecidedBy.RULE && verdict !== "identify") return { by: "rule", verdict, rule: raw.rule };
  }
  throw new Error(`Cannot read decision ${JSON.stringify(raw)}: expected one by rule, mode or identify`);
}

/** The reference. */
export const reference: Implementation = (situations) =>
  situations.map(({ ordered, mode, environment, connections }) =>
    connections.map((connection) => evaluate(ordered, connection, mode, environment)),
  );
