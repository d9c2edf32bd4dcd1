// SPDX-License-Identifier: Apache-2.0
/** What rules mean, as cases to be read. Every implementation of `Implementation` must give these verdicts (verdicts.test.ts). */
import type { App, Identity } from "../src/contract/app.ts";
import type { Candidate, Connection, Decision, Mode } from "../src/contract/connection.ts";
import type { Environment } from "../src/contract/environment.ts";
import type { PlacedRule } from "../src/contract/rule.ts";
import { orderRules } from "../src/rules/order.ts";
import { parseRule } from "../src/rules/parse.ts";
import { LIST_MATCHERS, NO_NAMES, NOBODY } from "./generate.ts";
import type { Situation } from "./verdicts.ts";

export const ENVIRONMENT: Environment = {
  attached: [
    { address: "203.0.113.7", prefix: 24 },
    { address: "2001:db8:1::5", prefix: 48 },
  ],
  broadcasts: ["203.0.113.255"],
  dnsServers: ["198.51.100.53", "2001:db8:53::53"],
  users: new Map([
    ["ann", 1000],
    ["backup", 34],
  ]),
  realPaths: new Map([["/bin/curl", "/usr/bin/curl"]]),
  ...NO_NAMES,
  lists: LIST_MATCHERS,
};

const identity = (facts: Partial<Identity>): Identity => ({ ...NOBODY, ...facts });
const app = (facts: Partial<Identity>, via: Identity | null = null): App => ({ ...identity(facts), via });
const git = identity({ path: "/usr/bin/git" });

/** The programs of the cases. */
const APPS = {
  curl: app({ path: "/usr/bin/curl" }),
  firefox: app({ path: "/opt/firefox/firefox" }),
  plugin: app({ path: "/opt/firefox/plugins/container" }),
  git: app({ path: "/usr/bin/git" }),
  ssh: app({ path: "/usr/bin/ssh" }),
  "ssh for git": app({ path: "/usr/bin/ssh" }, git),
  "curl for git": app({ path: "/usr/bin/curl" }, git),
  "git for git": app({ path: "/usr/bin/git" }, git),
  sync: app({ path: "/usr/bin/python3", script: "/home/ann/bin/sync.py" }),
  python: app({ path: "/usr/bin/python3" }),
  "packaged curl": app({ path: "/usr/bin/curl", package: "curl", packageIntact: true }),
  "changed curl": app({ path: "/usr/bin/curl", package: "curl", packageIntact: false }),
  "false curl": app({ claimedPath: "/usr/bin/curl" }),
  nginx: app({ path: "/usr/sbin/nginx", unit: "nginx.service" }),
  contained: app({ container: "web" }),
  flatpak: app({ flatpak: "com.example.App" }),
  snap: app({ snap: "example" }),
  appimage: app({ appimage: "Example" }),
  kernel: app({ kernel: true }),
  unknown: null,
} as const;
export type AppName = keyof typeof APPS;

/** A rule text, or one with its author. `group` and `line` say where in which file. */
type Line =
  | string
  | {
      readonly text: string;
      readonly author: PlacedRule["author"];
      readonly group?: string;
      readonly line?: number;
      readonly mandatory?: boolean;
      readonly enabled?: boolean;
    };

/** `who` `arrow` `address` `protocol/port`, and what is special. Not said: curl, uid 1000, unicast, not one's own address. */
type Case = {
  readonly to?: string;
  readonly from?: string;
  readonly port?: string;
  readonly who?: AppName;
  readonly uid?: number;
  readonly own?: boolean;
  readonly sentTo?: Connection["sentTo"];
  /** Questions that led to the address, newest first: the names of each; "other:" before them: another process asked, "forged:": not trusted. */
  readonly asked?: readonly string[];
  /** Number of the rule that decides, from 1 in the order of `rules`; or the mode, or "identify". */
  readonly is: number | "mode" | "identify";
};

