// SPDX-License-Identifier: Apache-2.0
/** From a question and its answer to a rule (rules.md, Answers): never wider than the ask rule in who, where or ports, and always before it. */
import type { App, Identity } from "../contract/app.ts";
import { visible } from "../contract/bytes.ts";
import type { Candidate } from "../contract/connection.ts";
import type { Environment } from "../contract/environment.ts";
import type { Lifetime, PortSpec, Program, Rule, Where, Who } from "../contract/rule.ts";
import { placesContain, placesOf, portsContain, portsOf, whoContains } from "./contains.ts";
import { entryMatches, seenAs } from "./match.ts";
import { decidedCandidates, NAMELESS } from "./names.ts";
import { compareRules } from "./order.ts";
import { hasPorts, ICMP, ICMPV6 } from "./protocols.ts";

/** What is asked about. `address` is null for a question about several peers. `ask` is the rule that raised it; null: the mode did. */
export type Asked = {
  readonly app: App;
  readonly direction: "out" | "in";
  readonly protocol: number;
  readonly address: string | null;
  /** Outgoing: the peer's port; incoming: ours. */
  readonly port: number;
  readonly own: boolean;
  readonly ask: Rule | null;
  /** As the connection has them. */
  readonly candidates: readonly Candidate[];
  /** The registrable domain of a name ("example.co.uk" of "www.example.co.uk"), or null when it has none. */
  readonly domainOf: (name: string) => string | null;
};

export type AnswerScope = "exact" | "host" | "domain" | "any";

/** `scope` null: the host where a name is known, else the narrowest that is offered. */
export type Answer = {
  readonly action: "allow" | "deny";
  readonly scope: AnswerScope | null;
  readonly anyPort: boolean;
  readonly lifetime: Lifetime;
};

export type Answered = { readonly ok: true; readonly rule: Rule } | { readonly ok: false; readonly problem: string };

const ANY: Where = { kind: "any" };

/** The most specific name of a program that will still be its name tomorrow; null when it has none. */
function nameOf(identity: Identity): Program | null {
  if (identity.kernel) return { kind: "kernel", value: "" };
  for (const kind of ["script", "flatpak", "snap", "appimage", "path", "container"] as const) {
    const value = identity[kind];
    if (value !== null) return { kind, value };
  }
  return null;
}

function whoOf(app: App, user: string | null, name: (identity: Identity) => Program | null): Who | null {
  const program = name(app);
  if (program === null) return null;
  if (app.via === null) return { user, program, via: null };
  const acting = name(app.via);
  return acting === null ? null : { user, program: acting, via: program };
}

/** For rules about an interpreter: a script it runs is one of its programs, though the two have different kinds of name. */
const interpreterOf = (identity: Identity): Program | null =>
  identity.script !== null && identity.path !== null ? { kind: "path", value: identity.path } : nameOf(identity);

/** Who the answer is about, or null when nothing names the program for good: then only `once` is left. */
export function answerWho({ app, ask }: Asked, environment: Environment): Who | null {
  const user = ask?.who.user ?? null;
  const who = whoOf(app, user, nameOf);
  if (who === null || ask === null) return who;
  const within = [who, whoOf(app, user, interpreterOf)].some((same) => same !== null && whoContains(ask.who, same, environment));
  return within ? who : ask.who;
}

/**
 * Whether a rule about the peer's address is no wider than the ask rule. What it was sent to may be all that matched, when it came in:
 * a rule about the peer would hold for more.
 */
function exactIsWithin({ ask, address, direction, own, app, protocol, port }: Asked, environment: Environment): boolean {
  if (address === null || ask === null) return address !== null;
  const connection = { app, uid: 0, direction, protocol, address, port, own, sentTo: "unicast", candidates: [] } as const;
  const seen = seenAs(connection, NAMELESS);
  return ask.where.some((entry) => entryMatches(entry, seen, environment, false));
}

/** Whether a rule about `where` instead is no wider than the ask rule, and still comes before it. */
function standsBefore(ask: Rule | null, where: readonly Where[]): boolean {
  if (ask === null) return true;
  if (!placesContain(placesOf(ask.where, ask.direction), placesOf(where, ask.direction))) return false;
  const facts = { author: "own", group: null, line: 0, created: 0, mandatory: false, enabled: true, protected: false } as const;
  const answer: Rule = { ...ask, action: "allow", where: [...where] };
  return compareRules({ ...facts, id: 2, rule: answer }, { ...facts, id: 1, rule: ask }).order < 0;
}

