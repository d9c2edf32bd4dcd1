// SPDX-License-Identifier: Apache-2.0
/** What the words of the rule language stand for on this machine, now. */
import { realpathSync } from "node:fs";
import { decodeBytes, encodeBytes } from "../contract/bytes.ts";
import type { Environment } from "../contract/environment.ts";
import type { Rule } from "../contract/rule.ts";
import { readAddresses } from "../kernel/addresses.ts";
import { readDnsServers, readUsers } from "../kernel/system-files.ts";

/** A rule's path with its symbolic links resolved; the path itself while there is nothing. */
export function realPath(path: string): string {
  try {
    return decodeBytes(realpathSync(Buffer.from(encodeBytes(path)), { encoding: "buffer" }));
  } catch {
    return path;
  }
}

/** Reads the environment; `rules` name the paths whose symbolic links matter, `lists` are those built last. */
export function readEnvironment(rules: Iterable<Rule>, lists: Environment["lists"]): Environment {
  const addresses = readAddresses(null);
  const realPaths = new Map<string, string>();
  for (const { who } of rules) {
    for (const program of [who.program, who.via]) {
      if ((program?.kind === "path" || program?.kind === "script") && !realPaths.has(program.value))
        realPaths.set(program.value, realPath(program.value));
    }
  }
  return {
    attached: addresses.map(({ network, prefix }) => ({ address: network, prefix })),
    broadcasts: [...new Set(addresses.flatMap(({ broadcasts }) => broadcasts))],
    dnsServers: readDnsServers(),
    users: readUsers(),
    realPaths,
    lists,
    locate: () => ({ asn: null, country: null }),
  };
}

/** The environment after an edit that brought the rules `added`: the paths of the others are as they were in `before`. */
export function environmentWith(before: Environment, added: Iterable<Rule>, lists: Environment["lists"]): Environment {
  const now = readEnvironment(added, lists);
  return sameEnvironment(now, before) ? before : { ...now, realPaths: new Map([...before.realPaths, ...now.realPaths]) };
}

/** Whether `before` means the same as `now` to every rule that `now` was read for. */
export function sameEnvironment(now: Environment, before: Environment): boolean {
  const text = ({ attached, broadcasts, dnsServers, users }: Environment): string =>
    JSON.stringify([attached, broadcasts, dnsServers, [...users]]);
  for (const [path, real] of now.realPaths) if (before.realPaths.get(path) !== real) return false;
  return now.lists === before.lists && text(now) === text(before);
}
