// SPDX-License-Identifier: Apache-2.0
/** What DNS answers (RFC 1035), and those of its relatives on the link, say addresses are called. */
import { type DecodedPacket, decode } from "dns-packet";
import { parseAddress, printAddress } from "../contract/address.ts";
import { hostName } from "../contract/name.ts";
import type { NameSource } from "../flows/names.ts";

export const PORT_MDNS = 5353;
export const PORT_LLMNR = 5355;

/** The names that lead to some addresses: the one asked for first, then its CNAMEs. */
export type Told = { readonly names: readonly string[]; readonly addresses: readonly string[]; readonly source: NameSource };

/** CNAMEs followed; resolvers give up earlier. */
const LONGEST_CHAIN = 16;

/** In canonical text; null for the addresses of the machine itself, which no answer may name. */
function addressOf(text: string): string | null {
  const address = parseAddress(text);
  if (address === null) return null;
  const canonical = printAddress(address);
  return /^(127\.|0\.0\.0\.0$|::1?$)/.test(canonical) ? null : canonical;
}

/** The records of an answer by the name they are about. */
type Records = { readonly cnames: ReadonlyMap<string, string>; readonly addresses: ReadonlyMap<string, readonly string[]> };

function recordsOf({ answers = [] }: DecodedPacket): Records {
  const cnames = new Map<string, string>();
  const addresses = new Map<string, string[]>();
  for (const answer of answers) {
    const owner = hostName(answer.name);
    if (owner === null) continue;
    if (answer.type === "CNAME") {
      const target = hostName(answer.data);
      if (target !== null) cnames.set(owner, target);
    } else if (answer.type === "A" || answer.type === "AAAA") {
      const address = addressOf(answer.data);
      if (address !== null) addresses.set(owner, [...(addresses.get(owner) ?? []), address]);
    }
  }
  return { cnames, addresses };
}

/** What one question was answered: the name, what it stands for, and the addresses of all of them. */
function chainOf(question: string, { cnames, addresses }: Records): Omit<Told, "source"> {
  const names = [question];
  for (let next = cnames.get(question); next !== undefined && names.length <= LONGEST_CHAIN; next = cnames.get(next)) {
    if (names.includes(next)) break;
    names.push(next);
  }
  return { names, addresses: names.flatMap((name) => addresses.get(name) ?? []) };
}

/** Names everybody on the link hears: each by itself, and only those that kind of message may tell. */
function announced(records: Records, port: number): Told[] {
  const source = port === PORT_MDNS ? "mdns" : "dns";
  const mayTell = (name: string): boolean => (port === PORT_MDNS ? name.endsWith(".local") : !name.includes("."));
  return [...records.addresses]
    .filter(([name]) => mayTell(name))
    .map(([name, addresses]) => ({ names: [name], addresses: [...new Set(addresses)], source }));
}

/**
 * Reads the message in a datagram from a name server's `port`. None for one that is no answer, names no address, or cannot be read: it
 * may say anything.
 */
export function namesTold(message: Uint8Array, port: number): Told[] {
  let packet: DecodedPacket;
  try {
    packet = decode(Buffer.from(message.buffer, message.byteOffset, message.byteLength));
  } catch {
    return [];
  }
  if (packet.type !== "response") return [];
  const records = recordsOf(packet);
  if (port === PORT_MDNS || port === PORT_LLMNR) return announced(records, port);
  const [question, ...more] = packet.questions ?? [];
  const asked = question === undefined || more.length > 0 ? null : hostName(question.name);
  if (asked === null) return [];
  const told = chainOf(asked, records);
  return told.addresses.length === 0 ? [] : [{ ...told, source: "dns" }];
}
