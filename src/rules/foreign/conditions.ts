// SPDX-License-Identifier: Apache-2.0
/** One OpenSnitch condition (operand, type, data) -> the part of a rule it is. What has no meaning here leaves the whole rule out: without it the rule would be wider. */
import { hostName } from "../../contract/name.ts";
import type { Program, Where } from "../../contract/rule.ts";
import { type Entry, type Fields, LeaveOut, quoted, textOf } from "./draft.ts";
import { ANY, anchored, DOT, FOLDER, hasMarks, textsOfPattern } from "./patterns.ts";
import { addressPlace, namePlace, portRange, protocolOf } from "./places.ts";

export type Ports = { readonly first: number; readonly last: number };
/** `family`: OpenSnitch names IPv4 and IPv6 apart ("tcp", "tcp6"). */
export type Protocol = { readonly number: number; readonly family: 4 | 6 | null };

/** What a rule's conditions come to; null = nothing said. Several values of one part are alternatives. */
export type Parts = {
  programs: readonly Program[] | null;
  parents: readonly Program[] | null;
  users: readonly string[] | null;
  places: readonly Where[] | null;
  ports: readonly Ports[] | null;
  protocols: readonly Protocol[] | null;
};

type Condition = { readonly operand: string; readonly type: string; readonly data: string };
type Reader = (condition: Condition, entry: Entry) => Partial<Parts>;

/** Interpreters whose command line says which script is meant. */
const INTERPRETER = /^(?:\/\S*\/)?(?:python[\d.]*|bash|dash|sh|zsh|perl|ruby|node|nodejs|php[\d.]*|lua[\d.]*)$/;

function notRead({ operand, data }: Condition, expected: string): LeaveOut {
  return new LeaveOut(`Cannot use ${operand} ${quoted(data)}: ${expected}`);
}

/** The texts of a regular expression. Throws LeaveOut when it is more than a list. */
function patternTexts(condition: Condition): string[] {
  const texts = textsOfPattern(condition.data);
  if (texts === null) throw notRead(condition, "expected an expression that is a list of texts, like ^(a|b)$");
  return texts;
}

/** The data as alternatives that are wholly literal. Throws LeaveOut. */
function literals(condition: Condition): string[] {
  if (condition.type !== "regexp") return [condition.data];
  return patternTexts(condition).map((text) => {
    const { start, end, body } = anchored(text);
    if (!start || !end || hasMarks(body)) throw notRead(condition, "expected whole texts between ^ and $, like ^(a|b)$");
    return body;
  });
}

/** Takes dots that were not escaped as dots, and says so. */
function plainDots(body: string, entry: Entry): string {
  if (!body.includes(DOT)) return body;
  entry.changed("A dot that was not escaped stood for any character: it became a dot");
  return body.replaceAll(DOT, ".");
}

function programOf(text: string, condition: Condition, entry: Entry): Program {
  const { start, end, body } = anchored(text);
  const path = plainDots(body, entry);
  const open = path.endsWith(ANY);
  if (!start || !(end || open) || !path.startsWith("/") || path.includes("*"))
    throw notRead(condition, "expected whole paths between ^ and $, or with .* at the end");
  const pattern = path.replaceAll(ANY, "**").replaceAll(FOLDER, "*");
  if (hasMarks(pattern)) throw notRead(condition, "expected whole paths between ^ and $, or with .* at the end");
  return { kind: pattern === path ? "path" : "glob", value: pattern };
}

function programs(condition: Condition, entry: Entry): Program[] {
  if (condition.type === "regexp") return patternTexts(condition).map((text) => programOf(text, condition, entry));
  if (!condition.data.startsWith("/")) throw notRead(condition, "expected an absolute path");
  return [{ kind: "path", value: condition.data }];
}

/** `python3 /home/ann/sync.py` is that script. */
function script(condition: Condition, entry: Entry): Program[] {
  const [interpreter = "", path = "", ...rest] = condition.data.trim().split(/\s+/);
  if (condition.type !== "simple" || !INTERPRETER.test(interpreter) || !path.startsWith("/") || rest.length > 0)
    throw notRead(condition, "rules here are not about arguments; a script is script:/its/path");
  entry.changed(`process.command ${quoted(condition.data)} became script:${path}, whatever its arguments`);
  return [{ kind: "script", value: path }];
}

/** One alternative of a host expression: the host itself, or what is below it. */
function hostOf(text: string, condition: Condition, entry: Entry): Where {
  const { start, end, body } = anchored(text);
  const open = !start || body.startsWith(ANY);
  const name = plainDots(body.startsWith(ANY) ? body.slice(1) : body, entry);
  const host = open === name.startsWith(".") ? hostName(open ? name.slice(1) : name) : null;
  if (host === null || hasMarks(name) || (!end && !open))
    throw notRead(condition, "expected names like ^api\\.example\\.org$ or ^(.*\\.)?example\\.org$");
  if (!end) entry.changed(`${quoted(condition.data)} does not say where it ends: it ends with the name`);
  return { kind: open ? "subdomains" : "host", name: host };
}

