// SPDX-License-Identifier: Apache-2.0
/** What the words of the rule language stand for on this machine, now. */
import { realpathSync } from "node:fs";
import { decodeBytes, encodeBytes } from "../contract/bytes.ts";
import type { Environment } from "../contract/environment.ts";
import type { Rule } from "../contract/rule.ts";
import { readAddresses } from "../kernel/addresses.ts";
import { readDnsServers, readUsers } from "../kernel/system-files.ts";

/** A rule's path with its symbolic links resolved; the path itself while there is nothing. */
function realPath(path: string): string {
  try {
    return decodeBytes(realpathSync(Buffer.from(encodeBytes(path)), { encoding: "buffer" }));
  } catch {
    return path;
  }
}

/** Reads the environment; `rules` name the paths whose symbolic links matter. */
export function readEnvironment(rules: readonly Rule[]): Environment {
  const addresses = readAddresses(null);
  const realPaths = new Map<string, string>();
  for (const { who } of rules) {
    for (const program of [who.program, who.via]) {
      if (program?.kind === "path" || program?.kind === "script") realPaths.set(program.value, realPath(program.value));
    }
  }
  return {
    attached: addresses.map(({ network, prefix }) => ({ address: network, prefix })),
    broadcasts: [...new Set(addresses.flatMap(({ broadcasts }) => broadcasts))],
    dnsServers: readDnsServers(),
    users: readUsers(),
    realPaths,
    lists: new Map(),
    locate: () => ({ asn: null, country: null }),
  };
}

/** Whether two environments mean the same to every rule. */
export function sameEnvironment(a: Environment, b: Environment): boolean {
  const text = (environment: Environment): string =>
    JSON.stringify([
      environment.attached,
      environment.broadcasts,
      environment.dnsServers,
      [...environment.users],
      [...environment.realPaths],
    ]);
  return text(a) === text(b);
}
