// SPDX-License-Identifier: Apache-2.0
import { type Family, ruleFor, tcpArgs, tcpArrives, tcpPorts, udpArgs, udpArrives, udpPorts } from "./address.ts";
import type { Row } from "./row.ts";

function tcpRow(kind: string, family: Family, flags: readonly string[]): Row {
  return {
    name: `tcp ${kind} ${family}`,
    group: "tcp",
    argv: (world) => [world.probe, "tcp", ...tcpArgs(world, family), ...flags],
    rule: ruleFor(family, tcpPorts),
    arrives: tcpArrives,
    refused: "ECONNREFUSED",
  };
}

function udpRow(kind: string, family: Family, flags: readonly string[], datagrams = 1): Row {
  return {
    name: `udp ${kind} ${family}`,
    group: "udp",
    argv: (world) => [world.probe, "udp", ...udpArgs(world, family), ...flags],
    rule: ruleFor(family, udpPorts),
    arrives: udpArrives(datagrams),
    refused: "EPERM",
    stays: true,
  };
}

const families: readonly Family[] = ["v4", "v6", "v4-mapped"];

export const tcpRows: readonly Row[] = families.flatMap((family) => [
  tcpRow("blocking", family, []),
  // Its own limit stands for the patience of an application whose connect is held.
  tcpRow("non-blocking", family, ["--nonblocking", "--timeout", "60000"]),
  tcpRow("fast open", family, ["--fastopen"]),
  tcpRow("mptcp", family, ["--mptcp"]),
  tcpRow("io_uring", family, ["--uring"]),
]);

export const udpRows: readonly Row[] = families.flatMap((family) => [
  udpRow("sendto", family, []),
  udpRow("connected", family, ["--connected"]),
  udpRow("sendmmsg", family, ["--sendmmsg", "--count", "5"], 5),
  udpRow("io_uring", family, ["--uring"]),
  udpRow("segmentation offload", family, ["--gso", "--count", "5", "--size", "200"], 5),
]);
