// SPDX-License-Identifier: Apache-2.0
/** For tests: two network namespaces joined by two cables, and plain sockets in them. Needs root and `ip`. */
import { execFileSync } from "node:child_process";
import type { TestContext } from "node:test";
import { bind, close, receive, SO_RCVTIMEO, SOCK_DGRAM, SOL_SOCKET, setOption, socket, socketAddress } from "./libc.ts";
import { inNamespace, type Namespace, openNamespace } from "./netns.ts";

export type TwoNamespaces = {
  readonly here: Namespace;
  readonly there: Namespace;
  readonly hereName: string;
  readonly thereName: string;
  /** Runs `ip -n <here>`. */
  ip(...words: string[]): string;
  /** Runs `ip -n <there>`. */
  ipThere(...words: string[]): string;
  /** Index of a device of `here`: "cable0" or "cable1" (the other ends have the same names). */
  ifindex(device: string): number;
  /** A descriptor closed at the end of the test. */
  keep(fd: number): number;
};

/** Addresses: here .1 and ::1, there .2 and ::2, of 10.77.0.0/24 and fd77::/64 on cable0, 10.78.0.0/24 and fd78::/64 on cable1. */
export function twoNamespaces(t: TestContext, name: string): TwoNamespaces {
  const [hereName, thereName] = [`hf-net-${process.pid}-${name}-a`, `hf-net-${process.pid}-${name}-b`];
  const run = (...words: string[]): string => execFileSync("ip", words, { encoding: "utf8" });
  const cleanUp: (() => void)[] = [];
  t.after(() => {
    for (const undo of cleanUp.reverse()) undo();
  });
  for (const namespace of [hereName, thereName]) {
    run("netns", "add", namespace);
    cleanUp.push(() => run("netns", "del", namespace));
    run("-n", namespace, "link", "set", "lo", "up");
  }
  for (const [cable, net] of [
    ["cable0", "77"],
    ["cable1", "78"],
  ] as const) {
    run("-n", hereName, "link", "add", cable, "type", "veth", "peer", "name", cable, "netns", thereName);
    for (const [namespace, host] of [
      [hereName, "1"],
      [thereName, "2"],
    ] as const) {
      run("-n", namespace, "addr", "add", `10.${net}.0.${host}/24`, "brd", "+", "dev", cable);
      run("-n", namespace, "addr", "add", `fd${net}::${host}/64`, "dev", cable, "nodad");
      run("-n", namespace, "link", "set", cable, "up", "addrgenmode", "none");
      run("-n", namespace, "addr", "add", `fe80::${host}/64`, "dev", cable, "nodad");
    }
  }
  const open = (namespace: string): Namespace => {
    const handle = openNamespace(`/run/netns/${namespace}`);
    cleanUp.push(() => handle.close());
    return handle;
  };
  return {
    here: open(hereName),
    there: open(thereName),
    hereName,
    thereName,
    ip: (...words) => run("-n", hereName, ...words),
    ipThere: (...words) => run("-n", thereName, ...words),
    ifindex: (device) => JSON.parse(run("-n", hereName, "-j", "link", "show", "dev", device))[0].ifindex,
    keep(fd) {
      cleanUp.push(() => close(fd));
      return fd;
    },
  };
}

/** `timeval` of `seconds`, for SO_RCVTIMEO. */
function seconds(count: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(count), 0n).buffer);
}

/** A UDP socket bound in a namespace; reads wait 5 s at most. */
export function udpServer(world: TwoNamespaces, namespace: Namespace, address: Uint8Array, port: number): number {
  const fd = world.keep(inNamespace(namespace.fd, () => socket(address.length === 4 ? 2 : 10, SOCK_DGRAM, 0)));
  setOption(fd, SOL_SOCKET, SO_RCVTIMEO, seconds(5));
  bind(fd, socketAddress(address, port));
  return fd;
}

const AF_PACKET = 17;
const ETH_P_ALL = 3;

/** Sees every packet of one device from its IP header on, both ways; reads wait 5 s at most. */
export function tap(world: TwoNamespaces, namespace: Namespace, device: string): number {
  const fd = world.keep(inNamespace(namespace.fd, () => socket(AF_PACKET, SOCK_DGRAM, 0)));
  setOption(fd, SOL_SOCKET, SO_RCVTIMEO, seconds(5));
  const name = namespace === world.here ? world.hereName : world.thereName;
  const ifindex = JSON.parse(execFileSync("ip", ["-n", name, "-j", "link", "show", "dev", device], { encoding: "utf8" }))[0].ifindex;
  const address = new Uint8Array(20);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ALL);
  view.setInt32(4, ifindex, true);
  bind(fd, address);
  return fd;
}

/** The next packet or datagram that `accept` wants; null when none comes in time. */
export function next(fd: number, accept: (bytes: Uint8Array) => boolean = () => true): Uint8Array | null {
  const buffer = new Uint8Array(70000);
  for (;;) {
    const length = receive(fd, buffer, 0);
    if (length === null) return null;
    const bytes = buffer.slice(0, length);
    if (accept(bytes)) return bytes;
  }
}

/** Whether tests that need namespaces can run. */
export const isRoot = process.getuid?.() === 0;
