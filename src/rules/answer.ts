// SPDX-License-Identifier: Apache-2.0
/** From a question and its answer to a rule (rules.md, Answers): never wider than the ask rule that raised it, in who, where or ports. */
import type { App, Identity } from "../contract/app.ts";
import type { Lifetime, PortSpec, Program, Rule, Where } from "../contract/rule.ts";
import { ICMP, ICMPV6, WITH_PORTS } from "./protocols.ts";

/** A question as rules see it. `port`: the peer's for outgoing, ours for incoming. */
export type Asked = {
  readonly app: App;
  readonly direction: "out" | "in";
  readonly protocol: number;
  readonly address: string;
  readonly port: number;
  /** The ask rule that raised it; null when the mode did. */
  readonly askRule: Rule | null;
};

export type Scope = "exact" | "any";

export type Answer = {
  readonly action: "allow" | "deny";
  readonly scope: "exact" | "host" | "domain" | "any";
  /** Every protocol and port, not only the one asked about. */
  readonly anyPort: boolean;
  readonly lifetime: Lifetime;
};

/** What names a program for good: the most specific that stays the same from run to run. Null when nothing does. */
function nameOf(identity: Identity): Program | null {
  if (identity.kernel) return { kind: "kernel", value: "" };
  if (identity.script !== null) return { kind: "script", value: identity.script };
  if (identity.flatpak !== null) return { kind: "flatpak", value: identity.flatpak };
  if (identity.snap !== null) return { kind: "snap", value: identity.snap };
  if (identity.appimage !== null) return { kind: "appimage", value: identity.appimage };
  if (identity.path !== null) return { kind: "path", value: identity.path };
  if (identity.container !== null) return { kind: "container", value: identity.container };
  return null;
}

/** How wide an answer may be: this address; or, where the mode or an ask rule about every place asked, anywhere. */
export function scopesFor({ askRule }: Asked): readonly ["exact", ...Scope[]] {
  return askRule === null || askRule.where.every(({ kind }) => kind === "any") ? ["exact", "any"] : ["exact"];
}

function portsOf({ protocol, port, askRule }: Asked, anyPort: boolean): PortSpec[] {
  if (anyPort) return askRule ? [...askRule.ports] : [];
  if (protocol === ICMP || protocol === ICMPV6) return [{ protocol: "icmp", ports: null }];
  return [{ protocol, ports: WITH_PORTS.includes(protocol) ? { first: port, last: port } : null }];
}

/** Where an answer applies. "Anywhere" after an ask rule is what that rule said. */
function whereOf({ address, askRule }: Asked, scope: Answer["scope"]): Where[] {
  if (scope === "any") return askRule ? [...askRule.where] : [{ kind: "any" }];
  return [{ kind: "address", address }];
}

/**
 * The rule an answer makes. With `A via B` where the program acts for another. `nameable` false: nothing about the program stays the
 * same, so the rule's who is not this program and only "once" can be offered.
 */
export function answerRule(asked: Asked, answer: Answer): { readonly rule: Rule; readonly nameable: boolean } {
  const own = nameOf(asked.app);
  const principal = asked.app.via && nameOf(asked.app.via);
  const program = principal ?? own ?? { kind: "any" as const, value: "" };
  const rule: Rule = {
    action: answer.action,
    who: { user: asked.askRule?.who.user ?? null, program, via: principal && own ? own : null },
    direction: asked.direction,
    where: whereOf(asked, answer.scope),
    ports: portsOf(asked, answer.anyPort),
    lifetime: answer.lifetime,
    priority: asked.askRule?.priority ?? "regular",
    notify: false,
    quiet: false,
    disabled: false,
    note: null,
  };
  return { rule, nameable: own !== null };
}
