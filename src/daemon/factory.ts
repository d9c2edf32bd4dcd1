// SPDX-License-Identifier: Apache-2.0
/** The factory's rules (rules.md): what keeps a machine on the network, and you from locking yourself out. Protected, visible, priority highest. */
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import type { Rule } from "../contract/rule.ts";
import { parseRule } from "../rules/parse.ts";
import { quoted } from "../rules/quote.ts";

/** The system's own services that get an address or the time; by path, since "anyone on these ports" would be a hole. */
const DHCP = [
  "/usr/sbin/dhclient",
  "/usr/sbin/dhcpcd",
  "/usr/sbin/NetworkManager",
  "/usr/lib/systemd/systemd-networkd",
  "/usr/sbin/udhcpc",
];
const TIME = ["/usr/lib/systemd/systemd-timesyncd", "/usr/sbin/chronyd", "/usr/sbin/ntpd", "/usr/sbin/ntpsec"];

/** The sshd this session came in through, and the port it came to; null when it did not come by SSH. */
function sshd(): { readonly path: string; readonly port: number } | null {
  const port = Number(process.env.SSH_CONNECTION?.split(" ")[3] ?? 0);
  for (let pid = process.ppid, steps = 0; pid > 1 && steps < 64; steps++) {
    try {
      const path = readlinkSync(`/proc/${pid}/exe`);
      /* OpenSSH from 9.8 on serves a session with sshd-session; the listener beside it is sshd. */
      if (/\/sshd(-session)?$/.test(path)) return { path: path.replace(/-session$/, ""), port: port || 22 };
      pid = Number(/\nPPid:\t(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0);
    } catch {
      return null;
    }
  }
  return null;
}

function texts(): string[] {
  const there = (paths: readonly string[]): string[] => paths.filter((path) => existsSync(path));
  const ssh = sshd();
  return [
    'allow any <-> loopback priority highest note "The machine talking to itself"',
    'allow kernel <-> any icmp priority highest note "Neighbour discovery and path MTU"',
    ...there(DHCP).map(
      (path) => `allow ${quoted(path, false)} <-> any udp/67,68,546,547 priority highest note "Getting an address (DHCP)"`,
    ),
    ...there(TIME).map((path) => `allow ${quoted(path, false)} -> any udp/123,tcp/4460 priority highest note "Getting the time"`),
    ...(ssh ? [`allow ${quoted(ssh.path, false)} <- any tcp/${ssh.port} priority highest note "The SSH server you came in through"`] : []),
    'allow any -> dns-servers udp/53,tcp/53 note "The configured name servers"',
  ];
}

/** The factory's rules as they are on this machine now. */
export function factoryRules(): Rule[] {
  return texts().map((text) => {
    const parsed = parseRule(text);
    if (!parsed.ok) throw new Error(`Cannot read the factory rule "${text}": ${parsed.problems[0]?.message}`);
    return parsed.rule;
  });
}
