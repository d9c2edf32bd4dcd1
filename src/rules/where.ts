// SPDX-License-Identifier: Apache-2.0
/** Where a rule is about: text <-> Where[]. */
import { hostName } from "../contract/name.ts";
import type { Where } from "../contract/rule.ts";
import { type Address, addressBits, parseAddress, prefixRange, printAddress } from "./address.ts";
import { splitCommas, type Word } from "./lex.ts";
import { Stop, shown, suggestion } from "./problem.ts";
import { value } from "./quote.ts";

const WORDS = ["any", "internet", "local-net", "multicast", "broadcast", "loopback", "dns-servers"] as const;
const EXPECTED = `expected an address, a prefix like 10.0.0.0/8, first-last, a host, .domain, list:NAME, asn:N, country:XX or one of ${WORDS.join(", ")}`;

/** What a name that no rule can mean was probably meant to be: `; did you mean "loopback"?`, or nothing. */
export function suggestPlace(name: string): string {
  return name.includes(".") ? "" : suggestion(name, WORDS);
}

function parseCidr(text: string, word: Word): Where {
  const slash = text.indexOf("/");
  const address = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (address === null)
    throw new Stop(word.column, `${shown(text.slice(0, slash))} is not an address: expected a prefix like 10.0.0.0/8 or 2001:db8::/32`);
  // A prefix of ::ffff:0:0/96 is one of IPv4.
  const mapped = address.family === 4 && text.includes(":") ? 96 : 0;
  const bits = addressBits(address.family) + mapped;
  const prefix = Number(digits);
  if (!/^\d{1,3}$/.test(digits) || prefix > bits || prefix < mapped) {
    throw new Stop(word.column, `Cannot read prefix length ${shown(digits)}: expected ${mapped} to ${bits}`);
  }
  const clean: Address = { family: address.family, value: prefixRange(address, prefix - mapped).first };
  if (clean.value !== address.value) {
    throw new Stop(
      word.column,
      `${shown(text)} has bits set beyond its prefix: expected ${printAddress(clean)}/${prefix - mapped}, or ${printAddress(address)} alone`,
    );
  }
  return { kind: "cidr", address: printAddress(clean), prefix: prefix - mapped };
}

/** `first-last`, or null when one side is no address (then it is a host name). */
function parseRange(text: string, word: Word): Where | null {
  const dash = text.indexOf("-");
  const first = parseAddress(text.slice(0, dash));
  const last = parseAddress(text.slice(dash + 1));
  if (dash < 0 || first === null || last === null) return null;
  if (first.family !== last.family) throw new Stop(word.column, `Cannot read range ${shown(text)}: expected two addresses of one family`);
  if (last.value < first.value) {
    throw new Stop(
      word.column,
      `Cannot read range ${shown(text)}: its end is before its start; expected ${printAddress(last)}-${printAddress(first)}`,
    );
  }
  return { kind: "range", first: printAddress(first), last: printAddress(last) };
}

/** A name as names are compared. Throws Stop. */
function parseName(text: string, word: Word): string {
  const name = hostName(text);
  if (name !== null) return name;
  if (/(^|\.)\d+\.?$/.test(text))
    throw new Stop(word.column, `${shown(text)} is not an address: expected IPv4 like 192.0.2.1 or IPv6 like 2001:db8::1`);
  throw new Stop(word.column, `${shown(text)} is not a place; ${EXPECTED}`);
}

function parsePrefixed(text: string, word: Word): Where | null {
  const match = /^(list|asn|country):/.exec(word.shape);
  if (match === null) return null;
  const rest = text.slice(match[0].length);
  if (match[1] === "list") {
    if (rest === "") throw new Stop(word.column, 'Cannot read "list:": expected a name after the colon');
    return { kind: "list", name: rest };
  }
  if (match[1] === "asn") {
    if (!/^(0|[1-9]\d{0,9})$/.test(rest) || Number(rest) > 4294967295)
      throw new Stop(word.column, `Cannot read ${shown(text)}: expected a number, like asn:13335`);
    return { kind: "asn", number: Number(rest) };
  }
  if (!/^[A-Za-z]{2}$/.test(rest))
    throw new Stop(word.column, `Cannot read ${shown(text)}: expected a code of two letters (ISO 3166), like country:DE`);
  return { kind: "country", code: rest.toUpperCase() };
}

/** One entry. Throws Stop. */
function parseEntry(word: Word): Where {
  const { text } = word;
  if (text === "") throw new Stop(word.column, "Cannot read an empty entry: expected a place on both sides of each comma");
  const special = WORDS.find((known) => known === text);
  if (special !== undefined) return { kind: special };
  const url = /^[a-z][a-z0-9+.-]*:\/\/([^/:]*)/i.exec(text);
  if (url !== null) {
    const host = url[1] ? `the host alone, ${shown(url[1])}` : "a host";
    throw new Stop(word.column, `${shown(text)} is the address of a page: expected ${host}; ports follow after a space`);
  }
  const prefixed = parsePrefixed(text, word);
  if (prefixed !== null) return prefixed;
  if (text.includes("/")) return parseCidr(text, word);
  const range = parseRange(text, word);
  if (range !== null) return range;
  const address = parseAddress(text);
  if (address !== null) return { kind: "address", address: printAddress(address) };
  if (/^[0-9a-f:.]+%/i.test(text))
    throw new Stop(word.column, `Cannot use a zone in ${shown(text)}: expected the address alone, ${text.slice(0, text.indexOf("%"))}`);
  if (text.includes(":")) throw new Stop(word.column, `${shown(text)} is not an address; ${EXPECTED}`);
  if (text.startsWith("*.")) return { kind: "subdomains", name: parseName(text.slice(2), word) };
  if (text.startsWith(".")) return { kind: "domain", name: parseName(text.slice(1), word) };
  const name = parseName(text, word);
  if (WORDS.some((known) => known === name)) throw new Stop(word.column, `${shown(text)} is written in lower case: expected ${name}`);
  return { kind: "host", name };
}

/** The entries of a rule's where. Throws Stop. */
export function parseWhere(word: Word): Where[] {
  return splitCommas(word).map(parseEntry);
}

function printEntry(entry: Where): string {
  switch (entry.kind) {
    case "address":
      return entry.address;
    case "cidr":
      return `${entry.address}/${entry.prefix}`;
    case "range":
      return `${entry.first}-${entry.last}`;
    case "host":
      return entry.name;
    case "domain":
      return `.${entry.name}`;
    case "subdomains":
      return `*.${entry.name}`;
    case "list":
      return `list:${value(entry.name, "name")}`;
    case "asn":
      return `asn:${entry.number}`;
    case "country":
      return `country:${entry.code}`;
    default:
      return entry.kind;
  }
}

/** The entries as text, with commas and no spaces. */
export function printWhere(where: readonly Where[]): string {
  return where.map(printEntry).join(",");
}
