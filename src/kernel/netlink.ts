// SPDX-License-Identifier: Apache-2.0
/** Netlink: one request to the kernel, all its answers. Layouts from include/uapi/linux/netlink.h; numbers in host order. */
import { constants } from "node:os";
import { AF_NETLINK, close, receive, SO_RCVTIMEO, SOCK_RAW, SOL_SOCKET, SystemCallError, sendTo, setOption, socket } from "./libc.ts";
import { inNamespace } from "./netns.ts";

export const NETLINK_ROUTE = 0;
export const NETLINK_SOCK_DIAG = 4;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_DUMP = 0x300;
const HEADER = 16;

export type Message = { readonly type: number; readonly flags: number; readonly sequence: number; readonly payload: Uint8Array };

/** The messages in one datagram from the kernel; a cut-off one at the end is left out. */
export function parseMessages(bytes: Uint8Array): Message[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: Message[] = [];
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > bytes.length) break;
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      payload: bytes.subarray(at + HEADER, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/** The attributes behind a message's fixed part, by type; of several with one type the last. */
export function parseAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attributes = new Map<number, Uint8Array>();
  let at = 0;
  while (at + 4 <= bytes.length) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) break;
    // The two highest bits are flags (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
    attributes.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

/** One attribute, padded to four bytes. A number becomes 32 bits. */
export function attribute(type: number, value: number | Uint8Array): Uint8Array {
  const content = typeof value === "number" ? new Uint8Array(Uint32Array.of(value).buffer) : value;
  const bytes = new Uint8Array((4 + content.length + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + content.length, true);
  view.setUint16(2, type, true);
  bytes.set(content, 4);
  return bytes;
}

/** Reads a 32-bit number in host order; null when the attribute is missing or too short. */
export function number32(bytes: Uint8Array | undefined): number | null {
  if (bytes === undefined || bytes.length < 4) return null;
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

/** A connection to one netlink family in one network namespace. Every question is answered before the call returns. */
export class Netlink {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(65536);
  #sequence = 0;

  /** `namespace`: a path or an open file descriptor; null = the one the thread is in. */
  constructor(family: number, namespace: string | number | null) {
    const open = (): number => socket(AF_NETLINK, SOCK_RAW, family);
    this.#fd = namespace === null ? open() : inNamespace(namespace, open);
    // A struct timeval: 2 s. The kernel answers at once; never wait for ever on a bug.
    setOption(this.#fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(BigUint64Array.of(2n, 0n).buffer));
  }

  /**
   * Asks for one thing, with further NLM_F_* flags; returns what the kernel sent before its acknowledgement. Throws `SystemCallError`
   * with the kernel's error.
   */
  request(type: number, payload: Uint8Array, flags = 0): Message[] {
    return this.#exchange(type, NLM_F_REQUEST | NLM_F_ACK | flags, payload).messages;
  }

  /** Asks for all of something, again when it changed underneath. Throws `SystemCallError` with the kernel's error. */
  dump(type: number, payload: Uint8Array): Message[] {
    for (let tries = 0; ; tries += 1) {
      const answer = this.#exchange(type, NLM_F_REQUEST | NLM_F_DUMP, payload);
      if (!answer.interrupted || tries === 5) return answer.messages;
    }
  }

  close(): void {
    close(this.#fd);
  }

  #exchange(type: number, flags: number, payload: Uint8Array): { readonly messages: Message[]; readonly interrupted: boolean } {
    this.#sequence += 1;
    const bytes = new Uint8Array(HEADER + payload.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length, true);
    view.setUint16(4, type, true);
    view.setUint16(6, flags, true);
    view.setUint32(8, this.#sequence, true);
    bytes.set(payload, HEADER);
    sendTo(this.#fd, bytes, 0, null);
    const messages: Message[] = [];
    let interrupted = false;
    for (;;) {
      const length = receive(this.#fd, this.#buffer, 0);
      if (length === null) throw new SystemCallError("netlink request", constants.errno.EAGAIN);
      for (const message of parseMessages(this.#buffer.slice(0, length))) {
        // The late answer to a question given up on.
        if (message.sequence !== this.#sequence) continue;
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
          messages.push(message);
          continue;
        }
        const error = number32(message.payload) ?? 0;
        if (error !== 0) throw new SystemCallError("netlink request", -(error | 0));
        return { messages, interrupted };
      }
    }
  }
}
