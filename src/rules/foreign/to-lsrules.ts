// SPDX-License-Identifier: Apache-2.0
/** Our rules -> Little Snitch's .lsrules. What it has no form for is left out: no rule comes out wider than it was. */
import type { PortSpec, Program, Rule, Where } from "../../contract/rule.ts";
import { printRule } from "../print.ts";
import { ICMP, ICMPV6, protocolName } from "../protocols.ts";
import { draft, type Entry, LeaveOut } from "./draft.ts";

/** One rule of the file, with the keys Little Snitch knows. */
export type LsRule = Readonly<Record<string, string | boolean | readonly string[]>>;
export type LsExport = { readonly text: string; readonly rules: number; readonly lines: readonly LsLine[] };
/** What became of a rule of ours, by its text. */
export type LsLine = { readonly rule: string; readonly outcome: "carried" | "changed" | "left-out"; readonly sentences: readonly string[] };

/** As rules/kinds.ts has it. */
const LOOPBACK = ["127.0.0.0/8", "::1"];

function programText(program: Program): string {
  if (program.kind === "any") return "any";
  if (program.kind === "path") return program.value;
  throw new LeaveOut(`Little Snitch has no programs of the kind ${program.kind}: expected any or a path`);
}

function addressText(entry: Where): string | null {
  if (entry.kind === "address") return entry.address;
  if (entry.kind === "cidr") return `${entry.address}/${entry.prefix}`;
  if (entry.kind === "range") return `${entry.first}-${entry.last}`;
  return null;
}

/** The keys for the places of one rule; several kinds of place need several rules. */
function remotes(where: readonly Where[], entry: Entry): LsRule[] {
  const found: LsRule[] = [];
  const addresses: string[] = [];
  const hosts: string[] = [];
  const domains: string[] = [];
  for (const place of where) {
    const address = addressText(place);
    if (address !== null) addresses.push(address);
    else if (place.kind === "host") hosts.push(place.name);
    else if (place.kind === "domain") domains.push(place.name);
    else if (place.kind === "loopback") {
      addresses.push(...LOOPBACK);
      entry.changed("loopback became its addresses, 127.0.0.0/8 and ::1");
    } else if (["any", "local-net", "multicast", "broadcast", "dns-servers"].includes(place.kind)) found.push({ remote: place.kind });
    else throw new LeaveOut(`Little Snitch has no place of the kind ${place.kind}`);
  }
  if (addresses.length > 0) found.push({ "remote-addresses": addresses.join(", ") });
  if (hosts.length > 0) found.push({ "remote-hosts": hosts });
  if (domains.length > 0) found.push({ "remote-domains": domains });
  return found;
}

function protocols(protocol: PortSpec["protocol"]): LsRule[] {
  if (protocol === null) return [{}];
  if (protocol === "icmp") return [ICMP, ICMPV6].map((number) => ({ protocol: String(number) }));
  return [{ protocol: protocolName(protocol) ?? String(protocol) }];
}

function portKeys(specs: readonly PortSpec[]): LsRule[] {
  if (specs.length === 0) return [{}];
  return specs.flatMap(({ protocol, ports }) => {
    const range: LsRule =
      ports === null ? {} : { ports: ports.first === ports.last ? String(ports.first) : `${ports.first}-${ports.last}` };
    return protocols(protocol).map((named) => ({ ...named, ...range }));
  });
}

function sameKeys(rule: Rule, entry: Entry): LsRule {
  const { program, via, user } = rule.who;
  if (user !== null) throw new LeaveOut("Little Snitch has no users by name in its files");
  if (rule.lifetime.kind !== "ever") throw new LeaveOut("Its lifetime ends, and a file has no lifetimes");
  if (rule.priority === "highest" || rule.priority === "low")
    entry.changed(`priority ${rule.priority} became ${rule.priority === "low" ? "regular" : "high"}`);
  if (rule.notify) entry.changed("notify has no key there");
  if (rule.quiet) entry.changed("quiet has no key there");
  return {
    action: rule.action,
    process: programText(program),
    ...(via === null ? {} : { via: programText(via) }),
    ...(rule.priority === "high" || rule.priority === "highest" ? { priority: "high" } : {}),
    ...(rule.disabled ? { disabled: true } : {}),
    ...(rule.note === null ? {} : { notes: rule.note }),
  };
}

function lsRules(rule: Rule, entry: Entry): LsRule[] {
  const directions = rule.direction === "both" ? ["outgoing", "incoming"] : [rule.direction === "out" ? "outgoing" : "incoming"];
  const same = sameKeys(rule, entry);
  const places = remotes(rule.where, entry);
  const rules = directions.flatMap((direction) =>
    places.flatMap((place) => portKeys(rule.ports).map((ports) => ({ ...same, direction, ...place, ...ports }))),
  );
  if (rules.length > 1) entry.changed(`It became ${rules.length} rules: there one has one direction, kind of place and port range`);
  return rules;
}

/** The rules as a file named `name`, and what became of each. */
export function toLsrules(rules: readonly Rule[], name: string): LsExport {
  const drafts = rules.map((rule) => draft(printRule(rule), (entry) => lsRules(rule, entry)));
  const made = drafts.flatMap((each) => each.rules);
  const lines = drafts.map(({ at, leftOut, changes }): LsLine => {
    if (leftOut !== null) return { rule: at, outcome: "left-out", sentences: [leftOut] };
    return { rule: at, outcome: changes.length === 0 ? "carried" : "changed", sentences: changes };
  });
  const file = { name, description: "Rules of Holdfast", rules: made };
  return { text: `${JSON.stringify(file, null, 2)}\n`, rules: made.length, lines };
}
