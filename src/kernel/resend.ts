// SPDX-License-Identifier: Apache-2.0
/** Sends a held packet on its way: from its own network namespace, along the route its own socket would have taken. */
import { randomInt } from "node:crypto";
import { completeChecksum } from "./checksum.ts";
import { fragment, segment } from "./cut.ts";
import {
  AF_INET,
  AF_INET6,
  bind,
  changeOwner,
  close,
  MSG_DONTWAIT,
  SO_BINDTOIFINDEX,
  SO_BROADCAST,
  SO_MARK,
  SO_PRIORITY,
  SO_SNDBUFFORCE,
  SOCK_RAW,
  SOL_SOCKET,
  SystemCallError,
  sendTo,
  setOption,
  socket,
  socketAddress,
} from "./libc.ts";
import { NETLINK_ROUTE, Netlink } from "./netlink.ts";
import { inNamespace, type Namespace } from "./netns.ts";
import { type Packet, PROTOCOL_TCP, parsePacket } from "./packet.ts";
import { deviceMtu, findRoute, type Route } from "./route.ts";
import { shiftTimestamp } from "./tcp.ts";

/** What a held packet brings along (`struct held_event`). Interface indexes: 0 = none. */
export type Held = {
  readonly mark: number;
  readonly boundIfindex: number;
  readonly priority: number;
  readonly uid: number;
  /** The device routing had chosen. 0 = not known: whatever route is there now is taken. */
  readonly outIfindex: number;
  /** Not 0: the packet stands for several, each with this much payload. */
  readonly gsoSize: number;
  /** Time since it was held, milliseconds of CLOCK_MONOTONIC (see `shiftTimestamp`). */
  readonly heldMs: number;
};

/** `reason`: a sentence. What was not sent is left to the retry of the kernel or the application. */
export type Sent = { readonly sent: true } | { readonly sent: false; readonly reason: string };

const IPPROTO_RAW = 255;
const SOL_IP = 0;
const IP_TOS = 1;
const SOL_IPV6 = 41;
const IPV6_TCLASS = 67;
/** Bytes. The default (208 KiB) is three large datagrams; many may be released at once. */
const SEND_BUFFER = 1 << 22;
const ATTEMPTS = 5;
const ATTEMPT_PAUSE_MS = 1;

/** Sends packets from within one network namespace, and keeps that namespace alive until `close()`. */
export class Sender {
  readonly #namespace: Namespace;
  readonly #onSocket: (fd: number) => void;
  readonly #sockets = new Map<4 | 6, number>();
  #netlink: Netlink | null = null;

  /**
   * `onSocket` is told each raw socket before anything is sent on it, so that the kernel programs can be taught to know it.
   * The namespace stays the caller's to close; it is used whenever a socket has to be opened.
   */
  constructor(namespace: Namespace, onSocket: (fd: number) => void = () => {}) {
    this.#namespace = namespace;
    this.#onSocket = onSocket;
  }

  /**
   * Sends one held packet: timestamp shifted, cut into the datagrams it stands for, checksums filled in, fragmented where the way asks
   * for it; with mark, device, priority, user, traffic class and source address as its own socket had them. Nothing is sent when
   * that would lead through another device than the one routing had chosen for the packet.
   */
  send(packet: Uint8Array, held: Held): Sent {
    const parts = parsePacket(packet);
    if (parts === null) return notSent("The held packet is not a whole IP packet");
    if (parts.protocol === PROTOCOL_TCP && held.gsoSize > 0) return notSent("TCP itself sends large segments again");
    return outcome(() => {
      const fd = this.#socket(parts.version);
      const route = this.#prepare(fd, parts, trafficClass(packet), held);
      if (held.outIfindex !== 0 && route?.ifindex !== held.outIfindex) {
        return notSent(
          `The way leads through device ${route?.ifindex ?? "none"}, and the packet was on its way to device ${held.outIfindex}`,
        );
      }
      for (const datagram of segment(shiftTimestamp(packet.subarray(0, parts.end), held.heldMs), held.gsoSize)) {
        const result = this.#sendDatagram(fd, completeChecksum(datagram), parts, held, route);
        if (!result.sent) return result;
      }
      return { sent: true };
    });
  }

