// SPDX-License-Identifier: Apache-2.0
import type { Packet, World } from "../world.ts";
import { type Row, tcpPort, udpPort } from "./row.ts";

export type Family = "v4" | "v6" | "v4-mapped";

/** The peer's address as a socket of that family is given it. */
export function to(world: World, family: Family): string {
  if (family === "v6") return world.peer.address6;
  return family === "v4" ? world.peer.address4 : `::ffff:${world.peer.address4}`;
}

/** The same address as rules and packets have it: a mapped one is IPv4. */
export function wireAddress(world: World, family: Family): string {
  return family === "v6" ? world.peer.address6 : world.peer.address4;
}

export function ownAddress(world: World, family: Family): string {
  return family === "v6" ? world.a.address6 : world.a.address4;
}

/** The rule parts of an operation of the world's probe. */
export function ruleFor(family: Family, ports: string): Row["rule"] {
  return (world) => ({ who: world.probe, where: wireAddress(world, family), ports });
}

export const tcpPorts = `tcp/${tcpPort}`;
export const udpPorts = `udp/${udpPort}`;

/** `--to` and `--port` of the peer. */
export function tcpArgs(world: World, family: Family): string[] {
  return ["--to", to(world, family), "--port", String(tcpPort)];
}

export function udpArgs(world: World, family: Family): string[] {
  return ["--to", to(world, family), "--port", String(udpPort)];
}

/** A SYN and the payload, wherever the payload travelled. */
export function tcpArrives(packets: readonly Packet[]): boolean {
  const ours = packets.filter((packet) => packet.protocol === 6 && packet.port === tcpPort);
  return ours.some((packet) => packet.flags === "S") && ours.some((packet) => packet.payload.includes("holdfast"));
}

/** Exactly `count` datagrams with our payload. */
export function udpArrives(count = 1): Row["arrives"] {
  return (packets) => {
    const ours = packets.filter((packet) => packet.protocol === 17 && packet.port === udpPort && packet.payload.includes("holdfast"));
    return ours.reduce((sum, packet) => sum + packet.segments, 0) === count;
  };
}
