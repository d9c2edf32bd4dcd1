// SPDX-License-Identifier: Apache-2.0
/** The rules everyone starts with (rules.md, Factory rules): what keeps a machine on the network and its administrator on the machine. */
import type { PlacedRule, Program, Rule } from "../contract/rule.ts";
import { parseRule } from "./parse.ts";
import { printRule } from "./print.ts";

/** What of this machine the factory rules name. */
export type FactoryFacts = {
  /** The system's own DHCP clients, like /usr/sbin/dhclient or unit:systemd-networkd.service. */
  readonly dhcp: readonly Program[];
  /** Its own time services. */
  readonly time: readonly Program[];
  /** The sshd you came in through; null when you did not. */
  readonly sshd: { readonly program: Program; readonly port: number } | null;
};

export const FACTORY_GROUP = "factory";

const ANY: Program = { kind: "any", value: "" };

/** `rest` is what follows who, in the text form, which is easier to read here. */
function rule(program: Program, rest: string, note: string): Rule {
  const parsed = parseRule(`allow any ${rest}`);
  if (!parsed.ok) throw new Error(`Factory rule "${rest}": ${parsed.problems.map(({ message }) => message).join("; ")}`);
  return { ...parsed.rule, who: { user: null, program, via: null }, note };
}

/** Ports: RFC 2131 and 8415 (DHCP), RFC 5905 (NTP), RFC 8915 (NTS), RFC 1035 and 7858 (DNS). */
function rulesFor({ dhcp, time, sshd }: FactoryFacts): Rule[] {
  return [
    rule(ANY, "<-> loopback priority highest", "this machine with itself"),
    ...dhcp.flatMap((program) => [
      rule(program, "-> any udp/67,547 priority highest", "DHCP by the system's own service"),
      rule(program, "<- any udp/68,546 priority highest", "DHCP by the system's own service"),
    ]),
    ...time.map((program) => rule(program, "-> any udp/123,tcp/4460 priority highest", "time by the system's own service")),
    /* By who does it, not for anyone: an echo request is ICMPv6 as well. */
    ...dhcp.map((program) =>
      rule(program, "<-> local-net,multicast ip/58 priority highest", "router discovery by the system's own service"),
    ),
    rule({ kind: "kernel", value: "" }, "<-> any icmp priority highest", "neighbour discovery and path MTU, by the kernel"),
    ...(sshd === null ? [] : [rule(sshd.program, `<- any tcp/${sshd.port} priority highest`, "the sshd you came in through")]),
    rule(ANY, "-> dns-servers udp/53,tcp/53,853", "the configured resolvers"),
  ];
}

/** The factory rules, visible and protected. `idFor` gives each text its id: the same one as long as the text is the same. */
export function factoryRules(facts: FactoryFacts, idFor: (text: string) => number): PlacedRule[] {
  return rulesFor(facts).map((made, i) => ({
    id: idFor(printRule(made)),
    rule: made,
    author: "factory",
    group: FACTORY_GROUP,
    line: 0,
    created: i,
    mandatory: false,
    enabled: true,
    protected: true,
  }));
}
