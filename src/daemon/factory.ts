// SPDX-License-Identifier: Apache-2.0
/** What of this machine the factory's rules name: its own DHCP and time services, and the sshd you came in through. */
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import type { Program, Rule } from "../contract/rule.ts";
import { type FactoryFacts, factoryRules as rulesFor } from "../rules/factory.ts";

/** By path: "anyone on these ports" would be a hole. */
const DHCP = [
  "/usr/sbin/dhclient",
  "/usr/sbin/dhcpcd",
  "/usr/sbin/NetworkManager",
  "/usr/lib/systemd/systemd-networkd",
  "/usr/sbin/udhcpc",
];
const TIME = ["/usr/lib/systemd/systemd-timesyncd", "/usr/sbin/chronyd", "/usr/sbin/ntpd", "/usr/sbin/ntpsec"];
const SSH_PORT = 22;
const MAX_ANCESTORS = 64;

const there = (paths: readonly string[]): Program[] => paths.filter((path) => existsSync(path)).map((value) => ({ kind: "path", value }));

/** The sshd among the ancestors of this process, and the port this session came to. */
function sshd(): FactoryFacts["sshd"] {
  const port = Number(process.env.SSH_CONNECTION?.split(" ")[3] ?? SSH_PORT);
  for (let pid = process.ppid, steps = 0; pid > 1 && steps < MAX_ANCESTORS; steps++) {
    try {
      const path = readlinkSync(`/proc/${pid}/exe`);
      /* From OpenSSH 9.8 on a session is served by sshd-session; what listens is sshd beside it. */
      if (/\/sshd(-session)?$/.test(path)) return { program: { kind: "path", value: path.replace(/-session$/, "") }, port };
      pid = Number(/\nPPid:\t(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0);
    } catch {
      return null;
    }
  }
  return null;
}

let facts: FactoryFacts | null = null;

/** The factory's rules. What they name is looked up once: a detached daemon has lost sight of its session. */
export function factoryRules(): Rule[] {
  facts ??= { dhcp: there(DHCP), time: there(TIME), sshd: sshd() };
  return rulesFor(facts, () => 0).map(({ rule }) => rule);
}
