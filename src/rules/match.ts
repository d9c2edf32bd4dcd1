// SPDX-License-Identifier: Apache-2.0
/** Each condition of a rule, asked of a connection: the meaning of rules.md, read straight through. compile.ts must come to the same. */
import type { App, Identity } from "../contract/app.ts";
import type { Connection } from "../contract/connection.ts";
import type { Environment } from "../contract/environment.ts";
import type { PortSpec, Program, Rule, Where, Who } from "../contract/rule.ts";
import { type Address, type AddressRange, inRange, knownAddress, prefixRange } from "./address.ts";
import { globMatches } from "./glob.ts";
import { inAny, kindsOf } from "./kinds.ts";
import { type Named, nameMatches } from "./names.ts";
import { ICMP, ICMPV6, WITH_PORTS } from "./protocols.ts";

/** Whether `identity` by itself is the program. Packages hold only while their file is as shipped. */
export function programMatches(program: Program, identity: Identity, environment: Environment): boolean {
  const real = environment.realPaths.get(program.value) ?? program.value;
  switch (program.kind) {
    case "any":
      return true;
    case "path":
      return identity.path === real;
    case "glob":
      return identity.path !== null && globMatches(program.value, identity.path);
    case "pkg":
      return identity.package === program.value && identity.packageIntact === true;
    case "script":
      return identity.script === real;
    case "kernel":
      return identity.kernel;
    default:
      return identity[program.kind] === program.value;
  }
}

/** A program matches what it does and what its helpers do for it; `A via B` only what B does for A. */
export function appMatches(who: Who, app: App, environment: Environment): boolean {
  const acting = app.via;
  if (who.via !== null) {
    return programMatches(who.via, app, environment) && acting !== null && programMatches(who.program, acting, environment);
  }
  return programMatches(who.program, app, environment) || (acting !== null && programMatches(who.program, acting, environment));
}

/** The uid a rule's user stands for; null for an unknown name, which matches nobody. */
export function uidOf(user: string, environment: Environment): number | null {
  if (/^\d+$/.test(user)) return Number(user);
  return environment.users.get(user) ?? null;
}

/** Whether the rule is about this user. */
export function userMatches(who: Who, uid: number, environment: Environment): boolean {
  return who.user === null || uidOf(who.user, environment) === uid;
}

function readRange(entry: Where): AddressRange | null {
  if (entry.kind === "address") {
    const { family, value } = knownAddress(entry.address);
    return { family, first: value, last: value };
  }
  if (entry.kind === "cidr") return prefixRange(knownAddress(entry.address), entry.prefix);
  if (entry.kind !== "range") return null;
  const { family, value } = knownAddress(entry.first);
  return { family, first: value, last: knownAddress(entry.last).value };
}

const ranges = new WeakMap<Where, AddressRange | null>();

/** The addresses of an address, prefix or range; null for other kinds. Remembered for each entry. */
export function rangeOf(entry: Where): AddressRange | null {
  const before = ranges.get(entry);
  if (before !== undefined) return before;
  const range = readRange(entry);
  ranges.set(entry, range);
  return range;
}

/** A connection as one look-up sees it: its peer's address, parsed, and the names that count. */
export type Seen = { readonly connection: Connection; readonly peer: Address; readonly named: Named };

/** `connection` as seen by `named`. Throws RangeError when its address is none. */
export function seenAs(connection: Connection, named: Named): Seen {
  return { connection, peer: knownAddress(connection.address), named };
}

/** Whether the peer's address, whatever its names, is in one entry of where. */
function addressMatches(entry: Where, { connection, peer }: Seen, environment: Environment): boolean {
  const kinds = kindsOf(environment);
  const incoming = connection.direction === "in";
  switch (entry.kind) {
    case "any":
      return true;
    case "loopback":
      return connection.own || inAny(peer, kinds.loopback) || (!incoming && inAny(peer, kinds.unspecified));
    case "multicast":
      return incoming ? connection.sentTo === "multicast" : inAny(peer, kinds.multicast);
    case "broadcast":
      return incoming ? connection.sentTo === "broadcast" : inAny(peer, kinds.broadcast);
    case "local-net":
      return inAny(peer, kinds.localNet);
    case "dns-servers":
      return inAny(peer, kinds.dnsServers);
    case "internet":
      return (
        !connection.own &&
        ![kinds.loopback, kinds.unspecified, kinds.multicast, kinds.broadcast, kinds.localNet].some((kind) => inAny(peer, kind))
      );
    case "list":
      return (environment.lists.get(entry.name)?.hasAddress(connection.address) ?? null) !== null;
    case "asn":
      return environment.locate(connection.address).asn === entry.number;
    case "country":
      return environment.locate(connection.address).country === entry.code;
    default: {
      const range = rangeOf(entry);
      return range !== null && inRange(peer, range);
    }
  }
}

/** Whether one entry of where holds: by the peer's address or, where names count, by one of them. */
export function entryMatches(entry: Where, seen: Seen, environment: Environment, namesCount: boolean): boolean {
  if (addressMatches(entry, seen, environment)) return true;
  if (!namesCount) return false;
  const list = entry.kind === "list" ? environment.lists.get(entry.name) : undefined;
  return seen.named.names.some((name) => nameMatches(entry, name) || (list?.has(name) ?? null) !== null);
}

/** Whether one entry of ports holds. */
function portMatches(spec: PortSpec, connection: Connection): boolean {
  const { protocol, port } = connection;
  if (spec.protocol === "icmp") return protocol === ICMP || protocol === ICMPV6;
  if (spec.protocol === null ? !WITH_PORTS.includes(protocol) : protocol !== spec.protocol) return false;
  return spec.ports === null || (spec.ports.first <= port && port <= spec.ports.last);
}

/** Every condition but the program. Names that the program may have made up allow nothing. */
export function restMatches(rule: Rule, seen: Seen, environment: Environment): boolean {
  const { connection, named } = seen;
  const namesCount = named.trusted || rule.action !== "allow";
  return (
    (rule.direction === "both" || rule.direction === connection.direction) &&
    (rule.ports.length === 0 || rule.ports.some((spec) => portMatches(spec, connection))) &&
    userMatches(rule.who, connection.uid, environment) &&
    rule.where.some((entry) => entryMatches(entry, seen, environment, namesCount))
  );
}