/**
 * The places of an answer about the names: one for each candidate, made by `placeOf` of the first of its names for which there is one
 * within the ask rule. Null when some candidate has none, or a name that could allow nothing: the answer would not decide the connection.
 */
function namedPlaces(asked: Asked, placeOf: (name: string) => Where | null): Where[] | null {
  const decided = decidedCandidates(asked);
  const within = (place: Where | null): place is Where => place !== null && standsBefore(asked.ask, [place]);
  const places = decided.map(({ names, trusted }) => (trusted ? names.map(placeOf).find(within) : undefined));
  const known = [...new Map(places.map((place) => [JSON.stringify(place), place])).values()].filter((place) => place !== undefined);
  if (decided.length === 0 || places.includes(undefined) || !standsBefore(asked.ask, known)) return null;
  return known;
}

/** The places each scope stands for, narrowest first; without those that are wider than the ask rule. */
function offeredPlaces(asked: Asked, environment: Environment): Map<AnswerScope, Where[]> {
  const offered = new Map<AnswerScope, Where[]>();
  const { address, domainOf } = asked;
  if (address !== null && exactIsWithin(asked, environment)) offered.set("exact", [{ kind: "address", address }]);
  const hosts = namedPlaces(asked, (name) => ({ kind: "host", name }));
  if (hosts !== null) offered.set("host", hosts);
  const domains = namedPlaces(asked, (name) => {
    const domain = domainOf(name);
    return domain === null ? null : { kind: "domain", name: domain };
  });
  if (domains !== null) offered.set("domain", domains);
  if (asked.ask === null || placesContain(placesOf(asked.ask.where, asked.ask.direction), placesOf([ANY], asked.ask.direction)))
    offered.set("any", [ANY]);
  return offered;
}

/** The scope of an answer that names none: the host where a name is known (cli.md), else the narrowest. */
const usualScope = (offered: ReadonlyMap<AnswerScope, unknown>): AnswerScope | null =>
  offered.has("host") ? "host" : ([...offered.keys()][0] ?? null);

/** The scopes a question offers, narrowest first; none when every one is wider than the ask rule (then only `once` is left). */
export function offeredScopes(asked: Asked, environment: Environment): AnswerScope[] {
  return [...offeredPlaces(asked, environment).keys()];
}

/** Whether the answer may be for every port. */
export function anyPortOffered({ ask }: Asked): boolean {
  return ask === null || ask.ports.length === 0;
}

function specsOf({ protocol, port, ask }: Asked): PortSpec[] {
  if (hasPorts(protocol)) return [{ protocol, ports: { first: port, last: port } }];
  const icmp: PortSpec = { protocol: "icmp", ports: null };
  if ((protocol === ICMP || protocol === ICMPV6) && portsContain(portsOf(ask?.ports ?? []), portsOf([icmp]))) return [icmp];
  return [{ protocol, ports: null }];
}

const refuse = (problem: string): Answered => ({ ok: false, problem });

/** The rule an answer makes, or a sentence why there is none. Its priority and user are the ask rule's. */
export function answerRule(asked: Asked, answer: Answer, environment: Environment): Answered {
  const who = answerWho(asked, environment);
  const offered = offeredPlaces(asked, environment);
  const scope = answer.scope ?? usualScope(offered);
  if (who === null) {
    const { app } = asked;
    const nameless = app.via !== null && nameOf(app.via) === null ? app.via : app;
    return refuse(
      `Cannot make a rule about "${visible(nameless.name)}": nothing that names it stays the same; expected an answer for once (--for once)`,
    );
  }
  if (scope === null)
    return refuse("Cannot make a rule that is no wider than the one that asked: expected an answer for once (--for once)");
  const where = offered.get(scope);
  if (where === undefined) {
    return refuse(
      `This question does not offer scope "${scope}": expected ${[...offered.keys()].join(" or ") || "an answer for once (--for once)"}`,
    );
  }
  if (answer.anyPort && !anyPortOffered(asked)) {
    return refuse("This question does not offer every port, since the rule that asked does not cover them: expected this port alone");
  }
  const rule: Rule = {
    action: answer.action,
    who,
    direction: asked.direction,
    where,
    ports: answer.anyPort ? [] : specsOf(asked),
    lifetime: answer.lifetime,
    priority: asked.ask?.priority ?? "regular",
    notify: false,
    quiet: false,
    disabled: false,
    note: null,
  };
  return { ok: true, rule };
}
