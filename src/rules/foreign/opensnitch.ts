// SPDX-License-Identifier: Apache-2.0
/** OpenSnitch's rules (1.0 to 1.8: one JSON object each; daemon/rule/rule.go, operator.go) -> drafts. */
import type { PortSpec, Program, Rule, Where, Who } from "../../contract/rule.ts";
import { parseAddress } from "../address.ts";
import { parseDuration } from "../options.ts";
import { hasPorts } from "../protocols.ts";
import { type Parts, type Protocol, readCondition } from "./conditions.ts";
import { type Draft, draft, type Entry, type Fields, flagOf, isFields, LeaveOut, PLAIN, quoted, textOf } from "./draft.ts";

const KEYS = ["created", "updated", "name", "description", "enabled", "precedence", "nolog", "action", "duration", "operator"];
/** Rules that one rule with alternatives of who may become. */
const MOST_RULES = 64;

/** What is true of every such file, said once. */
export const REMARKS = [
  "OpenSnitch goes through its rules by name, and deny wins; here the most specific rule wins: look at the order with rules ls",
  "OpenSnitch compares paths whatever their case unless told otherwise; here case counts",
] as const;

/** Whether a JSON value is such a rule, or a list of them. */
export function isOpensnitch(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isOpensnitch);
  return isFields(value) && isFields(value.operator) && value.action !== undefined;
}

