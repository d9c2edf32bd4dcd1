// SPDX-License-Identifier: Apache-2.0
/** What comes in: a peer's first packet to a program in the scope that listens. */
import type { Packet, World } from "../world.ts";
import { ownAddress } from "./address.ts";

export type Incoming = {
  readonly name: string;
  readonly protocol: "tcp" | "udp";
  readonly family: "v4" | "v6";
  /** Its own port each, so that all are tried side by side. */
  readonly port: number;
};

export const incomingRows: readonly Incoming[] = [
  { name: "incoming tcp v4", protocol: "tcp", family: "v4", port: 7401 },
  { name: "incoming tcp v6", protocol: "tcp", family: "v6", port: 7402 },
  { name: "incoming udp v4", protocol: "udp", family: "v4", port: 7403 },
  { name: "incoming udp v6", protocol: "udp", family: "v6", port: 7404 },
];

const place = (world: World, { family, port }: Incoming): string[] => ["--to", ownAddress(world, family), "--port", String(port)];

/** The program in the scope: it answers whatever reaches it, and says so. */
export function listener(world: World, row: Incoming, program: string): readonly string[] {
  const kind = row.protocol === "tcp" ? ["tcp-listen"] : ["udp-listen", "--reply"];
  return [program, ...kind, ...place(world, row), "--count", "1000000"];
}

/** The peer: one connect(), which its kernel repeats, or a datagram every 5 ms. */
export function knock(world: World, row: Incoming): readonly string[] {
  const kind = row.protocol === "tcp" ? ["tcp", "--timeout", "20000"] : ["prober", "--interval-us", "5000"];
  return [world.tools.probe, ...kind, ...place(world, row)];
}

/** What the peer is sent because of a row: its program's packets, the kernel's in that program's name, and ICMP that says no. */
export function answers({ family, protocol, port }: Incoming, packets: readonly Packet[]): readonly Packet[] {
  const number = protocol === "tcp" ? 6 : 17;
  return packets.filter((packet) => {
    if (packet.ip !== (family === "v4" ? 4 : 6)) return false;
    return packet.protocol === number ? packet.sourcePort === port : packet.protocol === 1 || packet.protocol === 58;
  });
}
