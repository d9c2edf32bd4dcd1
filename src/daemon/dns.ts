// SPDX-License-Identifier: Apache-2.0
/** What DNS answers (RFC 1035), and those of its relatives on the link, say addresses are called. */
import { type Answer, type DecodedPacket, decode } from "dns-packet";
import { parseAddress, printAddress } from "../contract/address.ts";
import { hostName } from "../contract/name.ts";
import type { NameSource } from "../flows/names.ts";

export const PORT_MDNS = 5353;
export const PORT_LLMNR = 5355;

/** The names that lead to some addresses: the one asked for first, then its CNAMEs. `ttl`: seconds. */
export type Told = {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly source: NameSource;
  readonly ttl: number;
};

/** In canonical text; null for the addresses of the machine itself, which no answer may name. */
function addressOf(text: string): string | null {
  const address = parseAddress(text);
  if (address === null) return null;
  const canonical = printAddress(address);
  return /^(127\.|0\.0\.0\.0$|::1?$)/.test(canonical) ? null : canonical;
}

type AddressRecord = { readonly owner: string; readonly address: string; readonly ttl: number };

function addressesIn(records: readonly Answer[]): AddressRecord[] {
  return records.flatMap((record) => {
    const address = record.type === "A" || record.type === "AAAA" ? addressOf(record.data) : null;
    return address === null ? [] : [{ owner: record.name, address, ttl: "ttl" in record ? (record.ttl ?? 0) : 0 }];
  });
}

/** Names everybody on the link hears by mDNS: each by itself, and none but those below .local (RFC 6762, 3). */
function announced({ answers = [], authorities = [], additionals = [] }: DecodedPacket): Told[] {
  const told = new Map<string, { addresses: Set<string>; ttl: number }>();
  for (const { owner, address, ttl } of addressesIn([...answers, ...authorities, ...additionals])) {
    const name = hostName(owner);
    if (name === null || !name.endsWith(".local")) continue;
    const known = told.get(name) ?? { addresses: new Set(), ttl };
    known.addresses.add(address);
    told.set(name, known);
  }
  return [...told].map(([name, { addresses, ttl }]) => ({ names: [name], addresses: [...addresses], source: "mdns", ttl }));
}

/**
 * Reads the message in a datagram from a name server's `port`. None for one that is no answer, names no address, or cannot be read: it
 * may say anything. As bpf/dns.h does: the name asked for and every name it stands for, for every address of the answer, since programs
 * take any of them.
 */
export function namesTold(message: Uint8Array, port: number): Told[] {
  let packet: DecodedPacket;
  try {
    packet = decode(Buffer.from(message.buffer, message.byteOffset, message.byteLength));
  } catch {
    return [];
  }
  if (packet.type !== "response") return [];
  if (port === PORT_MDNS) return announced(packet);
  const [question, ...more] = packet.questions ?? [];
  const asked = question === undefined || more.length > 0 ? null : hostName(question.name);
  if (asked === null || (port === PORT_LLMNR && asked.includes("."))) return [];
  const { answers = [] } = packet;
  const names = answers.flatMap((answer) => (answer.type === "CNAME" ? (hostName(answer.data) ?? []) : []));
  const known = addressesIn(answers);
  if (known.length === 0) return [];
  const ttl = Math.min(...known.map((record) => record.ttl));
  return [{ names: [...new Set([asked, ...names])], addresses: [...new Set(known.map(({ address }) => address))], source: "dns", ttl }];
}
