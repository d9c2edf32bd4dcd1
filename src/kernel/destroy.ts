// SPDX-License-Identifier: Apache-2.0
/** Ending a socket from outside, as `ss -K` does: its calls fail with ECONNABORTED. Needs CONFIG_INET_DIAG_DESTROY (Linux 4.5). */
import { AF_INET, AF_INET6, SystemCallError } from "./libc.ts";
import { type Message, NETLINK_SOCK_DIAG, Netlink } from "./netlink.ts";
import { PROTOCOL_TCP, type PROTOCOL_UDP, writeUint16 } from "./packet.ts";

const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
const ALL_STATES = 0xffffffff;

/** struct inet_diag_sockid: ports (2 × 2), source (16), destination (16), interface (4), cookie (8). */
const ID_LENGTH = 48;
const ID_COOKIE = 40;

/** Which socket, as the kernel's events name it. Ports in host order. */
export type SocketName = {
  readonly protocol: typeof PROTOCOL_TCP | typeof PROTOCOL_UDP;
  readonly cookie: bigint;
  readonly localPort: number;
  /** 0 = not connected, or not known. */
  readonly remotePort: number;
};

/** Ends sockets of one network namespace. */
export class Destroyer {
  readonly #netlink: Netlink;

  /** `namespace`: a path or an open file descriptor; null = the one the thread is in. */
  constructor(namespace: string | number | null) {
    this.#netlink = new Netlink(NETLINK_SOCK_DIAG, namespace);
  }

  /** Ends a socket, found by its cookie whatever address translation made of its packets. False when there is no such socket any more. */
  destroy(name: SocketName): boolean {
    // A v4-mapped socket of AF_INET6 is listed under AF_INET6, and one of AF_INET under AF_INET.
    for (const family of [AF_INET, AF_INET6]) {
      const id = this.#find(family, name);
      if (id === null) continue;
      try {
        this.#netlink.request(SOCK_DESTROY, question(family, name.protocol, 0, id));
        return true;
      } catch (cause) {
        if (cause instanceof SystemCallError && cause.code === "ENOENT") return false;
        throw cause;
      }
    }
    return false;
  }

  /** Whether this kernel can end sockets. Asks for, and then to end, one that cannot exist. */
  supported(): boolean {
    try {
      // Without tcp_diag it answers ENOENT to everything.
      this.#find(AF_INET, { protocol: PROTOCOL_TCP, cookie: 0n, localPort: 1, remotePort: 0 });
    } catch (cause) {
      if (cause instanceof SystemCallError) return false;
      throw cause;
    }
    try {
      this.#netlink.request(SOCK_DESTROY, question(AF_INET, PROTOCOL_TCP, 0, new Uint8Array(ID_LENGTH)));
      return true;
    } catch (cause) {
      if (!(cause instanceof SystemCallError)) throw cause;
      return cause.code === "ENOENT";
    }
  }

  close(): void {
    this.#netlink.close();
  }

  #find(family: number, name: SocketName): Uint8Array | null {
    const filter = new Uint8Array(ID_LENGTH);
    writeUint16(filter, 0, name.localPort);
    writeUint16(filter, 2, name.remotePort);
    for (const message of this.#netlink.dump(SOCK_DIAG_BY_FAMILY, question(family, name.protocol, ALL_STATES, filter))) {
      const id = socketId(message);
      if (id !== null && new DataView(id.buffer, id.byteOffset).getBigUint64(ID_COOKIE, true) === name.cookie) return id;
    }
    return null;
  }
}

/** struct inet_diag_req_v2. */
function question(family: number, protocol: number, states: number, id: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + ID_LENGTH);
  bytes[0] = family;
  bytes[1] = protocol;
  new DataView(bytes.buffer).setUint32(4, states, true);
  bytes.set(id, 8);
  return bytes;
}

/** The identity in a struct inet_diag_msg; null for one too short. */
function socketId(message: Message): Uint8Array | null {
  const id = message.payload.slice(4, 4 + ID_LENGTH);
  return id.length === ID_LENGTH ? id : null;
}
