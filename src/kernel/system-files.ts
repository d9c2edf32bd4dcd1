// SPDX-License-Identifier: Apache-2.0
/** What the words `dns-servers` and `user` stand for, read from the files the system itself goes by. */
import { readFileSync } from "node:fs";
import { isIP, SocketAddress } from "node:net";
import { parseAddress, printAddress } from "../contract/address.ts";
import { hostName } from "../contract/name.ts";

/** The servers in a resolv.conf(5): canonical addresses, a zone (`%eth0`) left off. Lines that make no sense are ignored, as libc does. */
export function parseResolvConf(text: string): string[] {
  const servers = new Set<string>();
  for (const line of text.split("\n")) {
    const [keyword, value] = line.split(/[ \t]+/);
    if (keyword !== "nameserver" || value === undefined) continue;
    const address = value.split("%")[0] ?? "";
    const version = isIP(address);
    if (version === 0) continue;
    const canonical = new SocketAddress({ address, family: version === 4 ? "ipv4" : "ipv6" }).address;
    servers.add(canonical.replace(/^::ffff:(?=[\d.]+$)/i, ""));
  }
  return [...servers];
}

/** The names in a passwd(5) and their user ids; of two lines with one name the first, as libc does. */
export function parsePasswd(text: string): Map<string, number> {
  const users = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name, , uid] = line.split(":");
    if (name === undefined || name === "" || uid === undefined || !/^\d{1,10}$/.test(uid) || Number(uid) >= 2 ** 32 - 1) continue;
    if (!users.has(name)) users.set(name, Number(uid));
  }
  return users;
}

/** systemd-resolved's own listeners: what stands behind them is in its own file. */
const RESOLVED_STUBS: readonly string[] = ["127.0.0.53", "127.0.0.54"];

/** The configured DNS servers, with those behind systemd-resolved's local listener. A missing file means none. `root`: prefix for tests. */
export function readDnsServers(root = ""): string[] {
  const servers = parseResolvConf(readOrEmpty(`${root}/etc/resolv.conf`));
  if (!servers.some((server) => RESOLVED_STUBS.includes(server))) return servers;
  return [...new Set([...servers, ...parseResolvConf(readOrEmpty(`${root}/run/systemd/resolve/resolv.conf`))])];
}

/** User name -> uid, from /etc/passwd. Users of a directory service are not in it. `root`: prefix for tests. */
export function readUsers(root = ""): Map<string, number> {
  return parsePasswd(readOrEmpty(`${root}/etc/passwd`));
}

/** The addresses of a hosts(5) and the names they have there, as `hostName` writes them. Lines that make no sense are ignored. */
export function parseHosts(text: string): Map<string, string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [first = "", ...names] = (line.split("#")[0] ?? "").trim().split(/[ \t]+/);
    const address = parseAddress(first);
    if (address === null) continue;
    const key = printAddress(address);
    const known = names.map(hostName).filter((name) => name !== null);
    hosts.set(key, [...new Set([...(hosts.get(key) ?? []), ...known])]);
  }
  return hosts;
}

/** Address -> its names in /etc/hosts. `root`: prefix for tests. */
export function readHosts(root = ""): Map<string, string[]> {
  return parseHosts(readOrEmpty(`${root}/etc/hosts`));
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw cause;
  }
}
