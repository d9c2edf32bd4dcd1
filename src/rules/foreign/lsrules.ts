// SPDX-License-Identifier: Apache-2.0
/** Little Snitch's .lsrules (versions 4.2 to 7; developer.obdev.at/littlesnitch6/adv-lsrules-file-format) -> drafts. */
import { type PortSpec, Priority, type Rule, type Where, type Who } from "../../contract/rule.ts";
import { WITH_PORTS } from "../protocols.ts";
import {
  type Draft,
  draft,
  type Entry,
  type Fields,
  flagOf,
  isFields,
  LeaveOut,
  leftOut,
  PLAIN,
  quoted,
  textOf,
  textsOf,
} from "./draft.ts";
import { addressPlace, namePlace, portRange, protocolOf } from "./places.ts";
import { type Machine, programAt } from "./programs.ts";

const TOP = ["name", "description", "rules", "denied-remote-notes"];
/** Each list of denied places, and how one of its entries is read. */
const DENIED: Readonly<Record<string, (text: string, entry: Entry) => Where>> = {
  "denied-remote-domains": (text, entry) => namePlace("domain", text, entry),
  "denied-remote-hosts": (text, entry) => namePlace("host", text, entry),
  "denied-remote-addresses": addressPlace,
};
const REMOTES = ["remote", "remote-addresses", "remote-hosts", "remote-domains"];
const KEYS = ["process", "via", ...REMOTES, "direction", "action", "priority", "ports", "protocol", "disabled", "notes"];
const SAME_REMOTES = ["any", "local-net", "multicast", "broadcast", "dns-servers"] as const;
/** RFC 6762, 3. */
const BONJOUR: readonly Where[] = ["224.0.0.251", "ff02::fb"].map((address) => ({ kind: "address", address }));

/** Whether a JSON value is such a file. */
export function isLsrules(value: unknown): value is Fields {
  return isFields(value) && (Array.isArray(value.rules) || Object.keys(DENIED).some((key) => Array.isArray(value[key])));
}

function programOf(fields: Fields, key: string, machine: Machine, entry: Entry): ReturnType<typeof programAt> {
  const path = textOf(fields, key) ?? "";
  if (!path.startsWith("/"))
    throw new LeaveOut(`Cannot use ${key} ${quoted(path)}: expected an absolute path${key === "via" ? "" : " or any"}`);
  return programAt(path, machine, entry);
}

function whoOf(fields: Fields, machine: Machine, entry: Entry): { readonly who: Who; readonly found: boolean } {
  const process = textOf(fields, "process");
  if (process === null) {
    if (fields.action === "allow") throw new LeaveOut('There is no "process": expected a path, or any; a rule that allows is not widened');
    entry.changed('There is no "process": it became any');
  }
  if ((process ?? "any").toLowerCase() === "any") {
    if (fields.via !== undefined) throw new LeaveOut('Cannot use "via" with any process: expected a program on both sides');
    return { who: PLAIN.who, found: true };
  }
  const app = programOf(fields, "process", machine, entry);
  if (fields.via === undefined) return { who: { user: null, program: app.program, via: null }, found: app.found };
  const helper = programOf(fields, "via", machine, entry);
  return { who: { user: null, program: app.program, via: helper.program }, found: app.found && helper.found };
}

function remoteOf(fields: Fields, entry: Entry): Where[] {
  const remote = (textOf(fields, "remote") ?? "").toLowerCase();
  const same = SAME_REMOTES.find((kind) => kind === remote);
  if (same !== undefined) return [{ kind: same }];
  if (remote === "bpf") throw new LeaveOut('Cannot use remote "bpf": Linux has no Berkeley packet filter devices');
  if (remote !== "bonjour") throw new LeaveOut(`Cannot use remote ${quoted(remote)}: expected ${SAME_REMOTES.join(", ")} or bonjour`);
  entry.changed('remote "bonjour" became the addresses of multicast DNS, 224.0.0.251 and ff02::fb');
  return [...BONJOUR];
}

