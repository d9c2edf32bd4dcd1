// SPDX-License-Identifier: Apache-2.0
/** Random rule sets and connections from a small world, so that rules meet connections and each other. The same seed gives the same ones. */
import type { App, Identity } from "../src/contract/app.ts";
import type { Candidate, Connection, Mode } from "../src/contract/connection.ts";
import type { Environment } from "../src/contract/environment.ts";
import { MAX_RULES } from "../src/contract/layout.gen.ts";
import type { Author, PlacedRule, PortSpec, Program, Rule, Where, Who } from "../src/contract/rule.ts";
import { buildLists, type ListSource } from "../src/lists/build.ts";
import { listOf, testKey } from "../src/lists/lists.fixture.ts";
import { listMatcher } from "../src/lists/match.ts";
import { type Address, addressBits, knownAddress, lastAddress, prefixRange, printAddress } from "../src/rules/address.ts";
import { appMatches, rangeOf, uidOf } from "../src/rules/match.ts";
import { orderRules } from "../src/rules/order.ts";
import { partsOf } from "../src/rules/parts.ts";
import { Random } from "./random.ts";
import type { Situation } from "./verdicts.ts";

const PATHS = ["/usr/bin/curl", "/usr/bin/git", "/usr/bin/ssh", "/usr/bin/python3", "/opt/app/bin/a", "/opt/app/b", "/home/ann/my files/x"];
const SCRIPTS = ["/home/ann/sync.py", "/opt/app/run.py"];
const GLOBS = ["/usr/bin/*", "/opt/**", "/opt/*/b", "/usr/**/c*", "/home/*/*", "/**"];
const NAMES = ["curl", "git", "nginx.service", "app"];
const USERS = ["ann", "backup", "ghost", "0", "1000", "65534"];
const UIDS = [0, 34, 1000, 65534, 4294967294];
const PORTS = [22, 53, 80, 443, 8000, 8080, 65535, 0];
const PROTOCOLS = [6, 6, 6, 17, 17, 1, 58, 47, 132, 136, 33];

export const NOBODY: Identity = {
  path: null,
  claimedPath: null,
  name: "?",
  script: null,
  args: [],
  package: null,
  packageIntact: null,
  unit: null,
  container: null,
  flatpak: null,
  snap: null,
  appimage: null,
  kernel: false,
  changedSince: null,
};

const IDENTITIES: readonly Identity[] = [
  ...PATHS.map((path) => ({ ...NOBODY, path })),
  ...SCRIPTS.map((script) => ({ ...NOBODY, path: "/usr/bin/python3", script })),
  { ...NOBODY, path: "/usr/bin/curl", package: "curl", packageIntact: true },
  { ...NOBODY, path: "/usr/bin/curl", package: "curl", packageIntact: false },
  { ...NOBODY, path: "/usr/bin/git", package: "git", packageIntact: true, unit: "nginx.service" },
  { ...NOBODY, unit: "nginx.service" },
  { ...NOBODY, container: "app" },
  { ...NOBODY, flatpak: "app" },
  { ...NOBODY, snap: "app" },
  { ...NOBODY, appimage: "app" },
  { ...NOBODY, kernel: true },
  NOBODY,
];

const ADDRESSES = [
  ...["10.0.0.5", "10.0.0.6", "10.1.2.3", "172.16.9.9", "192.168.1.9", "192.168.1.255", "127.0.0.1", "127.5.5.5", "0.0.0.0"],
  ...["255.255.255.255", "224.0.0.251", "8.8.8.8", "1.1.1.1", "100.64.1.1", "169.254.169.254", "203.0.113.7", "203.0.113.255"],
  ...["::1", "::", "fe80::1", "fc00::5", "ff02::fb", "2001:db8::1", "2001:db8:1::5", "2606:4700::1111"],
];

/** An environment without lists, and with no database of networks. */
export const NO_NAMES: Pick<Environment, "lists" | "locate"> = { lists: new Map(), locate: () => ({ asn: null, country: null }) };