/** The host and what is below it are one domain. */
function hosts(condition: Condition, entry: Entry): Where[] {
  if (condition.type !== "regexp") return [namePlace("host", condition.data, entry)];
  const places = patternTexts(condition).map((text) => hostOf(text, condition, entry));
  const has = (kind: "host" | "subdomains", name: string): boolean => places.some((place) => place.kind === kind && place.name === name);
  return places.flatMap((place): Where[] => {
    if (place.kind === "subdomains" && has("host", place.name)) return [{ kind: "domain", name: place.name }];
    return place.kind === "host" && has("subdomains", place.name) ? [] : [place];
  });
}

/** `^192\.168\..*`: whole numbers of an IPv4 address, then anything. */
function octets(text: string, condition: Condition, entry: Entry): Where {
  const { start, body } = anchored(text);
  const parts = body.slice(0, -1).split(".");
  if (!start || !body.endsWith(ANY) || parts.length < 2 || parts.length > 4 || parts.at(-1) !== "" || hasMarks(body.slice(0, -1)))
    throw notRead(condition, "expected addresses between ^ and $, or ^192\\.168\\..*");
  const numbers = parts.slice(0, -1);
  const filled = [...numbers, "0", "0", "0"].slice(0, 4).join(".");
  return addressPlace(`${filled}/${numbers.length * 8}`, entry);
}

function addresses(condition: Condition, entry: Entry): Where[] {
  if (condition.type !== "regexp") return [addressPlace(condition.data, entry)];
  return patternTexts(condition).map((text) => {
    const { start, end, body } = anchored(text);
    if (start && end && !body.includes(ANY)) return addressPlace(plainDots(body, entry), entry);
    return octets(text.replaceAll(DOT, "."), condition, entry);
  });
}

/** Names that OpenSnitch has for networks (network_aliases.json as it is shipped). */
const ALIASES: Readonly<Record<string, Where>> = { LAN: { kind: "local-net" }, MULTICAST: { kind: "multicast" } };

function network(condition: Condition, entry: Entry): Where[] {
  const alias = ALIASES[condition.data];
  if (alias === undefined) return [addressPlace(condition.data, entry)];
  entry.changed(`dest.network ${quoted(condition.data)} became ${alias.kind}`);
  return [alias];
}

function protocol(text: string): Protocol {
  const match = /^(tcp|udp|udplite|sctp|dccp)6$/i.exec(text);
  const number = protocolOf(match?.[1] ?? text);
  if (number === null) throw new LeaveOut(`${quoted(text)} is not a protocol: expected tcp, udp or a number`);
  return { number, family: match === null ? null : 6 };
}

function interfaceOf(condition: Condition): Where[] {
  if (condition.type === "simple" && condition.data === "lo") return [{ kind: "loopback" }];
  throw notRead(condition, "rules here are not about network interfaces");
}

const READERS: Readonly<Record<string, Reader>> = {
  true: () => ({}),
  "process.path": (condition, entry) => ({ programs: programs(condition, entry) }),
  "process.command": (condition, entry) => ({ programs: script(condition, entry) }),
  "process.parent.path": (condition, entry) => ({ parents: programs(condition, entry) }),
  "user.id": (condition) => ({ users: literals(condition) }),
  "user.name": (condition) => ({ users: literals(condition) }),
  "dest.host": (condition, entry) => ({ places: hosts(condition, entry) }),
  "dest.ip": (condition, entry) => ({ places: addresses(condition, entry) }),
  "dest.network": (condition, entry) => ({ places: network(condition, entry) }),
  "dest.port": (condition) => ({ ports: literals(condition).map(portRange) }),
  protocol: (condition) => ({ protocols: literals(condition).map(protocol) }),
  "iface.out": (condition) => ({ places: interfaceOf(condition) }),
};

/** Why the others have no meaning here. */
function whyNot(operand: string): string {
  if (operand.startsWith("lists.")) return 'lists are files of their own: expected "holdfast lists add FILE", and a rule about list:NAME';
  if (operand.startsWith("source.")) return "rules here are about the other side";
  if (operand.startsWith("process.hash.")) return "programs here are told by their file as the kernel has it, not by a checksum";
  if (operand === "process.id") return "a process is gone when the rule is read";
  if (operand.startsWith("process.env.")) return "rules here are not about the environment";
  if (operand === "iface.in") return "rules here are not about network interfaces";
  return "it is no operand known here";
}

/** The part of a rule that a condition is. Throws LeaveOut. */
export function readCondition(fields: Fields, entry: Entry): Partial<Parts> {
  const operand = textOf(fields, "operand") ?? "";
  const condition = { operand, type: textOf(fields, "type") ?? "simple", data: textOf(fields, "data") ?? "" };
  const reader = Object.hasOwn(READERS, operand) ? READERS[operand] : undefined;
  if (reader === undefined) throw new LeaveOut(`Cannot use ${quoted(operand)}: ${whyNot(operand)}`);
  if (!["simple", "regexp", "network", "range"].includes(condition.type))
    throw new LeaveOut(`Cannot use type ${quoted(condition.type)} with ${operand}`);
  return reader(condition, entry);
}