export type Group = {
  readonly sentence: string;
  readonly rules: readonly Line[];
  /** Ask when not said. */
  readonly mode?: Mode;
  readonly cases: readonly Case[];
};

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1, icmpv6: 58, gre: 47, sctp: 132 };

function candidateOf(text: string): Candidate {
  const [, flags = "", names = ""] = /^((?:other:|forged:)*)(.*)$/.exec(text) ?? [];
  return { names: names.split(" "), own: !flags.includes("other:"), trusted: !flags.includes("forged:") };
}

function connectionOf({
  to,
  from,
  port = "tcp/443",
  who = "curl",
  uid = 1000,
  own = false,
  sentTo = "unicast",
  asked = [],
}: Case): Connection {
  const [protocol = "", number = "0"] = port.split("/");
  const address = to ?? from;
  if (address === undefined || PROTOCOLS[protocol] === undefined) throw new Error(`Cannot use the case ${to ?? from} ${port}`);
  const direction = to === undefined ? "in" : "out";
  const candidates = asked.map(candidateOf);
  return { app: APPS[who], uid, direction, protocol: PROTOCOLS[protocol], address, port: Number(number), own, sentTo, candidates };
}

function place(line: Line, index: number): PlacedRule {
  const { text, author, group, line: at, mandatory, enabled } = typeof line === "string" ? { text: line, author: "own" as const } : line;
  const parsed = parseRule(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.problems[0]?.message}`);
  const { rule } = parsed;
  const id = index + 1;
  return {
    id,
    rule,
    author,
    group: group ?? null,
    line: at ?? 0,
    created: id,
    mandatory: mandatory ?? false,
    enabled: (enabled ?? true) && !rule.disabled,
    protected: false,
  };
}

/** A group as a situation, and the decisions that are right. */
export function situationOf({ rules, mode = "ask", cases }: Group): { readonly situation: Situation; readonly expected: Decision[] } {
  const placed = rules.map(place);
  const expected = cases.map(({ is }): Decision => {
    if (is === "mode") return { by: "mode", verdict: mode, rule: null };
    if (is === "identify") return { by: "unidentified", verdict: "identify", rule: null };
    const rule = placed[is - 1];
    if (rule === undefined) throw new Error(`Cannot expect rule ${is}: there are ${placed.length}`);
    return { by: "rule", verdict: rule.rule.action, rule: is };
  });
  const connections = cases.map(connectionOf);
  return { situation: { ordered: orderRules(placed), mode, environment: ENVIRONMENT, connections }, expected };
}

const CURL = "/usr/bin/curl";

export const GROUPS: readonly Group[] = [
  {
    sentence: "With no rule the mode decides",
    rules: [],
    mode: "deny",
    cases: [
      { to: "192.0.2.1", is: "mode" },
      { to: "2001:db8::1", is: "mode" },
      { from: "192.0.2.1", is: "mode" },
    ],
  },
  {
    sentence: "A rule that is disabled, in its text or by its owner, takes no part",
    rules: ["deny any -> any disabled", { text: "deny any -> any", author: "own", enabled: false }],
    mode: "allow",
    cases: [{ to: "192.0.2.1", is: "mode" }],
  },

  // Names.
  {
    sentence: "A host is exactly that name, a domain it and what is below, *. what is below only",
    rules: ["allow any -> host.test", "deny any -> .domain.test", "ask any -> *.below.test"],
    mode: "deny",
    cases: [
      { to: "192.0.2.1", asked: ["host.test"], is: 1 },
      { to: "192.0.2.1", asked: ["www.host.test"], is: "mode" },
      { to: "192.0.2.1", asked: ["domain.test"], is: 2 },
      { to: "192.0.2.1", asked: ["a.b.domain.test"], is: 2 },
      { to: "192.0.2.1", asked: ["xdomain.test"], is: "mode" },
      { to: "192.0.2.1", asked: ["below.test"], is: "mode" },
      { to: "192.0.2.1", asked: ["a.below.test"], is: 3 },
      { to: "192.0.2.1", is: "mode" },
      { from: "192.0.2.1", asked: ["host.test"], is: "mode" },
    ],
  },
  {
    sentence: "Names: host before domain, more labels before fewer, *. before ., an address before any name",
    rules: [
      "deny any -> .test",
      "allow any -> .example.test",
      "deny any -> *.example.test",
      "allow any -> a.example.test",
      "deny any -> 192.0.2.9",
    ],
    cases: [
      { to: "192.0.2.1", asked: ["other.test"], is: 1 },
      { to: "192.0.2.1", asked: ["example.test"], is: 2 },
      { to: "192.0.2.1", asked: ["b.example.test"], is: 3 },
      { to: "192.0.2.1", asked: ["a.example.test"], is: 4 },
      { to: "192.0.2.9", asked: ["a.example.test"], is: 5 },
    ],
  },
  {
    sentence: "A question is its name and what that stands for (CNAME): a rule that matches one matches it",
    rules: ["allow any -> shop.test", "deny any -> .tracker.test"],
    cases: [
      { to: "192.0.2.1", asked: ["metrics.shop.test x.tracker.test"], is: 2 },
      { to: "192.0.2.1", asked: ["shop.test x.tracker.test"], is: 1 },
    ],
  },
  {
    sentence: "Several questions: the most restrictive of four counts, one's own before those of others, newest first",
    rules: ["allow any -> good.test", "deny any -> bad.test", "ask any -> maybe.test"],
    cases: [
      { to: "192.0.2.1", asked: ["good.test", "bad.test"], is: 2 },
      { to: "192.0.2.1", asked: ["good.test", "maybe.test"], is: 3 },
      { to: "192.0.2.1", asked: ["other:bad.test", "good.test"], is: 2 },
      { to: "192.0.2.1", asked: ["other:bad.test", "good.test", "good.test", "good.test", "good.test"], is: 1 },
    ],
  },
  {
    sentence: "What the program may have made up denies and asks, and allows nothing",
    rules: ["allow any -> good.test", "deny any -> bad.test", "allow any -> 192.0.2.9"],
    mode: "ask",
    cases: [
      { to: "192.0.2.1", asked: ["forged:good.test"], is: "mode" },
      { to: "192.0.2.1", asked: ["forged:bad.test"], is: 2 },
      { to: "192.0.2.1", asked: ["forged:good.test", "good.test"], is: "mode" },
      { to: "192.0.2.9", asked: ["forged:good.test"], is: 3 },
    ],
  },
  {
    sentence: "Not identified: a rule about a name of the connection counts like any other",
    rules: ["allow any -> good.test", `deny ${CURL} -> bad.test`],
    mode: "allow",
    cases: [
      { to: "192.0.2.1", asked: ["good.test"], who: "unknown", is: 1 },
      { to: "192.0.2.1", asked: ["bad.test"], who: "unknown", is: "identify" },
    ],
  },

  {
    sentence: "Lists: an entry takes what it says, an exception takes out of its own list alone, an address may be on one",
    rules: ["deny any -> list:ads", "ask any -> list:bad", "allow any -> www.example.org", "allow any -> list:missing"],
    mode: "allow",
    cases: [
      { to: "192.0.2.1", asked: ["ads.example.org"], is: 1 },
      { to: "192.0.2.1", asked: ["x.ads.example.org"], is: 1 },
      { to: "192.0.2.1", asked: ["ok.ads.example.org"], is: 2 },
      { to: "192.0.2.1", asked: ["example.org"], is: 2 },
      { to: "192.0.2.1", asked: ["www.example.org"], is: 3 },
      { to: "192.0.2.1", asked: ["a.www.example.org"], is: "mode" },
      { to: "192.0.2.1", asked: ["shop.test x.tracker.test"], is: 2 },
      { to: "192.0.2.1", asked: ["tracker.test"], is: 1 },
      { to: "203.0.113.9", is: 1 },
      { to: "2001:db8::77", is: 1 },
      { to: "8.8.8.8", is: 2 },
      { from: "8.8.8.8", is: "mode" },
      { to: "192.0.2.1", asked: ["forged:ads.example.org"], is: 1 },
      { to: "192.0.2.1", is: "mode" },
    ],
  },

  // The steps of "Which rule wins", each with everything before it equal.
  {
    sentence: "Step 0: mandatory before everything, whatever its priority and however wide",
    rules: [
      `allow ${CURL} -> 192.0.2.1 tcp/443 priority highest`,
      { text: "deny any -> any priority low", author: "fleet", mandatory: true },
    ],
    cases: [{ to: "192.0.2.1", is: 2 }],
  },
  {
    sentence: "Step 1: the higher priority, however wide",
    rules: [
      `allow ${CURL} -> 192.0.2.1 priority low`,
      "ask any -> 192.0.2.1",
      "deny any -> any priority high",
      "allow any -> 192.0.2.9 priority highest",
    ],
    cases: [
      { to: "192.0.2.1", is: 3 },
      { to: "192.0.2.9", is: 4 },
    ],
  },
  {
    sentence: "Step 2: the kind of where, before who: dns-servers, local-net, internet, any",
    rules: [
      `allow ${CURL} -> any`,
      `deny ${CURL} -> internet`,
      "ask any -> local-net",
      "allow any -> dns-servers",
      "deny any -> 198.51.100.53",
    ],
    cases: [
      { to: "8.8.8.8", is: 2 },
      { to: "192.168.1.1", is: 3 },
      { to: "2001:db8:53::53", is: 4 },
      { to: "198.51.100.53", is: 5 },
      { to: "127.0.0.1", is: 1 },
    ],
  },
  {
    sentence: "Step 2: loopback before broadcast before multicast before local-net",
    rules: ["allow any -> local-net", "deny any -> broadcast", "ask any -> multicast", "deny any -> loopback"],
    cases: [
      { to: "203.0.113.255", is: 2 },
      { to: "203.0.113.7", own: true, is: 4 },
      { to: "224.0.0.251", is: 3 },
      { to: "203.0.113.9", is: 1 },
    ],
  },
  {
    sentence: "Step 2: of several entries the least specific kind counts",
    rules: ["allow any -> 192.0.2.1,internet", "deny any -> 192.0.2.0/24"],
    cases: [
      { to: "192.0.2.1", is: 2 },
      { to: "8.8.8.8", is: 1 },
    ],
  },
  {
    sentence: "Step 2: the whole of a family counts as any, but keeps its family",
    rules: ["deny any -> 0.0.0.0/0", "allow any -> internet", `ask ${CURL} -> ::/0`, "deny any -> 0.0.0.0-255.255.255.255 tcp/22"],
    cases: [
      { to: "8.8.8.8", is: 2 },
      { to: "10.0.0.1", is: 1 },
      { to: "10.0.0.1", port: "tcp/22", is: 4 },
      { to: "fe80::1", is: 3 },
    ],
  },
  {
    sentence: "Step 3: fewer entries first, even when the one is wider",
    rules: ["allow any -> 192.0.2.1,192.0.2.2", "deny any -> 192.0.2.0/24"],
    cases: [{ to: "192.0.2.1", is: 2 }],
  },
  {
    sentence: "Step 3: then the smaller share of the family's space",
    rules: [
      `allow ${CURL} -> 192.0.2.0/24`,
      "deny any -> 192.0.2.0-192.0.2.99",
      "ask any -> 192.0.2.0/30",
      `allow ${CURL} -> 192.0.0.0/16`,
    ],
    cases: [
      { to: "192.0.2.1", is: 3 },
      { to: "192.0.2.50", is: 2 },
      { to: "192.0.2.100", is: 1 },
      { to: "192.0.3.1", is: 4 },
    ],
  },
  {
    sentence: "Step 4: A via B, script, one program, group, any program of a user, any",
    rules: [
      "allow any -> any",
      "deny user:ann -> any",
      "allow /usr/bin/** -> any",
      "deny /usr/bin/python3 -> any",
      "allow script:/home/ann/bin/sync.py -> any",
      "ask /usr/bin/git via /usr/bin/ssh -> any",
      "deny /usr/bin/ssh -> any",
    ],
    cases: [
      { to: "192.0.2.1", who: "ssh for git", is: 6 },
      { to: "192.0.2.1", who: "ssh", is: 7 },
      { to: "192.0.2.1", who: "sync", is: 5 },
      { to: "192.0.2.1", who: "python", is: 4 },
      { to: "192.0.2.1", who: "curl", is: 3 },
      { to: "192.0.2.1", who: "firefox", is: 2 },
      { to: "192.0.2.1", who: "firefox", uid: 0, is: 1 },
    ],
  },
  {
    sentence: "Step 5: a rule that names the user before one that does not",
    rules: [`allow ${CURL} -> any`, `deny user:ann ${CURL} -> any tcp/443,udp/443`],
    cases: [
      { to: "192.0.2.1", is: 2 },
      { to: "192.0.2.1", uid: 0, is: 1 },
      { to: "192.0.2.1", port: "tcp/80", is: 1 },
    ],
  },
  {
    sentence: "Step 6: fewer ports first, and with as many the one that names the protocol",
    rules: ["allow any -> any", "deny any -> any 443", "allow any -> any 443-444", "ask any -> any tcp/443", "deny any -> any tcp"],
    cases: [
      { to: "192.0.2.1", is: 4 },
      { to: "192.0.2.1", port: "udp/443", is: 2 },
      { to: "192.0.2.1", port: "tcp/444", is: 3 },
      { to: "192.0.2.1", port: "tcp/22", is: 5 },
      { to: "192.0.2.1", port: "udp/22", is: 1 },
    ],
  },
  {
    sentence: "Step 7: your own, files, remote groups, fleet, factory",
    rules: [
      { text: "deny any -> any tcp/443", author: "factory" },
      { text: "deny any -> any tcp/443", author: "fleet" },
      { text: "deny any -> any tcp/443", author: "remote", group: "z" },
      { text: "ask any -> any tcp/443", author: "file", group: "a" },
    ],
    cases: [{ to: "192.0.2.1", is: 4 }],
  },
  {
    sentence: "Step 7: your own before all of them",
    rules: ["ask any -> any tcp/443", { text: "deny any -> any tcp/443", author: "file", group: "z", line: 9 }],
    cases: [{ to: "192.0.2.1", is: 1 }],
  },
  {
    sentence: "Step 8: deny before allow before ask, whichever is newer",
    rules: ["deny any -> 192.0.2.1", "allow any -> 192.0.2.1", "allow any -> 192.0.2.2", "ask any -> 192.0.2.2"],
    cases: [
      { to: "192.0.2.1", is: 1 },
      { to: "192.0.2.2", is: 3 },
    ],
  },
  {
    sentence: "Step 9: the newer before the older",
    rules: ["deny any -> any", "deny any -> any"],
    cases: [{ to: "192.0.2.1", is: 2 }],
  },
  {
    sentence: "Step 9 in files: the later group name, then the later line",
    rules: [
      { text: "deny any -> any", author: "file", group: "work", line: 7 },
      { text: "deny any -> any", author: "file", group: "work", line: 3 },
      { text: "deny any -> any", author: "file", group: "home", line: 99 },
    ],
    cases: [{ to: "192.0.2.1", is: 1 }],
  },

  // Where.
  {
    sentence: "Addresses, prefixes and ranges hold to their last address and no further",
    rules: ["deny any -> 192.0.2.1", "deny any -> 198.51.100.0/30", "deny any -> 192.0.2.10-192.0.2.12", "deny any -> 2001:db8::/127"],
    cases: [
      { to: "192.0.2.1", is: 1 },
      { to: "192.0.2.2", is: "mode" },
      { to: "198.51.100.3", is: 2 },
      { to: "198.51.100.4", is: "mode" },
      { to: "192.0.2.10", is: 3 },
      { to: "192.0.2.12", is: 3 },
      { to: "192.0.2.13", is: "mode" },
      { to: "2001:db8::1", is: 4 },
      { to: "2001:db8::2", is: "mode" },
    ],
  },
  {
    sentence: "An IPv4-mapped address is IPv4",
    rules: ["deny any -> 192.0.2.0/24", "ask any -> ::/0"],
    cases: [{ to: "::ffff:192.0.2.9", is: 1 }],
  },
  {
    sentence: "loopback: 127/8, ::1, one's own addresses; 0.0.0.0 and :: as targets, not as senders",
    rules: ["allow any <-> loopback"],
    cases: [
      { to: "127.0.0.1", is: 1 },
      { to: "127.255.255.255", is: 1 },
      { to: "::1", is: 1 },
      { to: "203.0.113.7", own: true, is: 1 },
      { to: "203.0.113.7", is: "mode" },
      { to: "0.0.0.0", is: 1 },
      { to: "::", is: 1 },
      { from: "127.0.0.1", is: 1 },
      { from: "203.0.113.7", own: true, is: 1 },
      { from: "0.0.0.0", sentTo: "broadcast", is: "mode" },
      { from: "::", is: "mode" },
    ],
  },
  {
    sentence: "multicast outgoing is where it goes; incoming, the address it was sent to and not the peer",
    rules: ["deny any <-> multicast"],
    cases: [
      { to: "224.0.0.251", port: "udp/5353", is: 1 },
      { to: "239.255.255.250", port: "udp/1900", is: 1 },
      { to: "ff02::fb", port: "udp/5353", is: 1 },
      { from: "192.168.1.9", port: "udp/5353", sentTo: "multicast", is: 1 },
      { from: "fe80::9", port: "udp/5353", sentTo: "multicast", is: 1 },
      { from: "192.168.1.9", port: "udp/5353", is: "mode" },
      { from: "192.168.1.9", port: "udp/5353", sentTo: "broadcast", is: "mode" },
      { from: "224.0.0.251", port: "udp/5353", is: "mode" },
    ],
  },
  {
    sentence: "broadcast: the limited one and those of attached prefixes; incoming, the address it was sent to",
    rules: ["deny any <-> broadcast"],
    cases: [
      { to: "255.255.255.255", port: "udp/67", is: 1 },
      { to: "203.0.113.255", port: "udp/137", is: 1 },
      { to: "192.0.2.255", port: "udp/137", is: "mode" },
      { from: "203.0.113.9", port: "udp/137", sentTo: "broadcast", is: 1 },
      { from: "203.0.113.255", port: "udp/137", is: "mode" },
    ],
  },
  {
    sentence: "Every other kind looks at the peer, also for what was sent to a group",
    rules: ["allow any <- local-net udp/5353"],
    cases: [
      { from: "192.168.1.9", port: "udp/5353", sentTo: "multicast", is: 1 },
      { from: "8.8.8.8", port: "udp/5353", sentTo: "multicast", is: "mode" },
    ],
  },
  {
    sentence: "local-net: private, link-local, shared and unique local addresses, and every attached prefix",
    rules: ["allow any -> local-net"],
    cases: [
      { to: "10.255.0.1", is: 1 },
      { to: "172.16.0.1", is: 1 },
      { to: "172.32.0.1", is: "mode" },
      { to: "192.168.255.255", is: 1 },
      { to: "169.254.169.254", is: 1 },
      { to: "100.64.0.1", is: 1 },
      { to: "100.128.0.1", is: "mode" },
      { to: "fe80::1", is: 1 },
      { to: "fd00::1", is: 1 },
      { to: "203.0.113.200", is: 1 },
      { to: "2001:db8:1:ffff::1", is: 1 },
      { to: "2001:db8:2::1", is: "mode" },
    ],
  },
  {
    sentence: "internet: none of loopback, local-net, multicast, broadcast; an address of one's own is not",
    rules: ["deny any <-> internet"],
    cases: [
      { to: "8.8.8.8", is: 1 },
      { to: "2606:4700::1111", is: 1 },
      { to: "8.8.8.8", own: true, is: "mode" },
      { to: "127.0.0.1", is: "mode" },
      { to: "0.0.0.0", is: "mode" },
      { to: "::", is: "mode" },
      { to: "10.0.0.1", is: "mode" },
      { to: "203.0.113.9", is: "mode" },
      { to: "224.0.0.1", is: "mode" },
      { to: "255.255.255.255", is: "mode" },
      { from: "8.8.8.8", is: 1 },
    ],
  },
  {
    sentence: "An address of one's own stays local-net where it is",
    rules: ["allow any -> local-net"],
    cases: [
      { to: "192.168.1.5", own: true, is: 1 },
      { to: "198.51.100.5", own: true, is: "mode" },
    ],
  },
  {
    sentence: "dns-servers: those the system is configured with",
    rules: ["allow any -> dns-servers 53"],
    cases: [
      { to: "198.51.100.53", port: "udp/53", is: 1 },
      { to: "2001:db8:53::53", port: "tcp/53", is: 1 },
      { to: "198.51.100.53", is: "mode" },
      { to: "8.8.8.8", port: "udp/53", is: "mode" },
    ],
  },

  // Direction and ports.
  {
    sentence: "-> is outgoing by the peer's port, <- incoming by ours, <-> each in its direction",
    rules: ["allow any -> any tcp/80", "deny any <- any tcp/22", "ask any <-> any tcp/8080"],
    cases: [
      { to: "192.0.2.1", port: "tcp/80", is: 1 },
      { from: "192.0.2.1", port: "tcp/80", is: "mode" },
      { from: "192.0.2.1", port: "tcp/22", is: 2 },
      { to: "192.0.2.1", port: "tcp/22", is: "mode" },
      { to: "192.0.2.1", port: "tcp/8080", is: 3 },
      { from: "192.0.2.1", port: "tcp/8080", is: 3 },
    ],
  },
  {
    sentence: "A bare port is every protocol that has ports; a protocol holds until the next",
    rules: ["deny any -> any 53", "allow any -> any tcp/80,443,udp/443-445", "ask any -> any icmp", "deny any -> any ip/47"],
    cases: [
      { to: "192.0.2.1", port: "udp/53", is: 1 },
      { to: "192.0.2.1", port: "sctp/53", is: 1 },
      { to: "192.0.2.1", port: "tcp/443", is: 2 },
      { to: "192.0.2.1", port: "udp/445", is: 2 },
      { to: "192.0.2.1", port: "udp/446", is: "mode" },
      { to: "192.0.2.1", port: "udp/80", is: "mode" },
      { to: "192.0.2.1", port: "icmp", is: 3 },
      { to: "2001:db8::1", port: "icmpv6", is: 3 },
      { to: "192.0.2.1", port: "gre", is: 4 },
    ],
  },
  {
    sentence: "Without ports a rule is about every protocol",
    rules: ["deny any -> any"],
    cases: [
      { to: "192.0.2.1", port: "gre", is: 1 },
      { to: "192.0.2.1", port: "icmp", is: 1 },
    ],
  },

  // Who.
  {
    sentence: "A path is the file the host has there, with links resolved; a claim is not enough",
    rules: ["allow /bin/curl -> any"],
    cases: [
      { to: "192.0.2.1", who: "curl", is: 1 },
      { to: "192.0.2.1", who: "false curl", is: "mode" },
    ],
  },
  {
    sentence: "* stays within one folder, ** does not",
    rules: ["allow /opt/firefox/* -> any tcp", "deny /opt/** -> any udp"],
    cases: [
      { to: "192.0.2.1", who: "firefox", is: 1 },
      { to: "192.0.2.1", who: "plugin", is: "mode" },
      { to: "192.0.2.1", who: "plugin", port: "udp/443", is: 2 },
    ],
  },
  {
    sentence: "pkg: holds only while the file is what the package shipped",
    rules: ["allow pkg:curl -> any"],
    cases: [
      { to: "192.0.2.1", who: "packaged curl", is: 1 },
      { to: "192.0.2.1", who: "changed curl", is: "mode" },
    ],
  },
  {
    sentence: "unit, container, Flatpak, Snap, AppImage, script and kernel, each by its name",
    rules: [
      "allow unit:nginx.service -> any",
      "allow container:web -> any",
      "allow flatpak:com.example.App -> any",
      "allow snap:example -> any",
      "allow appimage:Example -> any",
      "allow script:/home/ann/bin/sync.py -> any",
      "allow kernel -> any",
    ],
    cases: [
      { to: "192.0.2.1", who: "nginx", is: 1 },
      { to: "192.0.2.1", who: "contained", is: 2 },
      { to: "192.0.2.1", who: "flatpak", is: 3 },
      { to: "192.0.2.1", who: "snap", is: 4 },
      { to: "192.0.2.1", who: "appimage", is: 5 },
      { to: "192.0.2.1", who: "sync", is: 6 },
      { to: "192.0.2.1", who: "kernel", is: 7 },
      { to: "192.0.2.1", who: "python", is: "mode" },
    ],
  },
  {
    sentence: "A program matches what it does and what its helpers do for it",
    rules: ["allow /usr/bin/git -> any"],
    cases: [
      { to: "192.0.2.1", who: "git", is: 1 },
      { to: "192.0.2.1", who: "ssh for git", is: 1 },
      { to: "192.0.2.1", who: "ssh", is: "mode" },
    ],
  },
  {
    sentence: "A via B is only what B does for A",
    rules: ["allow /usr/bin/git via /usr/bin/ssh -> any"],
    cases: [
      { to: "192.0.2.1", who: "ssh for git", is: 1 },
      { to: "192.0.2.1", who: "curl for git", is: "mode" },
      { to: "192.0.2.1", who: "git", is: "mode" },
      { to: "192.0.2.1", who: "ssh", is: "mode" },
      { to: "192.0.2.1", who: "git for git", is: "mode" },
    ],
  },
  {
    sentence: "user: is the uid at the connection, by name or number; an unknown one is nobody",
    rules: ["deny user:backup -> any", "allow user:1000 /usr/bin/curl -> any", "ask user:ghost -> any", "allow user:0 <- any"],
    cases: [
      { to: "192.0.2.1", uid: 34, is: 1 },
      { to: "192.0.2.1", is: 2 },
      { to: "192.0.2.1", uid: 4294967294, is: "mode" },
      { from: "192.0.2.1", uid: 0, is: 4 },
    ],
  },

  // An app that is not known yet.
  {
    sentence: "Not identified: what allows any program allows it, unless a rule before it could deny or ask",
    rules: ["allow any -> any tcp/443", `deny ${CURL} -> 192.0.2.1`, `ask ${CURL} -> any udp/443`, `allow ${CURL} -> 192.0.2.2`],
    cases: [
      { to: "198.51.100.1", who: "unknown", is: 1 },
      { to: "192.0.2.1", who: "unknown", is: "identify" },
      { to: "192.0.2.2", who: "unknown", is: 1 },
      { to: "198.51.100.1", port: "udp/443", who: "unknown", is: "identify" },
      { to: "198.51.100.1", port: "tcp/80", who: "unknown", is: "identify" },
    ],
  },
  {
    sentence: "Not identified and nothing but the mode: allowed when it allows",
    rules: [`allow ${CURL} -> any`],
    mode: "allow",
    cases: [{ to: "192.0.2.1", who: "unknown", is: "mode" }],
  },
  {
    sentence: "Not identified and the mode denies: identified first, since a rule may allow it",
    rules: [`allow ${CURL} -> any`],
    mode: "deny",
    cases: [{ to: "192.0.2.1", who: "unknown", is: "identify" }],
  },
  {
    sentence: "Not identified: the uid is known all the same",
    rules: ["deny user:backup -> any", "allow any -> any"],
    cases: [
      { to: "192.0.2.1", who: "unknown", is: 2 },
      { to: "192.0.2.1", who: "unknown", uid: 34, is: "identify" },
    ],
  },
];