/** Lists that share entries, take names out of each other's reach, and hold addresses of both families. */
export const LISTS: readonly { readonly name: string; readonly source: ListSource }[] = [
  { name: "ads", source: listOf([".ads.example.org", "tracker.test", "203.0.113.0/24", "2001:db8::/32"], ["ok.ads.example.org"]) },
  { name: "bad", source: listOf([".example.org", "*.tracker.test", "203.0.113.7", "8.8.8.8"], ["*.www.example.org"]) },
  { name: "hosts", source: listOf(["www.example.org", "cdn.tracker.test", "test", "10.0.0.5-10.1.2.3"]) },
];
const LIST_TABLES = buildLists(
  LISTS.map(({ source }) => source),
  testKey(7),
);
export const LIST_MATCHERS = new Map(LISTS.map(({ name }, n) => [name, listMatcher(LIST_TABLES, n)]));

export const ENVIRONMENTS: readonly Environment[] = [
  {
    attached: [
      { address: "203.0.113.7", prefix: 24 },
      { address: "2001:db8:1::5", prefix: 48 },
    ],
    broadcasts: ["203.0.113.255", "192.168.1.255"],
    dnsServers: ["1.1.1.1", "192.168.1.9", "2606:4700::1111"],
    users: new Map([
      ["ann", 1000],
      ["backup", 34],
    ]),
    realPaths: new Map([["/opt/app/b", "/usr/bin/ssh"]]),
    ...NO_NAMES,
    lists: LIST_MATCHERS,
  },
  { attached: [], broadcasts: [], dnsServers: [], users: new Map(), realPaths: new Map(), ...NO_NAMES },
];

/** Names that are below each other, and some with more labels than a rule may name. */
const HOSTS = [
  "example.org",
  "www.example.org",
  "ads.example.org",
  "a.ads.example.org",
  "tracker.test",
  "cdn.tracker.test",
  "org",
  "xexample.org",
];
const DEEP = Array.from({ length: 20 }, (_, i) => `l${i}`).join(".");
const ASKED = [
  ...HOSTS,
  "x.ok.ads.example.org",
  "a.www.example.org",
  "x.a.ads.example.org",
  `${DEEP}.example.org`,
  "elsewhere.test",
  "test",
];

const KINDS = ["any", "any", "internet", "local-net", "multicast", "broadcast", "loopback", "dns-servers"] as const;

function place(random: Random): Where {
  const address = knownAddress(random.pick(ADDRESSES));
  const kind = random.below(12);
  if (kind < 3) return { kind: "address", address: printAddress(address) };
  if (kind < 5) {
    const bits = addressBits(address.family);
    const prefix = random.oneIn(6) ? 0 : random.below(bits + 1);
    return { kind: "cidr", address: printAddress({ ...address, value: prefixRange(address, prefix).first }), prefix };
  }
  if (kind === 5) {
    const last = address.value + BigInt(random.below(1000));
    const end = { ...address, value: last > lastAddress(address.family) ? lastAddress(address.family) : last };
    return { kind: "range", first: printAddress(address), last: printAddress(end) };
  }
  if (kind === 8) return { kind: "list", name: random.pick(["ads", "bad", "hosts", "missing"]) };
  if (kind === 6 || kind === 7) return { kind: random.pick(["host", "domain", "subdomains"] as const), name: random.pick(HOSTS) };
  return { kind: random.pick(KINDS) };
}

function program(random: Random): Program {
  switch (random.below(8)) {
    case 0:
    case 1:
      return { kind: "path", value: random.pick(PATHS) };
    case 2:
      return { kind: "glob", value: random.pick(GLOBS) };
    case 3:
      return { kind: "script", value: random.pick(SCRIPTS) };
    case 4:
      return { kind: "kernel", value: "" };
    default:
      return { kind: random.pick(["pkg", "unit", "container", "flatpak", "snap", "appimage"] as const), value: random.pick(NAMES) };
  }
}

