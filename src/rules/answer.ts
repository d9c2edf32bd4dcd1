// SPDX-License-Identifier: Apache-2.0
/** From a question and its answer to a rule (rules.md, Answers): never wider than the ask rule in who, where or ports, and always before it. */
import type { App, Identity } from "../contract/app.ts";
import { visible } from "../contract/bytes.ts";
import type { Environment } from "../contract/environment.ts";
import type { Lifetime, PortSpec, Program, Rule, Where, Who } from "../contract/rule.ts";
import { knownAddress } from "./address.ts";
import { placesContain, placesOf, portsContain, portsOf, whoContains } from "./contains.ts";
import { entryMatches } from "./match.ts";
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
};

export type AnswerScope = "exact" | "host" | "domain" | "any";

/** `scope` null: the narrowest that is offered. */
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
  const connection = { app, uid: 0, direction, protocol, address, port, own, sentTo: "unicast" } as const;
  return ask.where.some((entry) => entryMatches(entry, knownAddress(address), connection, environment));
}

/** The scopes a question offers, narrowest first; none when every one is wider than the ask rule (then only `once` is left). */
export function offeredScopes(asked: Asked, environment: Environment): AnswerScope[] {
  const { ask } = asked;
  const scopes: AnswerScope[] = [];
  if (exactIsWithin(asked, environment)) scopes.push("exact");
  if (ask === null || placesContain(placesOf(ask.where, ask.direction), placesOf([ANY], ask.direction))) scopes.push("any");
  return scopes;
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
  const offered = offeredScopes(asked, environment);
  const scope = answer.scope ?? offered[0] ?? null;
  if (who === null) {
    return refuse(
      `Cannot make a rule about "${visible(asked.app.name)}": nothing that names it stays the same; expected an answer for once`,
    );
  }
  if (scope === null) return refuse("Cannot make a rule that is no wider than the one that asked: expected an answer for once");
  if (!offered.includes(scope)) {
    return refuse(`This question does not offer scope "${scope}": expected ${offered.join(" or ") || "an answer for once"}`);
  }
  if (answer.anyPort && !anyPortOffered(asked)) {
    return refuse("This question does not offer every port, since the rule that asked does not cover them: expected this port alone");
  }
  const rule: Rule = {
    action: answer.action,
    who,
    direction: asked.direction,
    where: [scope === "any" || asked.address === null ? ANY : { kind: "address", address: asked.address }],
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
