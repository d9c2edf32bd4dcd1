// SPDX-License-Identifier: Apache-2.0
/** Places as foreign files write them: addresses, hosts, domains, protocols and ports. */
import { hostName } from "../../contract/name.ts";
import type { PortSpec, Where } from "../../contract/rule.ts";
import { addressBits, parseAddress, prefixRange, printAddress } from "../address.ts";
import { type Entry, LeaveOut, quoted } from "./draft.ts";

/** Keywords of IANA's protocol numbers that occur in rules. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  "ipv6-icmp": 58,
  icmp6: 58,
  sctp: 132,
  udplite: 136,
};

function prefixOf(text: string, entry: Entry): Where | null {
  const slash = text.indexOf("/");
  const address = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (address === null || !/^\d{1,3}$/.test(digits) || Number(digits) > addressBits(address.family)) return null;
  const clean = { family: address.family, value: prefixRange(address, Number(digits)).first };
  if (clean.value !== address.value)
    entry.changed(`${quoted(text)} became ${printAddress(clean)}/${digits}: bits beyond the prefix mean nothing`);
  return { kind: "cidr", address: printAddress(clean), prefix: Number(digits) };
}

function rangeOf(text: string): Where | null {
  const dash = text.indexOf("-");
  const [first, last] = [parseAddress(text.slice(0, dash).trim()), parseAddress(text.slice(dash + 1).trim())];
  if (first === null || last === null || first.family !== last.family || last.value < first.value) return null;
  return { kind: "range", first: printAddress(first), last: printAddress(last) };
}

/** An address, `address/prefix` or `first-last`. Throws LeaveOut. */
export function addressPlace(text: string, entry: Entry): Where {
  const address = parseAddress(text);
  if (address !== null) return { kind: "address", address: printAddress(address) };
  const place = text.includes("/") ? prefixOf(text, entry) : text.includes("-") ? rangeOf(text) : null;
  if (place === null) throw new LeaveOut(`${quoted(text)} is not an address: expected one like 192.0.2.1, 10.0.0.0/8 or first-last`);
  return place;
}

/** A host, or the domain with everything below it. Throws LeaveOut. */
export function namePlace(kind: "host" | "domain", text: string, entry: Entry): Where {
  const address = parseAddress(text);
  if (address !== null) {
    entry.changed(`${quoted(text)} stands among names and is an address: it became one`);
    return { kind: "address", address: printAddress(address) };
  }
  const bare = kind === "domain" ? text.replace(/^\*?\./, "") : text;
  const name = hostName(bare);
  if (name === null) throw new LeaveOut(`${quoted(text)} is not a host name: expected one like api.example.org`);
  return { kind, name };
}

/** The number of a protocol from its name or digits; null for any. Throws LeaveOut. */
export function protocolOf(text: string): number | null {
  const name = text.trim().toLowerCase();
  if (name === "any" || name === "") return null;
  const number = /^\d{1,3}$/.test(name) ? Number(name) : PROTOCOLS[name];
  if (number === undefined || number > 255)
    throw new LeaveOut(`${quoted(text)} is not a protocol known here: expected tcp, udp or a number`);
  return number;
}

/** `443` or `8000-8100`. Throws LeaveOut. */
export function portRange(text: string): NonNullable<PortSpec["ports"]> {
  const match = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(text.trim());
  const first = Number(match?.[1] ?? Number.NaN);
  const last = Number(match?.[2] ?? first);
  if (match === null || last > 65535 || last < first)
    throw new LeaveOut(`${quoted(text)} is not a port: expected 443 or 8000-8100, at most 65535`);
  return { first, last };
}