function who(random: Random): Who {
  const user = random.oneIn(4) ? random.pick(USERS) : null;
  if (random.oneIn(3)) return { user, program: { kind: "any", value: "" }, via: null };
  return { user, program: program(random), via: random.oneIn(5) ? program(random) : null };
}

function portSpec(random: Random): PortSpec {
  const first = random.pick(PORTS);
  const last = random.oneIn(4) ? Math.min(65535, first + random.below(500)) : first;
  const kind = random.below(6);
  if (kind === 0) return { protocol: "icmp", ports: null };
  if (kind === 1) return { protocol: random.pick(PROTOCOLS), ports: null };
  return { protocol: kind === 2 ? null : random.pick([6, 17]), ports: { first, last } };
}

const some = <T>(random: Random, most: number, make: () => T): T[] => Array.from({ length: 1 + random.below(most) }, make);

/** A rule as anyone might write it. */
export function generateRule(random: Random): Rule {
  return {
    action: random.pick(["allow", "deny", "ask"]),
    who: who(random),
    direction: random.pick(["out", "out", "in", "both"]),
    where: some(random, random.oneIn(3) ? 3 : 1, () => place(random)),
    ports: random.oneIn(2) ? [] : some(random, 2, () => portSpec(random)),
    lifetime: { kind: "ever" },
    priority: random.oneIn(4) ? random.pick(["low", "high", "highest"]) : "regular",
    notify: false,
    quiet: random.oneIn(8),
    disabled: false,
    note: null,
  };
}

const AUTHORS: readonly Author[] = ["own", "own", "file", "file", "remote", "fleet", "factory"];
type Placing = Omit<PlacedRule, "id" | "created">;

function placed(random: Random, rule: Rule): Placing {
  const author = random.pick(AUTHORS);
  const mandatory = author === "fleet" && rule.action !== "ask" && random.oneIn(3);
  const inFile = author === "file" || author === "remote";
  const group = inFile ? random.pick(["home", "work"]) : null;
  const enabled = !random.oneIn(20);
  return { rule, author, group, line: inFile ? 1 + random.below(50) : 0, mandatory, enabled, protected: author === "factory" };
}

/** A rule like `placing`, with one thing changed: what neighbours in the order differ in. */
function vary(random: Random, placing: Placing): Placing {
  const { rule } = placing;
  const other = generateRule(random);
  const change = (part: Partial<Rule>): Placing => ({ ...placing, rule: { ...rule, ...part } });
  /* Step 5 decides only between rules about the same program: rare by itself. */
  switch (random.pick([0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 7, 8, 8, 9])) {
    case 0:
      return { ...placing, author: "fleet", group: null, line: 0, mandatory: rule.action !== "ask" };
    case 1:
      return change({ priority: other.priority });
    case 2:
      return change({ where: [{ kind: random.pick(KINDS) }] });
    case 3:
      return change({ where: [...rule.where, place(random)] });
    case 4:
      return change({ who: { ...rule.who, program: other.who.program, via: other.who.via } });
    case 5:
      return change({ who: { ...rule.who, user: rule.who.user === null ? random.pick(["ann", "backup", "0", "1000"]) : null } });
    case 6:
      return change({ ports: other.ports });
    case 7:
      return { ...placed(random, rule), enabled: true };
    case 8:
      return change({ action: other.action });
    default:
      return { ...placing, line: placing.line === 0 ? 0 : placing.line + 1 };
  }
}

/** `count` rules in order of precedence. */
export function generateRules(random: Random, count: number): PlacedRule[] {
  const placings: Placing[] = [];
  while (placings.length < count) {
    const before = placings.length > 0 && random.oneIn(2) ? random.pick(placings) : null;
    placings.push(before === null ? placed(random, generateRule(random)) : vary(random, before));
  }
  return orderRules(placings.map((placing, i) => ({ ...placing, id: i + 1, created: random.below(count) })));
}

type World = { readonly apps: readonly App[]; readonly environment: Environment };

