// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { type TestContext, test } from "node:test";
import {
  bind,
  connect,
  getOption,
  listen,
  SO_BINDTOIFINDEX,
  SO_ERROR,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  sendTo,
  setOption,
  socket,
  socketAddress,
} from "./libc.ts";
import { isRoot, next, type TwoNamespaces, tap, twoNamespaces, udpServer } from "./namespaces.fixture.ts";
import { inNamespace } from "./netns.ts";
import { parsePacket, readUint32 } from "./packet.ts";
import { hex, udp, withExtensions } from "./packets.fixture.ts";
import { type Held, Sender } from "./resend.ts";
import { refusal } from "./tcp.ts";

const HERE = { 4: hex("0a4d 0001"), 6: hex("fd77 0000 0000 0000 0000 0000 0000 0001") };
const THERE = { 4: hex("0a4d 0002"), 6: hex("fd77 0000 0000 0000 0000 0000 0000 0002") };
/** Nobody has these addresses, but a neighbour entry says where they are: packets to them vanish. */
const SILENT = { 4: hex("0a4d 0009"), 6: hex("fd77 0000 0000 0000 0000 0000 0000 0009") };
const LINK_LOCAL = hex("fe80 0000 0000 0000 0000 0000 0000 0001");
const SILENT_LINK_LOCAL = hex("fe80 0000 0000 0000 0000 0000 0000 0009");
const ECONNREFUSED = 111;
const VERSIONS = [4, 6] as const;

const plain = { mark: 0, boundIfindex: 0, priority: 0, uid: 0, outIfindex: 0, gsoSize: 0, heldMs: 0 };

function setUp(t: TestContext, name: string): { world: TwoNamespaces; sender: Sender; held: Held; sockets: number[] } {
  const world = twoNamespaces(t, name);
  for (const address of ["10.77.0.9", "fd77::9", "fe80::9"]) {
    world.ip("neigh", "add", address, "lladdr", "02:00:00:00:00:99", "dev", "cable0", "nud", "permanent");
  }
  const sockets: number[] = [];
  const sender = new Sender(world.here, (fd) => sockets.push(fd));
  t.after(() => sender.close());
  return { world, sender, held: { ...plain, outIfindex: world.ifindex("cable0") }, sockets };
}

function payload(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
}

test("Sender.send() delivers datagrams of odd length with a partial checksum", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender, held, sockets } = setUp(t, "odd");
  for (const version of VERSIONS) {
    const server = udpServer(world, world.there, THERE[version], 9);
    for (const length of [0, 3, 1001]) {
      assert.deepEqual(sender.send(udp(version, payload(length)), held), { sent: true });
      assert.deepEqual(next(server), payload(length));
    }
  }
  assert.equal(sockets.length, 2);
  sender.close();
  assert.deepEqual(sender.send(udp(4, payload(1)), held), { sent: true });
  assert.equal(sockets.length, 3);
});

test("Sender.send() fragments datagrams too large for the device or for the route", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender, held } = setUp(t, "large");
  world.ip("route", "add", "10.77.0.2", "dev", "cable0", "mtu", "1300");
  world.ip("-6", "route", "add", "fd77::2", "dev", "cable0", "mtu", "1300");
  for (const version of VERSIONS) {
    const server = udpServer(world, world.there, THERE[version], 9);
    const wire = tap(world, world.there, "cable0");
    for (const length of [1400, 1999, 60001]) {
      assert.deepEqual(sender.send(udp(version, payload(length)), held), { sent: true });
      assert.deepEqual(next(server), payload(length));
      const first = next(wire, (packet) => parsePacket(packet)?.fragment?.offset === 0);
      assert.ok((first?.length ?? 9999) <= 1300, `${first?.length} bytes on the wire`);
    }
  }
  const result = sender.send(udp(4, payload(1600), { dontFragment: true }), held);
  assert.deepEqual(result, { sent: false, reason: "It does not fit into the 1300 bytes of its way and must not be fragmented" });
});

test("Sender.send() cuts what segmentation offload left whole, as the kernel handed it over", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender, held } = setUp(t, "gso");
  for (const version of VERSIONS) {
    const server = udpServer(world, world.there, THERE[version], 9);
    // A real one: the application's large packet, seen on its way to where it vanishes.
    const app = world.keep(inNamespace(world.here.fd, () => socket(version === 4 ? 2 : 10, SOCK_DGRAM, 0)));
    const [SOL_UDP, UDP_SEGMENT] = [17, 103];
    setOption(app, SOL_UDP, UDP_SEGMENT, 1000);
    const wire = tap(world, world.here, "cable0");
    sendTo(app, payload(4500), 0, socketAddress(SILENT[version], 9));
    const whole = next(wire, (packet) => parsePacket(packet)?.protocol === 17);
    assert.ok(whole !== null && whole.length > 4500);
    whole.set(THERE[version], version === 4 ? 16 : 24);
    assert.deepEqual(sender.send(whole, { ...held, gsoSize: 1000 }), { sent: true });
    for (const from of [0, 1000, 2000, 3000, 4000]) assert.deepEqual(next(server), payload(4500).subarray(from, from + 1000));
  }
});

