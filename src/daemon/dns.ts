// SPDX-License-Identifier: Apache-2.0
/** What DNS answers (RFC 1035), and those of its relatives on the link, say addresses are called, as people are shown it. */
import { printAddress } from "../contract/address.ts";
import { hostName } from "../contract/name.ts";
import type { NameSource } from "../flows/names.ts";
import { PORT_MDNS, readAnswer } from "./dns-message.ts";

/** The names that lead to some addresses: the one asked for first, then its CNAMEs. `ttl`: seconds. */
export type Told = {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly source: NameSource;
  readonly ttl: number;
};

/** Names everybody on the link hears by mDNS stand once, with all their addresses. */
function joined(told: readonly Told[]): Told[] {
  const byName = new Map<string, Told>();
  for (const one of told) {
    const name = one.names[0] ?? "";
    const known = byName.get(name) ?? { ...one, addresses: [] };
    byName.set(name, { ...known, addresses: [...new Set([...known.addresses, ...one.addresses])] });
  }
  return [...byName.values()];
}

/**
 * Reads the message in a datagram from a name server's `port`. None for one that is no answer, names no address, or cannot be read: it
 * may say anything. As bpf/dns.h does: the name asked for and every name it stands for, for every address of the answer, since programs
 * take any of them. What is no host name is left out: no rule names it.
 */
export function namesTold(message: Uint8Array, port: number): Told[] {
  const source = port === PORT_MDNS ? "mdns" : "dns";
  const told = (readAnswer(message, port) ?? []).flatMap(({ names: [asked = "", ...aliases], addresses, ttl }) => {
    const name = hostName(asked);
    if (name === null) return [];
    const names = [name, ...aliases.flatMap((alias) => hostName(alias) ?? [])];
    return [{ names: [...new Set(names)], addresses: [...new Set(addresses.map(printAddress))], source, ttl } as const];
  });
  return port === PORT_MDNS ? joined(told) : told;
}
