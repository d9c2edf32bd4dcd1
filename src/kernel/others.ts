// SPDX-License-Identifier: Apache-2.0
/**
 * Other scopes that cover the same program. What is sent again for a held flow leaves from the daemon's own socket, which no scope but the
 * machine's judges: so it may only be sent when the others have let the flow itself through.
 */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Decoded, decode } from "../contract/codec.ts";
import { Action, type FlowId, LAYOUT_VERSION, SocketRecord } from "../contract/layout.gen.ts";
import { attachIterator, openPinned } from "./libbpf.ts";
import { close } from "./libc.ts";
import { readIterator } from "./object.ts";

type Flow = Decoded<typeof FlowId>;

/** Whether every other scope with a verdict on this socket has allowed this very flow. `folder`: this scope's pins. */
export function othersAllow(folder: string, flow: Flow): boolean {
  const root = dirname(folder);
  if (!existsSync(root)) return true;
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((other) => other !== folder && existsSync(join(other, "links", "on_egress")))
    .every((other) => allows(other, flow));
}

function allows(other: string, flow: Flow): boolean {
  const opened: number[] = [];
  const kept = (fd: number): number => {
    opened.push(fd);
    return fd;
  };
  try {
    const program = kept(openPinned(join(other, "programs", "live_sockets")));
    const sockets = kept(openPinned(join(other, "maps", "sockets")));
    const bytes = readIterator(kept(attachIterator(program, sockets, "live_sockets")));
    for (let at = 0; at + SocketRecord.size <= bytes.length; at += SocketRecord.size) {
      const record = decode(SocketRecord, bytes, at);
      if (record.header.version !== LAYOUT_VERSION) return false;
      if (record.flow.cookie !== flow.cookie) continue;
      const same = record.flow.peerHigh === flow.peerHigh && record.flow.peerLow === flow.peerLow && record.flow.peerPort === flow.peerPort;
      return same && record.verdict === Action.ALLOW;
    }
    return true;
  } catch {
    /* Gone meanwhile, or of another make: the kernel's own retry meets whatever is in force then. */
    return false;
  } finally {
    for (const fd of opened) close(fd);
  }
}