test("Sender.send() lets a held SYN connect, its timestamp moved by the time it was held", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender, held } = setUp(t, "syn");
  for (const version of VERSIONS) {
    const family = version === 4 ? 2 : 10;
    const server = world.keep(inNamespace(world.there.fd, () => socket(family, SOCK_STREAM, 0)));
    bind(server, socketAddress(THERE[version], 80));
    listen(server);
    // The peer cannot be reached yet: its first SYN vanishes.
    const address = version === 4 ? "10.77.0.2" : "fd77::2";
    world.ip("neigh", "replace", address, "lladdr", "02:00:00:00:00:99", "dev", "cable0", "nud", "permanent");
    const wire = tap(world, world.here, "cable0");
    const client = world.keep(inNamespace(world.here.fd, () => socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0)));
    const startedMs = performance.now();
    assert.throws(() => connect(client, socketAddress(THERE[version], 80)), { code: "EINPROGRESS" });
    const syn = next(wire, (packet) => parsePacket(packet)?.protocol === 6);
    assert.ok(syn !== null);
    world.ip("neigh", "del", address, "dev", "cable0");
    const peer = tap(world, world.there, "cable0");
    const heldMs = performance.now() - startedMs - 1;
    assert.deepEqual(sender.send(syn, { ...held, heldMs }), { sent: true });
    const arrived = next(peer, (packet) => parsePacket(packet)?.protocol === 6);
    assert.ok(arrived !== null);
    // MSS (4 bytes), SACK permitted (2), timestamp (2 bytes of header)
    const timestamp = (version === 4 ? 20 : 40) + 20 + 4 + 2 + 2;
    assert.equal(readUint32(arrived, timestamp), (readUint32(syn, timestamp) + Math.floor(heldMs)) % 2 ** 32);
    // The client's own stack answers the SYN-ACK with an ACK: it is connected.
    const flagsAt = (version === 4 ? 20 : 40) + 13;
    const ack = next(peer, (packet) => parsePacket(packet)?.protocol === 6 && packet[flagsAt] === 0x10);
    assert.ok(ack !== null);
    connect(client, socketAddress(THERE[version], 80));
    assert.equal(getOption(client, SOL_SOCKET, SO_ERROR), 0);
  }
});

test("Sender.send() takes the way of the packet's mark, user, source and device, and no other", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender, held } = setUp(t, "way");
  for (const version of VERSIONS) {
    const ip = (...words: string[]): string => world.ip(version === 4 ? "-4" : "-6", ...words);
    const [host, source, target] =
      version === 4
        ? ["10.77.0.2/32", "10.77.0.3", hex("0a4d 0003")]
        : ["fd77::2/128", "fd77::3", hex("fd77 0000 0000 0000 0000 0000 0000 0003")];
    ip("route", "add", host, "dev", "cable1", "table", "100");
    ip("addr", "add", `${source}/${version === 4 ? 24 : 64}`, "dev", "cable0", ...(version === 4 ? [] : ["nodad"]));
    world.ip("neigh", "add", host.replace(/\/.*/, ""), "lladdr", "02:00:00:00:00:99", "dev", "cable1", "nud", "permanent");
    ip("rule", "add", "fwmark", "0x5", "table", "100");
    ip("rule", "add", "uidrange", "12345-12345", "table", "100");
    ip("rule", "add", "from", source, "table", "100");
    ip("rule", "add", "tos", "0x10", "table", "100");
    const wire = tap(world, world.here, "cable1");
    const [first, second] = [world.ifindex("cable0"), world.ifindex("cable1")];
    const packet = udp(version, payload(10));
    const fromSource = packet.slice();
    fromSource.set(target, version === 4 ? 12 : 8);
    const lowDelay = packet.slice();
    if (version === 4) lowDelay[1] = 0x10;
    else lowDelay[0] = 0x61;
    for (const [name, bytes, as] of [
      ["mark", packet, { mark: 5 }],
      ["user", packet, { uid: 12345 }],
      ["source", fromSource, {}],
      ["traffic class", lowDelay, {}],
    ] as const) {
      assert.deepEqual(sender.send(bytes, { ...held, ...as, outIfindex: second }), { sent: true }, name);
      assert.ok(next(wire, (seen) => parsePacket(seen)?.protocol === 17) !== null, name);
      const elsewhere = sender.send(bytes, { ...held, ...as, outIfindex: first });
      assert.deepEqual(
        elsewhere,
        { sent: false, reason: `The way leads through device ${second}, and the packet was on its way to device ${first}` },
        name,
      );
    }
    assert.equal(sender.send(packet, { ...held, outIfindex: second }).sent, false);
    ip("route", "add", version === 4 ? "10.99.0.0/16" : "fd99::/64", "dev", "cable0", "metric", "10");
    ip("route", "add", version === 4 ? "10.99.0.0/16" : "fd99::/64", "dev", "cable1", "metric", "20");
    const twoWays = packet.slice();
    twoWays.set(version === 4 ? hex("0a63 0001") : hex("fd99"), version === 4 ? 16 : 24);
    assert.equal(sender.send(twoWays, { ...held, outIfindex: second }).sent, false);
    assert.deepEqual(sender.send(twoWays, { ...held, boundIfindex: second, outIfindex: second }), { sent: true });
    assert.equal(sender.send(packet, { ...held, outIfindex: first }).sent, true);
  }
});

