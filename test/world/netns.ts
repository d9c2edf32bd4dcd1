// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

export type Link = { readonly netns: string; readonly device: string; readonly address4: string; readonly address6: string };

/** Runs a shell script, inside a network namespace when one is named. Throws with its standard error. */
export function shell(enter: string, netns: string | null, script: string): string {
  const done = spawnSync(enter, ["-", netns ?? "-", "--", "sh", "-euc", script], { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`Cannot run in namespace "${netns ?? "own"}": ${script}\n${done.stderr}${done.error ?? ""}`);
  return done.stdout;
}

/** A namespace in which the kernel says as little as possible for itself: no duplicate address detection, no router solicitation. */
export function addNetns(enter: string, name: string): void {
  shell(enter, null, `ip netns add ${name}`);
  shell(
    enter,
    name,
    `cd /proc/sys/net
    for at in all default; do echo 0 > ipv6/conf/$at/accept_dad; echo 0 > ipv6/conf/$at/accept_ra; done
    echo 0 > ipv6/conf/default/router_solicitations
    echo '0 2147483647' > ipv4/ping_group_range
    echo 1543 > ipv4/tcp_fastopen # 0x607: client and server, data in the SYN without a cookie
    ip link set lo up`,
  );
}

/** Joins two namespaces by a veth pair with one IPv4 /24 and one IPv6 /64, and waits until every address can be used. */
export function joinNetns(enter: string, near: Link, far: Link): void {
  shell(enter, near.netns, `ip link add ${near.device} type veth peer name ${far.device} netns ${far.netns}`);
  for (const side of [near, far]) {
    shell(
      enter,
      side.netns,
      `ip address add ${side.address4}/24 brd + dev ${side.device}
      ip link set ${side.device} up
      ip address add ${side.address6}/64 dev ${side.device} nodad`,
    );
  }
  for (const side of [near, far]) {
    // Carrier and link-local address come with the other side going up.
    shell(
      enter,
      side.netns,
      `until ip -6 address show dev ${side.device} scope link | grep -q inet6; do sleep 0.01; done
      until [ -z "$(ip -6 address show tentative)" ]; do sleep 0.01; done`,
    );
  }
}

/** Removes a namespace by its name; nothing when there is none. */
export function removeNetns(name: string): void {
  if (existsSync(`/run/netns/${name}`)) spawnSync("ip", ["netns", "delete", name]);
}