/** An address that `entry` may hold for, or one just beside it. */
function addressNear(random: Random, entry: Where): string {
  const range = rangeOf(entry);
  if (range === null || random.oneIn(4)) return random.pick(ADDRESSES);
  const { first, last, family } = range;
  const value = random.pick([first, last, first + (last - first) / 2n, first - 1n, last + 1n]);
  const near: Address = { family, value: value < 0n || value > lastAddress(family) ? first : value };
  /* An IPv4-mapped address is IPv4: the same text again, and not another family's. */
  return printAddress(near);
}

function appNear(random: Random, { rule }: PlacedRule, { apps, environment }: World): App | null {
  if (random.oneIn(6)) return null;
  const fitting = apps.filter((app) => appMatches(rule.who, app, environment));
  return random.pick(fitting.length > 0 && !random.oneIn(4) ? fitting : apps);
}

function portNear(random: Random, { rule }: PlacedRule): { protocol: number; port: number } {
  const spec = rule.ports.length > 0 && !random.oneIn(4) ? random.pick(rule.ports) : null;
  const named = spec?.protocol === "icmp" ? random.pick([1, 58]) : (spec?.protocol ?? random.pick(PROTOCOLS));
  const range = spec?.ports ?? null;
  const port = range === null ? random.pick(PORTS) : random.pick([range.first, range.last, Math.max(0, range.first - 1)]);
  return { protocol: named, port: named === 1 || named === 58 || named === 47 ? 0 : port };
}

/** Questions that led to a connection's address: now and then more of them than are decided, and one with more names than there is room for. */
function candidates(random: Random): Candidate[] {
  if (random.oneIn(2)) return [];
  return some(random, random.oneIn(4) ? 6 : 2, () => ({
    names: [...new Set(some(random, 3, () => random.pick(ASKED)))],
    own: random.oneIn(2),
    trusted: !random.oneIn(3),
  }));
}

/** A connection made to fit some rule of `rules`, more or less. */
export function generateConnection(random: Random, rules: readonly PlacedRule[], world: World): Connection {
  /* Step 5 decides only where a program of a user is named: rare by itself. */
  const ofUser = random.oneIn(3) ? rules.filter(({ rule }) => rule.who.user !== null && rule.who.program.kind !== "any") : [];
  const rule = random.pick(ofUser.length > 0 ? ofUser : rules);
  const direction = rule.rule.direction === "both" || random.oneIn(8) ? random.pick(["out", "in"] as const) : rule.rule.direction;
  const { user } = rule.rule.who;
  const uid = user === null ? null : uidOf(user, world.environment);
  return {
    app: appNear(random, rule, world),
    uid: uid === null || random.oneIn(8) ? random.pick(UIDS) : uid,
    direction,
    ...portNear(random, rule),
    address: addressNear(random, random.pick(rule.rule.where)),
    own: random.oneIn(8),
    sentTo: direction === "in" && random.oneIn(3) ? random.pick(["multicast", "broadcast"] as const) : "unicast",
    candidates: candidates(random),
  };
}

/** Apps of the small world, by themselves and acting for each other. */
export function generateApps(random: Random, count: number): App[] {
  return Array.from({ length: count }, () => ({
    ...random.pick(IDENTITIES),
    via: random.oneIn(2) ? random.pick(IDENTITIES) : null,
  }));
}

/** As many of the first rules as the tables hold: a rule may take two places. */
function fitting(ordered: readonly PlacedRule[]): PlacedRule[] {
  const last = partsOf(ordered)[MAX_RULES]?.placed;
  return last === undefined ? [...ordered] : ordered.slice(0, ordered.indexOf(last));
}

/** A rule set with `rules` rules, as far as they fit, and `connections` connections. */
export function generateSituation(seed: number, size: { readonly rules: number; readonly connections: number }): Situation {
  const random = new Random(seed);
  const ordered = fitting(generateRules(random, size.rules));
  const world = { apps: generateApps(random, 24), environment: random.pick(ENVIRONMENTS) };
  const mode: Mode = random.pick(["allow", "deny", "ask"]);
  const connections = Array.from({ length: size.connections }, () => generateConnection(random, ordered, world));
  return { ordered, mode, environment: world.environment, connections };
}
