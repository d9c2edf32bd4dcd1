// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "../world.ts";
import { ownAddress, ruleFor, tcpArgs, tcpArrives, tcpPorts, udpArgs, udpArrives, udpPorts } from "./address.ts";
import { type Row, udpPort } from "./row.ts";

type Parts = Pick<Row, "name" | "argv"> & Partial<Row>;

function udpRow(parts: Parts): Row {
  return { group: "who", rule: ruleFor("v4", udpPorts), arrives: udpArrives(), refused: "EPERM", stays: true, ...parts };
}

function tcpRow(parts: Parts): Row {
  return { group: "who", rule: ruleFor("v4", tcpPorts), arrives: tcpArrives, refused: "ECONNREFUSED", ...parts };
}

const udp = (world: World): string[] => ["udp", ...udpArgs(world, "v4")];
const tcp = (world: World): string[] => ["tcp", ...tcpArgs(world, "v4")];
const connectedEarlier = "the socket was connected by the sender, who is the one judged";

const passed: readonly Row[] = [
  udpRow({
    name: "socket passed by SCM_RIGHTS, udp",
    argv: (world) => [world.probe, "pass-socket", ...udpArgs(world, "v4")],
  }),
  udpRow({
    name: "socket passed by SCM_RIGHTS, udp connected by the sender",
    argv: (world) => [world.probe, "pass-socket", "--connected", ...udpArgs(world, "v4")],
    note: connectedEarlier,
  }),
  tcpRow({
    name: "socket passed by SCM_RIGHTS, tcp connected by the receiver",
    argv: (world) => [world.probe, "pass-socket", "--protocol", "6", ...tcpArgs(world, "v4")],
  }),
  udpRow({
    name: "socket passed by SCM_RIGHTS out of the scope, udp",
    argv: (world) => [world.probe, "pass-socket", ...udpArgs(world, "v4"), "--cgroup", join(world.scope, "..")],
    refused: null,
    note: "the sender is in the scope, the receiver leaves it before it sends: new to Holdfast each time, so its first datagram is held",
  }),
  tcpRow({
    name: "socket passed by SCM_RIGHTS out of the scope, tcp",
    argv: (world) => [world.probe, "pass-socket", "--protocol", "6", ...tcpArgs(world, "v4"), "--cgroup", join(world.scope, "..")],
    refused: null,
    note: "connect4 runs for the receiver's cgroup, egress for the creator's: the SYN must not leave, the errno is not promised",
  }),
];

const inherited: readonly Row[] = [
  udpRow({ name: "inherited over fork, udp", argv: (world) => [world.probe, "fork", "--", ...udp(world)] }),
  tcpRow({ name: "inherited over fork, tcp", argv: (world) => [world.probe, "fork", "--", ...tcp(world)] }),
  udpRow({ name: "socket inherited over exec, udp", argv: (world) => [world.probe, "inherit", ...udpArgs(world, "v4")] }),
  udpRow({
    name: "socket inherited over exec, udp connected",
    argv: (world) => [world.probe, "inherit", "--connected", ...udpArgs(world, "v4")],
  }),
  tcpRow({
    name: "socket inherited over exec, tcp",
    argv: (world) => [world.probe, "inherit", "--protocol", "6", ...tcpArgs(world, "v4")],
  }),
];

/** Why nothing of a connection that is established is held. */
export const running = "what runs already goes on while it is asked about, or while its program is not known";

const older: readonly Row[] = [
  udpRow({
    name: "older process, new socket, udp",
    argv: (world) => [world.probe, ...udp(world), "--wait-start"],
    opensFirst: true,
    refused: null,
    note: "new to Holdfast when it opens its socket, so its first datagram is held",
  }),
  tcpRow({ name: "older process, new socket, tcp", argv: (world) => [world.probe, ...tcp(world), "--wait-start"], opensFirst: true }),
  udpRow({ name: "opened before, udp", argv: (world) => [world.probe, ...udp(world), "--wait-stdin"], opensFirst: true }),
  udpRow({
    name: "opened before, udp connected",
    argv: (world) => [world.probe, ...udp(world), "--connected", "--wait-stdin"],
    opensFirst: true,
  }),
  tcpRow({
    name: "opened before, tcp not yet connected",
    argv: (world) => [world.probe, ...tcp(world), "--wait-socket"],
    opensFirst: true,
  }),
  tcpRow({
    name: "opened before, tcp established",
    argv: (world) => [world.probe, ...tcp(world), "--wait-stdin"],
    opensFirst: true,
    arrives: (packets) => packets.some((packet) => packet.protocol === 6 && packet.payload.includes("holdfast")),
    refused: null,
    notApplicable: { held: running, "held then denied": running, "not yet identified": running },
    note: "its handshake is over and not counted; cut means that nothing more leaves, no FIN and no RST either",
  }),
  udpRow({
    name: "opened before, raw icmp",
    argv: (world) => [world.probe, "icmp", "--to", world.peer.address4, "--wait-stdin"],
    rule: ruleFor("v4", "icmp"),
    arrives: (packets) => packets.some((packet) => packet.icmpType === 8),
    opensFirst: true,
  }),
  udpRow({
    name: "opened before, packet socket",
    argv: (world) => {
      const frame = ["--from", ownAddress(world, "v4"), "--device", world.a.device, "--mac", world.peer.mac];
      return [world.probe, "packet", ...udpArgs(world, "v4"), ...frame, "--wait-stdin"];
    },
    stays: false,
    opensFirst: true,
  }),
];

