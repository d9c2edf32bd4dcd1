// SPDX-License-Identifier: Apache-2.0
/**
 * Other scopes that cover the same program. What is sent again for a held flow leaves from the daemon's own socket, which no scope but the
 * machine's judges: so it may only be sent when the others have let the flow itself through.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Decoded, decode } from "../contract/codec.ts";
import { Action, type FlowId, LAYOUT_VERSION, SocketRecord } from "../contract/layout.gen.ts";
import { attachIterator, openPinned } from "./libbpf.ts";
import { close } from "./libc.ts";
import { readIterator } from "./object.ts";
import { cgroupRoot, pinFolder, type Scope } from "./pins.ts";

type Flow = Decoded<typeof FlowId>;

/** Whether every other scope with a verdict on this socket of scope `mine` has allowed this very flow. */
export function othersAllow(mine: Scope, flow: Flow): boolean {
  const folder = pinFolder(mine);
  const root = dirname(folder);
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((other) => other !== folder && judges(other))
    .every((other) => allowedIn(other, flow) ?? !(judges(other) && overlap(mine, BigInt(Number.parseInt(basename(other), 10)))));
}

/** Its hooks go first when a scope is taken away. */
function judges(other: string): boolean {
  return existsSync(join(other, "links", "on_egress"));
}

/** Whether a scope has allowed a flow, or never seen its socket. Null: it cannot be read, being of another make, or gone meanwhile. */
function allowedIn(other: string, flow: Flow): boolean | null {
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
      if (record.header.version !== LAYOUT_VERSION) return null;
      if (record.flow.cookie !== flow.cookie) continue;
      const same = record.flow.peerHigh === flow.peerHigh && record.flow.peerLow === flow.peerLow && record.flow.peerPort === flow.peerPort;
      return same && record.verdict === Action.ALLOW;
    }
    return true;
  } catch {
    return null;
  } finally {
    for (const fd of opened) close(fd);
  }
}

/** Whether a socket of one scope can be the other's, too: one cgroup lies within the other. */
function overlap(mine: Scope, otherId: bigint): boolean {
  const root = cgroupRoot();
  for (let path = mine.path; path.startsWith(root); path = dirname(path)) if (idOf(path) === otherId) return true;
  return lies(otherId, mine.path);
}

/** Whether the cgroup with this id lies below a folder. */
function lies(id: bigint, folder: string): boolean {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name))
    .some((below) => idOf(below) === id || (existsSync(below) && lies(id, below)));
}

function idOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