/** The conditions of an operator; those of a list all have to hold. Older versions keep the list as text in `data`. */
function conditionsOf(operator: Fields): Fields[] {
  if (operator.type !== "list") return [operator];
  let list: unknown = operator.list;
  if (!Array.isArray(list) || list.length === 0) {
    try {
      list = JSON.parse(textOf(operator, "data") ?? "");
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  if (!Array.isArray(list) || list.length === 0 || !list.every(isFields))
    throw new LeaveOut("The list of conditions is empty or not readable");
  return list.flatMap(conditionsOf);
}

function partsOf(operator: Fields, entry: Entry): Parts {
  const parts: Parts = { programs: null, parents: null, users: null, places: null, ports: null, protocols: null };
  for (const condition of conditionsOf(operator)) {
    const found = readCondition(condition, entry);
    for (const key of Object.keys(found) as (keyof Parts)[]) {
      if (parts[key] !== null) throw new LeaveOut(`There are two conditions about ${key}, and both would have to hold: expected one`);
    }
    Object.assign(parts, found);
  }
  return parts;
}

function whosOf({ programs, parents, users }: Parts, entry: Entry): Who[] {
  if (parents !== null && programs === null)
    throw new LeaveOut("Cannot use a parent alone: expected process.path beside process.parent.path");
  if (parents !== null) entry.changed("process.parent.path became the program that the other acts for (A via B)");
  const any: readonly Program[] = [PLAIN.who.program];
  const who = (user: string | null): Who[] =>
    (programs ?? any).flatMap((program): Who[] =>
      parents === null ? [{ user, program, via: null }] : parents.map((parent) => ({ user, program: parent, via: program })),
    );
  const whos = (users ?? [null]).flatMap(who);
  if (whos.length > MOST_RULES)
    throw new LeaveOut(`It stands for ${whos.length} combinations of user and program: expected at most ${MOST_RULES}`);
  if (whos.length > 1) entry.changed(`It became ${whos.length} rules, one for each program and user`);
  return whos;
}

function portsOf({ ports, protocols }: Parts): PortSpec[] {
  if (protocols === null) return (ports ?? []).map((range) => ({ protocol: null, ports: range }));
  return protocols.flatMap(({ number }): PortSpec[] => {
    if (ports === null) return [{ protocol: number, ports: null }];
    if (!hasPorts(number)) throw new LeaveOut(`Cannot use ports with protocol ${number}: it has none`);
    return ports.map((range) => ({ protocol: number, ports: range }));
  });
}

/** "tcp6" is TCP to IPv6 addresses: a rule for it must not become one for IPv4. */
function whereOf({ places }: Parts, protocols: readonly Protocol[]): Where[] {
  const only6 = protocols.some(({ family }) => family === 6);
  if (!only6) return [...(places ?? PLAIN.where)];
  if (protocols.every(({ family }) => family === 6)) {
    if (places === null) return [{ kind: "cidr", address: "::", prefix: 0 }];
    const all6 = places.every((place) => (place.kind === "address" || place.kind === "cidr") && parseAddress(place.address)?.family === 6);
    if (all6) return [...places];
  } else if (
    protocols.every(({ number, family }) => family === 6 || protocols.some((other) => other.number === number && other.family === null))
  ) {
    return [...(places ?? PLAIN.where)];
  }
  throw new LeaveOut("A protocol for IPv6 alone, such as tcp6, would hold for IPv4 as well: expected IPv6 addresses or none");
}

function lifetimeOf(fields: Fields, entry: Entry): Rule["lifetime"] {
  const duration = textOf(fields, "duration") ?? "always";
  if (duration === "always") return { kind: "ever" };
  if (duration === "once") throw new LeaveOut('Its duration is "once": it is over');
  if (duration === "until restart") {
    entry.changed('duration "until restart" meant until OpenSnitch restarts: it became until the machine does');
    return { kind: "restart" };
  }
  const seconds = parseDuration(duration);
  if (seconds === null) throw new LeaveOut(`Cannot read duration ${quoted(duration)}: expected always, until restart or a time like 15m`);
  return { kind: "for", seconds };
}

function actionOf(fields: Fields): Rule["action"] {
  const action = (textOf(fields, "action") ?? "").toLowerCase();
  if (action === "allow" || action === "deny") return action;
  if (action === "reject") return "deny";
  throw new LeaveOut(`${quoted(action)} is not an action: expected allow, deny or reject`);
}

function rulesOf(fields: Fields, entry: Entry): Rule[] {
  for (const key of Object.keys(fields)) if (!KEYS.includes(key)) entry.changed(`"${key}" has no meaning here and is not kept`);
  const operator = fields.operator;
  if (!isFields(operator)) throw new LeaveOut('There is no "operator": expected what the rule is about');
  const parts = partsOf(operator, entry);
  if (flagOf(fields, "precedence")) entry.changed('Its precedence became "priority high"');
  const said = [textOf(fields, "name"), textOf(fields, "description")].filter((text) => text !== null && text !== "");
  const rule: Rule = {
    ...PLAIN,
    action: actionOf(fields),
    where: whereOf(parts, parts.protocols ?? []),
    ports: portsOf({ ...parts, protocols: dedupe(parts.protocols) }),
    lifetime: lifetimeOf(fields, entry),
    priority: flagOf(fields, "precedence") ? "high" : "regular",
    quiet: flagOf(fields, "nolog"),
    disabled: fields.enabled !== undefined && !flagOf(fields, "enabled"),
    note: said.length === 0 ? null : said.join(": "),
  };
  return whosOf(parts, entry).map((who) => ({ ...rule, who }));
}

/** "tcp" and "tcp6" are one protocol here. */
function dedupe(protocols: Parts["protocols"]): Parts["protocols"] {
  if (protocols === null) return null;
  return [...new Map(protocols.map((protocol) => [protocol.number, protocol])).values()];
}

/** Every rule of the file, in its order; `names` says where each stands. One that is alone stands at "rule". */
export function readOpensnitch(file: unknown, names: readonly string[] = []): Draft[] {
  const rules: readonly unknown[] = Array.isArray(file) ? file : [file];
  return rules.map((each, i) =>
    draft(names[i] ?? (Array.isArray(file) ? `[${i}]` : "rule"), (entry) => {
      if (!isFields(each)) throw new LeaveOut(`${quoted(each)} is not a rule: expected an object`);
      return rulesOf(each, entry);
    }),
  );
}
