// SPDX-License-Identifier: Apache-2.0
/** The addresses a network namespace has, and word of their changes. */
import { SocketAddress } from "node:net";
import { AF_INET, AF_INET6, AF_NETLINK, bind, close, MSG_DONTWAIT, receive, SOCK_RAW, SystemCallError, socket } from "./libc.ts";
import { type Message, NETLINK_ROUTE, Netlink, number32, parseAttributes, parseMessages } from "./netlink.ts";
import { inNamespace } from "./netns.ts";

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
/** RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR */
const ADDRESS_GROUPS = 0x10 | 0x100;
const POLL_MS = 200;

/** One address of one interface. */
export type InterfaceAddress = {
  readonly ifindex: number;
  /** Canonical text. */
  readonly address: string;
  /** The network it is attached to: its address (host bits zero) and length; for a point-to-point link that of the other end. */
  readonly network: string;
  readonly prefix: number;
  /** Directed broadcast addresses: the last one of an IPv4 prefix shorter than 31, and a configured one. */
  readonly broadcasts: readonly string[];
};

/** Canonical text of 4 or 16 bytes of address; IPv6 as in RFC 5952, v4-mapped as IPv4. */
export function addressText(bytes: Uint8Array): string {
  const isMapped = bytes.length === 16 && bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (bytes.length === 4 || isMapped) return bytes.subarray(bytes.length - 4).join(".");
  const words = Array.from({ length: 8 }, (_, i) => (((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0)).toString(16));
  return new SocketAddress({ address: words.join(":"), family: "ipv6" }).address;
}

function masked(address: Uint8Array, prefix: number, hostBits: 0 | 1): Uint8Array {
  return address.map((byte, i) => {
    const bits = Math.min(8, Math.max(0, prefix - i * 8));
    const host = 0xff >> bits;
    return hostBits === 1 ? byte | host : byte & ~host;
  });
}

/** Reads an RTM_NEWADDR message (struct ifaddrmsg and attributes); null for other messages and other families. */
export function parseAddress(message: Pick<Message, "type" | "payload">): InterfaceAddress | null {
  const family = message.payload[0];
  if (message.type !== RTM_NEWADDR || message.payload.length < 8 || (family !== AF_INET && family !== AF_INET6)) return null;
  const prefix = message.payload[1] ?? 0;
  const attributes = parseAttributes(message.payload.subarray(8));
  const attached = attributes.get(IFA_ADDRESS) ?? attributes.get(IFA_LOCAL);
  // On a point-to-point link IFA_ADDRESS is the other end, IFA_LOCAL our own.
  const own = attributes.get(IFA_LOCAL) ?? attached;
  if (attached === undefined || own === undefined) return null;
  const broadcasts = new Set<string>();
  if (family === AF_INET) {
    // The kernel makes both broadcast addresses (fib_add_ifaddr).
    if (prefix < 31) broadcasts.add(addressText(masked(attached, prefix, 1)));
    const configured = attributes.get(IFA_BROADCAST);
    if (configured !== undefined && number32(configured) !== 0xffffffff && number32(configured) !== 0)
      broadcasts.add(addressText(configured));
  }
  return {
    ifindex: number32(message.payload.subarray(4)) ?? 0,
    address: addressText(own),
    network: addressText(masked(attached, prefix, 0)),
    prefix,
    broadcasts: [...broadcasts],
  };
}

/** Every address in a network namespace (a path or an open file descriptor; null = the one the thread is in). */
export function readAddresses(namespace: string | number | null): InterfaceAddress[] {
  const netlink = new Netlink(NETLINK_ROUTE, namespace);
  try {
    const everything = new Uint8Array(8);
    return netlink.dump(RTM_GETADDR, everything).flatMap((message) => parseAddress(message) ?? []);
  } finally {
    netlink.close();
  }
}

/**
 * Calls `onChange` within 200 ms of an address coming or going in a network namespace; what is there now is for `readAddresses` to say.
 * Keeps the namespace alive, but not the process. Returns the function that ends it.
 */
export function watchAddresses(namespace: string | number | null, onChange: () => void): () => void {
  const open = (): number => socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  const fd = namespace === null ? open() : inNamespace(namespace, open);
  const groups = new Uint8Array(12);
  const view = new DataView(groups.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, ADDRESS_GROUPS, true);
  try {
    bind(fd, groups);
  } catch (cause) {
    close(fd);
    throw cause;
  }
  const buffer = new Uint8Array(65536);
  // libuv cannot wait for netlink sockets, and a blocking read would occupy a thread for good: look five times a second instead.
  const timer = setInterval(() => {
    if (drain(fd, buffer)) onChange();
  }, POLL_MS);
  timer.unref();
  let watching = true;
  return () => {
    if (!watching) return;
    watching = false;
    clearInterval(timer);
    close(fd);
  };
}

/** Reads what has come in; true when something changed, or may have. */
function drain(fd: number, buffer: Uint8Array): boolean {
  let changed = false;
  for (;;) {
    try {
      const length = receive(fd, buffer, MSG_DONTWAIT);
      if (length === null) return changed;
      changed ||= parseMessages(buffer.subarray(0, length)).some(({ type }) => type === RTM_NEWADDR || type === RTM_DELADDR);
    } catch (cause) {
      // ENOBUFS: more came than there was room for.
      if (!(cause instanceof SystemCallError) || cause.code !== "ENOBUFS") throw cause;
      changed = true;
    }
  }
}
