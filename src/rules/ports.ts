// SPDX-License-Identifier: Apache-2.0
/** The ports part of a rule: text <-> PortSpec[]. A protocol holds until the next one; `any/443` takes it back. */
import type { PortSpec } from "../contract/rule.ts";
import { splitCommas, type Word } from "./lex.ts";
import { Stop, shown, suggestion } from "./problem.ts";
import { PROTOCOLS, protocolName, protocolNumber, WITH_PORTS } from "./protocols.ts";

/** Words that begin this part; everything else that may follow where is an option. */
export const PROTOCOL_WORDS = [...Object.keys(PROTOCOLS), "icmp", "ip"];
const HIGHEST_PORT = 65535;
type Protocol = PortSpec["protocol"];

function parseRange(text: string, column: number): { first: number; last: number } {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (match === null) throw new Stop(column, `Cannot read port ${shown(text)}: expected a number like 443 or a range like 8000-8100`);
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  if (first > HIGHEST_PORT || last > HIGHEST_PORT) {
    throw new Stop(column, `Cannot read port${match[2] === undefined ? "" : " range"} ${shown(text)}: the highest port is ${HIGHEST_PORT}`);
  }
  if (last < first) throw new Stop(column, `Cannot read port range ${shown(text)}: its end is before its start; expected ${last}-${first}`);
  return { first, last };
}

function parseNumbered(text: string, column: number): Protocol {
  if (!/^(0|[1-9]\d{0,2})$/.test(text) || Number(text) > 255)
    throw new Stop(column, `Cannot read protocol ${shown(`ip/${text}`)}: expected a number from 0 to 255, like ip/47`);
  return Number(text);
}

/** One entry; `current` is the protocol that the entry before it left. */
function parseEntry(part: Word, current: Protocol): PortSpec {
  const { text, column } = part;
  if (text === "") throw new Stop(column, "Cannot read an empty port: expected a port or protocol on both sides of each comma");
  if (text === "icmp") return { protocol: "icmp", ports: null };
  const slash = text.indexOf("/");
  const head = slash < 0 ? text : text.slice(0, slash);
  const tail = text.slice(slash + 1);
  if (slash < 0 && /^\d/.test(text)) {
    if (current === "icmp" || (current !== null && !WITH_PORTS.includes(current))) {
      throw new Stop(
        column,
        `Cannot read port ${shown(text)} after a protocol that has no ports: expected a protocol before it, like tcp/${text}`,
      );
    }
    return { protocol: current, ports: parseRange(text, column) };
  }
  if (slash < 0) {
    const alone = protocolNumber(text);
    if (alone !== null) return { protocol: alone, ports: null };
    throw new Stop(
      column,
      `${shown(text)} is not a port or protocol: expected 443, tcp/443, icmp or ip/47${suggestion(text, PROTOCOL_WORDS)}`,
    );
  }
  if (head === "ip") return { protocol: parseNumbered(tail, column), ports: null };
  if (head === "any") return { protocol: null, ports: parseRange(tail, column) };
  const protocol = protocolNumber(head);
  if (protocol === null && protocolNumber(tail) !== null)
    throw new Stop(column, `${shown(text)} is the wrong way round: expected ${tail}/${head}`);
  if (protocol === null) {
    throw new Stop(
      column,
      `${shown(head)} is not a protocol with ports: expected ${Object.keys(PROTOCOLS).join(", ")} or ip/NUMBER${suggestion(head, PROTOCOL_WORDS)}`,
    );
  }
  return { protocol, ports: parseRange(tail, column) };
}

/** Whether a word after where is meant as ports. */
export function looksLikePorts(word: Word): boolean {
  return /^\d/.test(word.text) || PROTOCOL_WORDS.includes(word.text.split(/[/,]/)[0] ?? "") || word.text.includes("/");
}

/** The entries of the ports part. Throws Stop. */
export function parsePorts(word: Word): PortSpec[] {
  const specs: PortSpec[] = [];
  for (const part of splitCommas(word)) specs.push(parseEntry(part, specs.at(-1)?.protocol ?? null));
  return specs;
}

function printSpec(spec: PortSpec, current: Protocol): string {
  if (spec.protocol === "icmp") return "icmp";
  if (spec.ports === null) return spec.protocol === null ? "" : (protocolName(spec.protocol) ?? `ip/${spec.protocol}`);
  const range = spec.ports.first === spec.ports.last ? `${spec.ports.first}` : `${spec.ports.first}-${spec.ports.last}`;
  if (spec.protocol === current) return range;
  return `${spec.protocol === null ? "any" : protocolName(spec.protocol)}/${range}`;
}

/** The entries as text; "" for every port and protocol. */
export function printPorts(specs: readonly PortSpec[]): string {
  return specs.map((spec, i) => printSpec(spec, specs[i - 1]?.protocol ?? null)).join(",");
}
