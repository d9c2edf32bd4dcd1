// SPDX-License-Identifier: Apache-2.0
import type { Packet, World } from "../world.ts";
import { type Family, ownAddress, ruleFor, tcpPorts, to, udpArgs, udpArrives, udpPorts, wireAddress } from "./address.ts";
import { type Row, tcpPort, udpPort } from "./row.ts";

const families: readonly Family[] = ["v4", "v6"];

type Parts = Pick<Row, "name" | "argv" | "arrives"> & Partial<Row>;

function row(group: Row["group"], family: Family, ports: string, parts: Parts): Row {
  return { group, rule: ruleFor(family, ports), refused: "EPERM", ...parts };
}

function forged(world: World, family: Family, port: number): string[] {
  return ["--from", ownAddress(world, family), "--to", to(world, family), "--port", String(port)];
}

const hasPayload = (packet: Packet): boolean => packet.payload.includes("holdfast");

/** The parts of one datagram, in order, all of them. */
function fragmentsArrive(packets: readonly Packet[]): boolean {
  return packets.length > 1 && packets.slice(0, -1).every((packet) => packet.moreFragments) && packets.at(-1)?.moreFragments === false;
}

export const otherIpRows: readonly Row[] = families.flatMap((family) => {
  const icmpProtocol = family === "v4" ? 1 : 58;
  const echoArrives = (packets: readonly Packet[]): boolean =>
    packets.some((packet) => packet.protocol === icmpProtocol && packet.icmpType === (family === "v4" ? 8 : 128) && hasPayload(packet));
  const synArrives = (packets: readonly Packet[]): boolean =>
    packets.some((packet) => packet.protocol === 6 && packet.port === tcpPort && packet.sourcePort === 40000 && packet.flags === "S");
  const rows: Row[] = [
    row("other ip", family, "icmp", {
      name: `raw icmp echo ${family}`,
      argv: (world) => [world.probe, "icmp", "--to", to(world, family)],
      arrives: echoArrives,
      stays: true,
    }),
    row("other ip", family, "icmp", {
      name: `ping socket ${family}`,
      argv: (world) => [world.probe, "ping", "--to", to(world, family)],
      arrives: echoArrives,
      stays: true,
    }),
    row("other ip", family, tcpPorts, {
      name: `forged SYN ${family}`,
      argv: (world) => [world.probe, "forge-syn", ...forged(world, family, tcpPort)],
      arrives: synArrives,
      stays: true,
      // The peer answers with SYN-ACK, which the app's kernel resets: that RST has no socket and is only there when the SYN was.
      note: "by IP_HDRINCL",
    }),
    row("other ip", family, "ip/253", {
      name: `another protocol ${family}`,
      argv: (world) => [world.probe, "raw-protocol", "--protocol", "253", "--to", to(world, family)],
      arrives: (packets) => packets.some((packet) => packet.protocol === 253 && hasPayload(packet)),
      stays: true,
    }),
    row("other ip", family, udpPorts, {
      name: `fragments of a large datagram ${family}`,
      argv: (world) => [world.probe, "udp", ...udpArgs(world, family), "--size", "4000"],
      arrives: fragmentsArrive,
      stays: true,
    }),
    row("other ip", family, udpPorts, {
      name: `forged fragments ${family}`,
      argv: (world) => [world.probe, "raw-fragments", ...forged(world, family, udpPort)],
      arrives: fragmentsArrive,
      note: "two fragments written by hand; the second has no ports",
    }),
  ];
  if (family === "v4") return rows;
  const withHeaders = (packets: readonly Packet[]): boolean =>
    packets.some(
      (packet) => packet.extensions.includes(0) && packet.extensions.includes(60) && packet.port === udpPort && hasPayload(packet),
    );
  return [
    ...rows,
    row("other ip", family, udpPorts, {
      name: "IPv6 extension headers by socket options",
      argv: (world) => [world.probe, "udp", ...udpArgs(world, family), "--extension"],
      arrives: withHeaders,
      stays: true,
    }),
    row("other ip", family, udpPorts, {
      name: "IPv6 extension headers by raw socket",
      argv: (world) => [world.probe, "raw-extension", ...forged(world, family, udpPort)],
      arrives: withHeaders,
      stays: true,
    }),
  ];
});

function frame(world: World, family: Family): string[] {
  return [...forged(world, family, udpPort), "--device", world.a.device, "--mac", world.peer.mac];
}

const beforeAddresses = "the socket option is refused before any address or port is known";
const neverHeld = "refused at the socket option, never held";
const atTheOption = {
  "by address": beforeAddresses,
  "by port": beforeAddresses,
  held: neverHeld,
  "held then denied": neverHeld,
} as const;