const processes: readonly Row[] = [
  udpRow({ name: "second thread, udp", argv: (world) => [world.probe, "thread", "--", ...udp(world)] }),
  tcpRow({ name: "second thread, tcp", argv: (world) => [world.probe, "thread", "--", ...tcp(world)] }),
  udpRow({ name: "exec, then send at once", argv: (world) => [world.probe, "exec", "--", ...udp(world)] }),
  tcpRow({ name: "exec, then connect at once", argv: (world) => [world.probe, "exec", "--", ...tcp(world)] }),
  udpRow({
    name: "1,000 short-lived processes",
    argv: (world) => [world.probe, "spawn", "--count", "1000", "--", ...udp(world), "--payload", "holdfast-@"],
    arrives: (packets) => new Set(packets.filter((packet) => packet.port === udpPort).map((packet) => packet.payload)).size === 1000,
    stays: false,
    note: "each says its number; under allow all 1,000 must be named",
  }),
];

const spaces: readonly Row[] = [
  udpRow({
    name: "own network namespace, udp",
    prepare: thirdNetns,
    argv: (world) => [world.probe, "netns", "--netns", world.netns("c"), "--", ...udp(world)],
  }),
  tcpRow({
    name: "own network namespace, tcp",
    prepare: thirdNetns,
    argv: (world) => [world.probe, "netns", "--netns", world.netns("c"), "--", ...tcp(world)],
  }),
  udpRow({
    name: "own network namespace, packet socket",
    prepare: thirdNetns,
    argv: (world) => {
      const frame = ["--from", ownAddress(world, "v4"), "--device", "veth-c"];
      return [world.probe, "netns", "--netns", world.netns("c"), "--", "packet", ...udpArgs(world, "v4"), ...frame];
    },
    stays: false,
  }),
  udpRow({ name: "own mount namespace, udp", argv: (world) => [world.probe, "mounts", "--", ...udp(world)] }),
  tcpRow({ name: "own mount namespace, tcp", argv: (world) => [world.probe, "mounts", "--", ...tcp(world)] }),
  udpRow({ name: "own pid namespace, udp", argv: (world) => [world.probe, "pids", "--", ...udp(world)] }),
  tcpRow({ name: "own pid namespace, tcp", argv: (world) => [world.probe, "pids", "--", ...tcp(world)] }),
  tcpRow({
    name: "binary bind-mounted over an allowed path",
    prepare: async (world) => {
      world.app("allowed");
      return async () => {};
    },
    argv: (world) => [world.probe, "mounts", "--path", join(world.dir, "allowed"), "--", ...tcp(world)],
    allowed: (world) => join(world.dir, "allowed"),
    note: "in a mount namespace of its own: /proc/PID/exe reads as the allowed path, the file is the denied probe",
  }),
];

/** Sends as the probe does, with its --stay and --again. */
const script = `use Socket; use Errno; use IO::Handle;
STDOUT->autoflush;
my ($address, $port, @flags) = @ARGV;
my %flag = map { $_ => 1 } @flags;
socket(my $socket, PF_INET, SOCK_DGRAM, 0) or die $!;
my $send = sub { send($socket, "holdfast", 0, sockaddr_in($port, inet_aton($address))) };
my $sent = $send->();
if ($flag{"--stay"}) { print qq({"op":"script","event":"sent","number":0,"pid":$$}\n); readline STDIN }
$sent = $send->() if $flag{"--again"};
my ($name) = defined $sent ? () : grep { $!{$_} } sort keys %!;
printf qq({"op":"script","step":"sendto","result":%d,"errno":%s,"unsupported":false,"sent":%d,"ms":0,"pid":%d}\n),
  defined $sent ? 0 : -1, $name ? qq("$name") : "null", defined $sent ? 1 : 0, $$;
`;

const scripts: readonly Row[] = [
  udpRow({
    name: "second script under an allowed interpreter",
    prepare: async (world) => {
      for (const name of ["allowed.pl", "denied.pl"]) writeFileSync(join(world.dir, name), script);
      return async () => {};
    },
    argv: (world) => ["/usr/bin/perl", join(world.dir, "denied.pl"), world.peer.address4, String(udpPort)],
    rule: (world) => ({ who: `script:${join(world.dir, "denied.pl")}`, where: world.peer.address4, ports: udpPorts }),
    allowed: (world) => `script:${join(world.dir, "allowed.pl")}`,
  }),
];

async function thirdNetns(world: World): Promise<() => Promise<void>> {
  world.thirdNetns();
  return async () => {}; // it goes with the world
}

export const whoRows: readonly Row[] = [...passed, ...inherited, ...older, ...processes, ...spaces, ...scripts];