  /**
   * Delivers an answer forged by `refusal` to the waiting socket: it comes from a foreign address and goes to one of the namespace's
   * own, so it never leaves the machine. `outIfindex`: the device the held packet was on its way to (link-local addresses need it).
   */
  inject(answer: Uint8Array, outIfindex: number): Sent {
    const parts = parsePacket(answer);
    if (parts === null) return notSent("The forged answer is not a whole IP packet");
    return outcome(() => {
      const fd = this.#socket(parts.version);
      const scope = isLinkLocal(parts.destination) ? outIfindex : 0;
      this.#set(fd, parts.version, { mark: 0, priority: 0, uid: 0, ifindex: scope, trafficClass: 0 });
      const address = socketAddress(parts.destination, 0, scope);
      bind(fd, socketAddress(new Uint8Array(parts.destination.length)));
      const route = findRoute(this.#routes(), {
        destination: parts.destination,
        source: null,
        mark: 0,
        uid: 0,
        ifindex: scope,
        trafficClass: 0,
      });
      if (route?.local !== true)
        return notSent("The forged answer would leave the machine: its destination is not one of the namespace's own addresses");
      transmit(fd, answer, address);
      return { sent: true };
    });
  }

  /** Closes the sockets, and with them this object's hold on the namespace. It can be used again, and then opens them anew. */
  close(): void {
    for (const fd of this.#sockets.values()) close(fd);
    this.#sockets.clear();
    this.#netlink?.close();
    this.#netlink = null;
  }

  #socket(version: 4 | 6): number {
    const known = this.#sockets.get(version);
    if (known !== undefined) return known;
    const fd = inNamespace(this.#namespace.fd, () => socket(version === 4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW));
    try {
      setOption(fd, SOL_SOCKET, SO_BROADCAST, 1);
      setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER);
      this.#onSocket(fd);
    } catch (cause) {
      close(fd);
      throw cause;
    }
    this.#sockets.set(version, fd);
    return fd;
  }

  #routes(): Netlink {
    this.#netlink ??= new Netlink(NETLINK_ROUTE, this.#namespace.fd);
    return this.#netlink;
  }

  #set(fd: number, version: 4 | 6, as: { mark: number; priority: number; uid: number; ifindex: number; trafficClass: number }): void {
    // The traffic class first: setting it sets the priority too.
    if (version === 4) setOption(fd, SOL_IP, IP_TOS, as.trafficClass);
    else setOption(fd, SOL_IPV6, IPV6_TCLASS, as.trafficClass);
    setOption(fd, SOL_SOCKET, SO_PRIORITY, as.priority);
    setOption(fd, SOL_SOCKET, SO_MARK, as.mark);
    setOption(fd, SOL_SOCKET, SO_BINDTOIFINDEX, as.ifindex);
    changeOwner(fd, as.uid);
  }

  /** Makes the raw socket take the route the packet's own socket took; returns that route. */
  #prepare(fd: number, parts: Packet, trafficClass: number, held: Held): Route | null {
    const ifindex = boundTo(parts, held);
    this.#set(fd, parts.version, { mark: held.mark, priority: held.priority, uid: held.uid, ifindex, trafficClass });
    const source = bindSource(fd, parts.source, ifindex || held.outIfindex) ? parts.source : null;
    return findRoute(this.#routes(), { destination: parts.destination, source, mark: held.mark, uid: held.uid, ifindex, trafficClass });
  }

  #sendDatagram(fd: number, datagram: Uint8Array, parts: Packet, held: Held, route: Route | null): Sent {
    const scope = isLinkLocal(parts.destination) || isMulticast(parts.destination) ? held.outIfindex : 0;
    const address = socketAddress(parts.destination, 0, scope);
    try {
      transmit(fd, datagram, address);
      return { sent: true };
    } catch (cause) {
      if (!(cause instanceof SystemCallError) || cause.code !== "EMSGSIZE") throw cause;
    }
    const device = route === null ? null : deviceMtu(this.#routes(), route.ifindex);
    if (device === null) return notSent("The device it was on its way to is gone");
    const mtu = Math.min(device, route?.mtu ?? device);
    const fragments = fragment(datagram, mtu, randomInt(1, 2 ** 32));
    if (fragments === null || fragments.length === 1)
      return notSent(`It does not fit into the ${mtu} bytes of its way and must not be fragmented`);
    for (const piece of fragments) transmit(fd, piece, address);
    return { sent: true };
  }
}

function notSent(reason: string): Sent {
  return { sent: false, reason };
}

/** What the system refuses is an expected outcome here, not a fault. */
function outcome(work: () => Sent): Sent {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof SystemCallError) return notSent(cause.message);
    throw cause;
  }
}

/** TOS or traffic class without its two ECN bits, which no routing rule looks at. */
function trafficClass(packet: Uint8Array): number {
  const version = (packet[0] ?? 0) >> 4;
  const value = version === 4 ? (packet[1] ?? 0) : (((packet[0] ?? 0) << 4) | ((packet[1] ?? 0) >> 4)) & 0xff;
  return value & 0xfc;
}

/** Where an address alone does not say which link is meant, the link routing had chosen is meant. */
function boundTo(parts: Packet, held: Held): number {
  if (held.boundIfindex !== 0) return held.boundIfindex;
  const { destination } = parts;
  return isLinkLocal(destination) || isMulticast(destination) || isLimitedBroadcast(destination) ? held.outIfindex : 0;
}

/** Binds to the packet's source, for rules that route by source; a source that is not ours (a forged one) leaves the socket unbound. */
function bindSource(fd: number, source: Uint8Array, ifindex: number): boolean {
  const any = new Uint8Array(source.length);
  try {
    bind(fd, socketAddress(source, 0, isLinkLocal(source) ? ifindex : 0));
    return source.some((byte) => byte !== 0);
  } catch (cause) {
    if (!(cause instanceof SystemCallError)) throw cause;
    bind(fd, socketAddress(any));
    return false;
  }
}

function isLinkLocal(address: Uint8Array): boolean {
  return address.length === 16 && address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80;
}

function isMulticast(address: Uint8Array): boolean {
  return address.length === 16 ? address[0] === 0xff : ((address[0] ?? 0) & 0xf0) === 0xe0;
}

function isLimitedBroadcast(address: Uint8Array): boolean {
  return address.length === 4 && address.every((byte) => byte === 0xff);
}

/** Sends, and again a few times while queues are full. */
function transmit(fd: number, packet: Uint8Array, address: Uint8Array): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      sendTo(fd, packet, MSG_DONTWAIT, address);
      return;
    } catch (cause) {
      const full = cause instanceof SystemCallError && (cause.code === "ENOBUFS" || cause.code === "EAGAIN");
      if (!full || attempt === ATTEMPTS) throw cause;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ATTEMPT_PAUSE_MS);
    }
  }
}