test("Sender.send() keeps the priority", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender, held } = setUp(t, "prio");
  const tc = (...words: string[]): string => execFileSync("tc", ["-n", world.hereName, ...words], { encoding: "utf8" });
  // A priority that names an HTB class picks that class (tc-htb(8)).
  const priority = 0x1_0003;
  try {
    tc("qdisc", "add", "dev", "cable0", "root", "handle", "1:", "htb", "default", "1");
  } catch {
    return t.skip("needs the htb queueing discipline (sch_htb)");
  }
  for (const id of ["1:1", "1:3"])
    tc("class", "add", "dev", "cable0", "parent", "1:", "classid", id, "htb", "rate", "1gbit", "quantum", "1500");
  const packets = (): number => {
    const classes = tc("-s", "class", "show", "dev", "cable0");
    return Number(/class htb 1:3 [\s\S]*?Sent \d+ bytes (\d+) pkt/.exec(classes)?.[1]);
  };
  udpServer(world, world.there, THERE[4], 9);
  assert.equal(packets(), 0);
  sender.send(udp(4, payload(10)), { ...held, priority });
  assert.equal(packets(), 1);
  sender.send(udp(4, payload(10)), held);
  assert.equal(packets(), 1);
});

test("Sender.send() sends multicast, broadcast and link-local on the link that was meant", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender, held } = setUp(t, "link");
  const second = world.ifindex("cable1");
  const wire = tap(world, world.there, "cable1");
  const to = (version: 4 | 6, address: string): Uint8Array => {
    const packet = udp(version, payload(20));
    packet.set(hex(address), version === 4 ? 16 : 24);
    return packet;
  };
  const linkLocal = to(6, "fe80 0000 0000 0000 0000 0000 0000 0002");
  linkLocal.set(LINK_LOCAL, 8);
  for (const packet of [
    to(4, "e000 00fb"),
    to(4, "ffff ffff"),
    to(4, "0a4e 00ff"),
    to(6, "ff02 0000 0000 0000 0000 0000 0000 00fb"),
    linkLocal,
  ]) {
    assert.deepEqual(sender.send(packet, { ...held, outIfindex: second }), { sent: true });
    const seen = next(wire, (bytes) => parsePacket(bytes)?.protocol === 17);
    assert.deepEqual(seen?.subarray(28), parsePacket(packet)?.version === 4 ? payload(20) : seen?.subarray(28));
    assert.deepEqual(parsePacket(seen ?? hex(""))?.destination, parsePacket(packet)?.destination);
  }
});

test("Sender.send() sends to the namespace's own addresses, and forged packets, as they are", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender, held } = setUp(t, "asis");
  for (const version of VERSIONS) {
    const own = udp(version, payload(30));
    own.set(HERE[version], version === 4 ? 16 : 24);
    const server = udpServer(world, world.here, HERE[version], 9);
    assert.deepEqual(sender.send(own, { ...held, outIfindex: 1 }), { sent: true });
    assert.deepEqual(next(server), payload(30));
    const wire = tap(world, world.there, "cable0");
    const forged = udp(version, payload(40));
    forged.set(version === 4 ? hex("c000 0207") : hex("2001 0db8"), version === 4 ? 12 : 8);
    assert.deepEqual(sender.send(forged, held), { sent: true });
    assert.deepEqual(
      parsePacket(next(wire, (bytes) => parsePacket(bytes)?.protocol === 17) ?? hex(""))?.source,
      parsePacket(forged)?.source,
    );
  }
});