/** A VPN outside of the scope: what is routed into tun0 it sends on from the real device. */
async function carryOn(world: World, family: Family): Promise<() => Promise<void>> {
  const peer = wireAddress(world, family);
  const command = [world.tools.probe, "tun-carry", "--path", "tun0", "--device", world.a.device, "--to", peer];
  const carrier = world.start(command, { cgroup: false, timeoutMs: null });
  await carrier.line((line) => line.includes('"ready"'));
  const [ip, address] = family === "v4" ? ["ip", "10.205.0.1/32"] : ["ip -6", "fd00:205::1/128 nodad"];
  world.shell("a", `ip link set tun0 up; ${ip} address add dev tun0 ${address}; ${ip} route add ${peer} dev tun0`);
  return async () => {
    await carrier.kill(); // the device and its route go with it
  };
}

const forwarded = "a forwarded packet has no socket (kernel-facts.md): not ours to judge, README says so";

export const belowIpRows: readonly Row[] = families.flatMap((family) => [
  row("below ip", family, udpPorts, {
    name: `packet socket raw ${family}`,
    argv: (world) => [world.probe, "packet", ...frame(world, family)],
    arrives: udpArrives(),
  }),
  row("below ip", family, udpPorts, {
    name: `packet socket dgram ${family}`,
    argv: (world) => [world.probe, "packet", "--dgram", ...frame(world, family)],
    arrives: udpArrives(),
  }),
  row("below ip", family, udpPorts, {
    name: `packet socket with QDISC_BYPASS ${family}`,
    argv: (world) => [world.probe, "packet", "--bypass", ...frame(world, family)],
    arrives: udpArrives(),
    notApplicable: atTheOption,
  }),
  row("below ip", family, udpPorts, {
    name: `AF_XDP ${family}`,
    argv: (world) => [world.probe, "xdp", ...frame(world, family)],
    arrives: udpArrives(),
    notApplicable: atTheOption,
  }),
  row("below ip", family, udpPorts, {
    name: `through a tun device ${family}`,
    prepare: (world) => carryOn(world, family),
    argv: (world) => [world.probe, "udp", ...udpArgs(world, family)],
    arrives: udpArrives(),
    stays: true,
    note: "a carrier outside of the scope sends on what is routed into tun0",
  }),
  row("below ip", family, udpPorts, {
    name: `written into a tun device ${family}`,
    prepare: async (world) => {
      world.shell("a", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
      world.shell("a", "for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $file; done");
      return async () => {
        world.shell("a", "echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding");
      };
    },
    argv: (world) => {
      const from = family === "v4" ? "10.205.0.9" : "fd00:205::9";
      return [world.probe, "tun-inject", "--path", "tun1", "--from", from, ...udpArgs(world, family)];
    },
    arrives: udpArrives(),
    refused: null,
    notApplicable: {
      "by app": forwarded,
      "by address": forwarded,
      "by port": forwarded,
      held: forwarded,
      "held then denied": forwarded,
      "not yet identified": forwarded,
      "daemon killed": forwarded,
    },
  }),
]);

const multicastAddress = { v4: "239.1.2.3", v6: "ff15::1:203" } as const;

/** Every row has a group of its own: the kernel repeats its reports for a while, also into the next row. */
function joinRow(name: string, group: string, flags: readonly string[] = []): Row {
  return {
    name,
    group: "groups",
    argv: (world) => [world.probe, "join-group", "--group", group, "--device", world.a.device, "--timeout", "300", ...flags],
    rule: (world) => ({ who: world.probe, where: group, ports: "" }),
    arrives: (packets) => packets.some((packet) => packet.groups.includes(group)),
    filter: { kernel: true },
    refused: "EPERM",
    notApplicable: { "by port": "a membership has no port", held: neverHeld, "held then denied": neverHeld },
    note: "count only reports that name the group: packets.filter((p) => p.groups.includes(rule.where))",
  };
}

export const groupRows: readonly Row[] = [
  ...(["v4", "v6"] as const).map(
    (family): Row => ({
      name: `multicast ${family}`,
      group: "groups",
      argv: (world) => {
        const peer = ["--to", multicastAddress[family], "--port", String(udpPort), "--device", world.a.device];
        return [world.probe, "multicast", ...peer];
      },
      rule: (world) => ({ who: world.probe, where: multicastAddress[family], ports: udpPorts }),
      arrives: udpArrives(),
      refused: "EPERM",
      stays: true,
    }),
  ),
  {
    name: "broadcast",
    group: "groups",
    argv: (world) => [world.probe, "udp", "--to", world.a.address4.replace(/\.1$/, ".255"), "--port", String(udpPort)],
    rule: (world) => ({ who: world.probe, where: world.a.address4.replace(/\.1$/, ".255"), ports: udpPorts }),
    arrives: udpArrives(),
    refused: "EPERM",
    stays: true,
  },
  joinRow("joining a multicast group by ADD_MEMBERSHIP v4", "239.4.5.6"),
  joinRow("joining a multicast group by MCAST_JOIN_GROUP v4", "239.4.5.7", ["--mcast-join"]),
  joinRow("joining a multicast group by ADD_MEMBERSHIP v6", "ff15::4:506"),
  joinRow("joining a multicast group by MCAST_JOIN_GROUP v6", "ff15::4:507", ["--mcast-join"]),
];