function whereOf(fields: Fields, entry: Entry): Where[] {
  const said = REMOTES.filter((key) => fields[key] !== undefined);
  if (said.length > 1) throw new LeaveOut(`There is more than one place: expected only one of ${said.join(", ")}`);
  const key = said[0];
  if (key === undefined) {
    entry.changed("There is no remote: it became any");
    return [{ kind: "any" }];
  }
  if (key === "remote") return remoteOf(fields, entry);
  const texts = textsOf(fields, key);
  if (texts.length === 0) throw new LeaveOut(`"${key}" is empty: expected at least one place`);
  return texts.map((text) => DENIED[`denied-${key}`]?.(text, entry) ?? addressPlace(text, entry));
}

function portsOf(fields: Fields): PortSpec[] {
  const given = fields.ports ?? "any";
  const texts = typeof given === "number" ? [String(given)] : textsOf(fields, "ports");
  const ranges = texts.length === 0 || texts.some((text) => text.toLowerCase() === "any") ? [] : texts.map(portRange);
  const named = fields.protocol;
  const protocol = protocolOf(typeof named === "number" ? String(named) : (textOf(fields, "protocol") ?? "any"));
  if (ranges.length === 0) return protocol === null ? [] : [{ protocol, ports: null }];
  if (protocol !== null && !WITH_PORTS.includes(protocol))
    throw new LeaveOut(`Cannot use ports with protocol ${quoted(named)}: it has none`);
  return ranges.map((ports) => ({ protocol, ports }));
}

function priorityOf(fields: Fields, entry: Entry): Rule["priority"] {
  const text = (textOf(fields, "priority") ?? "regular").toLowerCase();
  const priority = Priority.options.find((option) => option === (text === "default" ? "regular" : text));
  if (priority === undefined) entry.changed(`priority ${quoted(text)} became regular`);
  return priority ?? "regular";
}

function actionOf(fields: Fields, entry: Entry): Rule["action"] {
  const action = (textOf(fields, "action") ?? "").toLowerCase();
  if (action === "allow" || action === "deny" || action === "ask") return action;
  if (action !== "") throw new LeaveOut(`${quoted(action)} is not an action: expected allow, deny or ask`);
  entry.changed('There is no "action": it became ask');
  return "ask";
}

function directionOf(fields: Fields): Rule["direction"] {
  const direction = (textOf(fields, "direction") ?? "outgoing").toLowerCase();
  if (direction === "outgoing") return "out";
  if (direction === "incoming") return "in";
  throw new LeaveOut(`${quoted(direction)} is not a direction: expected outgoing or incoming`);
}

function ruleOf(fields: Fields, machine: Machine, entry: Entry): Rule {
  for (const key of Object.keys(fields)) if (!KEYS.includes(key)) entry.changed(`"${key}" has no meaning here and is not kept`);
  const { who, found } = whoOf(fields, machine, entry);
  const note = textOf(fields, "notes");
  return {
    ...PLAIN,
    action: actionOf(fields, entry),
    who,
    direction: directionOf(fields),
    where: whereOf(fields, entry),
    ports: portsOf(fields),
    priority: priorityOf(fields, entry),
    disabled: flagOf(fields, "disabled") || !found,
    note: note === "" ? null : note,
  };
}

/** Every entry of the file, in its order. */
export function readLsrules(file: Fields, machine: Machine): Draft[] {
  const drafts: Draft[] = [];
  const rules: readonly unknown[] = Array.isArray(file.rules) ? file.rules : [];
  for (const [i, each] of rules.entries()) {
    drafts.push(
      draft(`rules[${i}]`, (entry) => {
        if (!isFields(each)) throw new LeaveOut(`${quoted(each)} is not a rule: expected an object`);
        return [ruleOf(each, machine, entry)];
      }),
    );
  }
  const note = typeof file["denied-remote-notes"] === "string" && file["denied-remote-notes"] !== "" ? file["denied-remote-notes"] : null;
  for (const [key, placeOf] of Object.entries(DENIED)) {
    const denied: readonly unknown[] = Array.isArray(file[key]) ? file[key] : [];
    for (const [i, each] of denied.entries()) {
      drafts.push(
        draft(`${key}[${i}]`, (entry) => {
          if (typeof each !== "string") throw new LeaveOut(`${quoted(each)} is not a text`);
          return [{ ...PLAIN, where: [placeOf(each.trim(), entry)], note }];
        }),
      );
    }
  }
  for (const key of Object.keys(file))
    if (!TOP.includes(key) && !(key in DENIED)) drafts.push(leftOut(key, `"${key}" is no key of .lsrules that has a meaning here`));
  return drafts;
}