test("Sender.send() says why something cannot be sent", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender, held } = setUp(t, "why");
  assert.deepEqual(sender.send(hex("4500"), held), { sent: false, reason: "The held packet is not a whole IP packet" });
  world.ip("route", "add", "unreachable", "10.77.0.2");
  assert.deepEqual(sender.send(udp(4, payload(1)), held), {
    sent: false,
    reason: 'System call "netlink request" failed with EHOSTUNREACH',
  });
});

test("Sender.inject() ends a waiting connect() with ECONNREFUSED, and nothing leaves", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender } = setUp(t, "refuse");
  const ifindex = world.ifindex("cable0");
  // 5 = clients send data at once, without a cookie (TFO_CLIENT_ENABLE | TFO_CLIENT_NO_COOKIE)
  execFileSync("ip", ["netns", "exec", world.hereName, "sh", "-c", "echo 5 > /proc/sys/net/ipv4/tcp_fastopen"]);
  const [IPPROTO_MPTCP, MSG_FASTOPEN] = [262, 0x20000000];
  for (const [name, remote, protocol, bound, data] of [
    ["v4", SILENT[4], 0, 0, false],
    ["v6", SILENT[6], 0, 0, false],
    ["v4-mapped", hex("0000 0000 0000 0000 0000 ffff 0a4d 0009"), 0, 0, false],
    ["v6 link-local", SILENT_LINK_LOCAL, 0, 0, false],
    ["v4 bound to a device", SILENT[4], 0, ifindex, false],
    ["v6 bound to a device", SILENT[6], 0, ifindex, false],
    ["v4 MPTCP", SILENT[4], IPPROTO_MPTCP, 0, false],
    ["v6 MPTCP", SILENT[6], IPPROTO_MPTCP, 0, false],
    ["v4 Fast Open", SILENT[4], 0, 0, true],
    ["v6 Fast Open", SILENT[6], 0, 0, true],
  ] as const) {
    const wire = tap(world, world.here, "cable0");
    const client = world.keep(
      inNamespace(world.here.fd, () => socket(remote.length === 4 ? 2 : 10, SOCK_STREAM | SOCK_NONBLOCK, protocol)),
    );
    if (bound !== 0) setOption(client, SOL_SOCKET, SO_BINDTOIFINDEX, bound);
    const address = socketAddress(remote, 80, remote === SILENT_LINK_LOCAL ? ifindex : 0);
    if (data) assert.equal(sendTo(client, hex("6869"), MSG_FASTOPEN, address), 2);
    else assert.throws(() => connect(client, address), { code: "EINPROGRESS" }, name);
    const syn = next(wire, (packet) => parsePacket(packet)?.protocol === 6);
    assert.ok(syn !== null, name);
    if (data) assert.deepEqual(syn.subarray(-2), hex("6869"));
    const answer = refusal(syn);
    assert.ok(answer !== null, name);
    assert.deepEqual(sender.inject(answer, ifindex), { sent: true }, name);
    assert.equal(getOption(client, SOL_SOCKET, SO_ERROR), ECONNREFUSED, name);
    // Whatever the stack would have sent on it comes before this marker.
    sender.send(udp(4, hex("ff")), { ...plain });
    const after = next(wire, (packet) => parsePacket(packet)?.protocol === 6 || parsePacket(packet)?.protocol === 17);
    assert.equal(parsePacket(after ?? hex(""))?.protocol, 17, name);
  }
});

test("Sender.inject() sends nothing that would leave the machine", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { sender, held } = setUp(t, "stay");
  for (const version of VERSIONS) {
    const result = sender.inject(udp(version, payload(1)), held.outIfindex);
    assert.equal(result.sent, false);
    assert.match(result.sent ? "" : result.reason, /not one of the namespace's own addresses/);
  }
});

test("Sender.send() sends IPv6 packets with extension headers as they are", (t) => {
  if (!isRoot) return t.skip("needs root");
  const { world, sender, held } = setUp(t, "ext");
  const server = udpServer(world, world.there, THERE[6], 9);
  const wire = tap(world, world.there, "cable0");
  // hop-by-hop and destination options, each with four bytes of padding
  const packet = withExtensions(udp(6, payload(33)), 0, hex("3c00 0102 0000 0000  1100 0102 0000 0000"));
  assert.deepEqual(sender.send(packet, held), { sent: true });
  assert.deepEqual(next(server), payload(33));
  const seen = next(wire, (bytes) => parsePacket(bytes)?.protocol === 17);
  assert.deepEqual(seen?.subarray(0, 56), packet.subarray(0, 56));
  // and cut: the fragment header goes between the two
  const large = withExtensions(udp(6, payload(3000)), 0, hex("3c00 0102 0000 0000  1100 0102 0000 0000"));
  assert.deepEqual(sender.send(large, held), { sent: true });
  assert.deepEqual(next(server), payload(3000));
});
