// SPDX-License-Identifier: Apache-2.0
/** Which rule wins (rules.md): a rule's one place in one order, whatever connection it meets. */
import type { PlacedRule, Rule, Where } from "../contract/rule.ts";
import { type Address, addressBits, knownAddress, lastAddress } from "./address.ts";
import { WITH_PORTS } from "./protocols.ts";

export type Step = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** What each step compares, by number. */
export const STEP_NAMES = [
  "mandatory",
  "priority",
  "kind of where",
  "narrowness",
  "who",
  "user",
  "ports",
  "author",
  "action",
  "newer",
] as const;

const PRIORITIES = ["highest", "high", "regular", "low"] as const;
const AUTHORS = ["own", "file", "remote", "fleet", "factory"] as const;
const ACTIONS = ["deny", "allow", "ask"] as const;
const ADDRESS_KIND = 0;
const DOMAIN_KIND = 2;
const ANY_KIND = 12;
const WHERE_KINDS: Readonly<Record<Where["kind"], number>> = {
  address: ADDRESS_KIND,
  cidr: ADDRESS_KIND,
  range: ADDRESS_KIND,
  host: 1,
  domain: DOMAIN_KIND,
  subdomains: DOMAIN_KIND,
  list: 3,
  "dns-servers": 4,
  loopback: 5,
  broadcast: 6,
  multicast: 7,
  "local-net": 8,
  asn: 9,
  country: 10,
  internet: 11,
  any: ANY_KIND,
};
const ALL_PORTS = 65536;
/** More than any list of ports can add up to in practice: no ports at all is the widest. */
const EVERYTHING = Number.MAX_SAFE_INTEGER;
/** The whole of a family's space, in 2^-128ths. */
const WHOLE = 1n << 128n;

/** What steps 2 to 6 compare; smaller comes first. */
type Key = {
  readonly kind: number;
  readonly entries: number;
  readonly width: bigint;
  readonly who: number;
  readonly user: number;
  readonly ports: number;
  readonly unnamed: number;
};

function shareOf(from: Address, to: bigint): bigint {
  return ((to - from.value + 1n) * WHOLE) / (lastAddress(from.family) + 1n);
}

/** How much of its family's space an entry takes, in 2^-128ths; null for what is not addresses. */
function share(entry: Where): bigint | null {
  if (entry.kind === "address") return shareOf(knownAddress(entry.address), knownAddress(entry.address).value);
  if (entry.kind === "range") return shareOf(knownAddress(entry.first), knownAddress(entry.last).value);
  if (entry.kind !== "cidr") return null;
  const address = knownAddress(entry.address);
  return shareOf(address, address.value + (1n << BigInt(addressBits(address.family) - entry.prefix)) - 1n);
}

/** Place among the kinds; addresses that take all of their family's space count as any. */
function kindOf(entry: Where): number {
  return share(entry) === WHOLE ? ANY_KIND : WHERE_KINDS[entry.kind];
}

/** Larger is wider, among entries of one kind: more addresses, fewer labels; `.x` is wider than `*.x`. */
function widthOf(entry: Where): bigint {
  if (entry.kind === "domain") return BigInt(-2 * entry.name.split(".").length);
  if (entry.kind === "subdomains") return BigInt(-2 * entry.name.split(".").length - 1);
  return share(entry) ?? 0n;
}

function widest(entries: readonly Where[]): bigint | null {
  let most: bigint | null = null;
  for (const width of entries.map(widthOf)) if (most === null || width > most) most = width;
  return most;
}

/** A via B; script; one program; group; any of a user; any. */
function whoRank(rule: Rule): number {
  if (rule.who.via !== null) return 0;
  switch (rule.who.program.kind) {
    case "script":
      return 1;
    case "path":
    case "flatpak":
    case "snap":
    case "appimage":
    case "kernel":
      return 2;
    case "glob":
    case "pkg":
    case "unit":
    case "container":
      return 3;
    default:
      return rule.who.user !== null ? 4 : 5;
  }
}

/** Ports named, added up; a protocol without ports counts as one, a whole protocol with them as all its ports. */
function portCount(rule: Rule): number {
  if (rule.ports.length === 0) return EVERYTHING;
  const counts = rule.ports.map(({ protocol, ports }) => {
    if (ports !== null) return ports.last - ports.first + 1;
    return typeof protocol === "number" && WITH_PORTS.includes(protocol) ? ALL_PORTS : 1;
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

const keys = new WeakMap<Rule, Key>();

function keyOf(rule: Rule): Key {
  const before = keys.get(rule);
  if (before !== undefined) return before;
  const kind = Math.max(...rule.where.map(kindOf));
  const key = {
    kind,
    entries: rule.where.length,
    width: kind === ANY_KIND ? 0n : (widest(rule.where.filter((entry) => kindOf(entry) === kind)) ?? 0n),
    who: whoRank(rule),
    user: rule.who.user === null ? 1 : 0,
    ports: portCount(rule),
    unnamed: rule.ports.length > 0 && rule.ports.every(({ protocol }) => protocol !== null) ? 0 : 1,
  };
  keys.set(rule, key);
  return key;
}

const compare = <T extends number | bigint | string>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

/** In files the later group name, then the later line; everywhere else the later creation. Ids never repeat. */
function compareAge(a: PlacedRule, b: PlacedRule): number {
  const inFile = a.author === "file" || a.author === "remote";
  const place = inFile ? compare(b.group ?? "", a.group ?? "") || compare(b.line, a.line) : 0;
  return place || compare(b.created, a.created) || compare(b.id, a.id);
}

/** `order` < 0: `a` comes first. `step`: where they differ first. 0 only for one and the same id. */
export function compareRules(a: PlacedRule, b: PlacedRule): { readonly order: number; readonly step: Step } {
  const [x, y] = [keyOf(a.rule), keyOf(b.rule)];
  const earlier = [
    compare(Number(b.mandatory), Number(a.mandatory)),
    compare(PRIORITIES.indexOf(a.rule.priority), PRIORITIES.indexOf(b.rule.priority)),
    compare(x.kind, y.kind),
    compare(x.entries, y.entries) || compare(x.width, y.width),
    compare(x.who, y.who),
    compare(x.user, y.user),
    compare(x.ports, y.ports) || compare(x.unnamed, y.unnamed),
    compare(AUTHORS.indexOf(a.author), AUTHORS.indexOf(b.author)),
    compare(ACTIONS.indexOf(a.rule.action), ACTIONS.indexOf(b.rule.action)),
  ];
  const step = earlier.findIndex((order) => order !== 0);
  if (step < 0) return { order: compareAge(a, b), step: 9 };
  return { order: earlier[step] ?? 0, step: step as Step };
}

/** All of `rules` in order of precedence, disabled ones too. */
export function orderRules(rules: readonly PlacedRule[]): PlacedRule[] {
  return rules.toSorted((a, b) => compareRules(a, b).order);
}

/** Where in `ordered` a rule stands, or would stand. */
export function placeIn(ordered: readonly PlacedRule[], rule: PlacedRule): number {
  let [low, high] = [0, ordered.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = ordered[middle];
    if (there !== undefined && compareRules(there, rule).order < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
