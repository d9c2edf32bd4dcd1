// SPDX-License-Identifier: Apache-2.0
/** Who may use the API. Rights belong to a connection: they are read once, when it is accepted, and never change (architecture.md, "Trust"). */
import { readFileSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import type { Right } from "../contract/routes.ts";
import { type PeerCredentials, peerCredentials } from "../kernel/peercred.ts";

export const API_GROUP = "holdfast";

/** The id of the API's group; null while there is none. */
export type GroupLookup = () => number | null;

/** Reads `file` (in the form of /etc/group) again whenever it has changed. A file that cannot be read has no groups. */
export function groupLookup(file: string): GroupLookup {
  let seen = "";
  let gid: number | null = null;
  return () => {
    const { mtimeNs, ctimeNs, ino } = statSync(file, { bigint: true, throwIfNoEntry: false }) ?? { mtimeNs: 0n, ctimeNs: 0n, ino: 0n };
    const key = `${mtimeNs} ${ctimeNs} ${ino}`;
    if (key !== seen) {
      gid = ino === 0n ? null : groupId(readFileSync(file, "utf8"), API_GROUP);
      seen = key;
    }
    return gid;
  };
}

/** The id of a group in the text of /etc/group (group(5)); null when it is not there. */
export function groupId(text: string, name: string): number | null {
  for (const line of text.split("\n")) {
    const [group, , gid] = line.split(":");
    if (group === name && gid !== undefined && /^\d+$/.test(gid)) return Number(gid);
  }
  return null;
}

/** Root and members of the API's group may do everything, everybody else nothing. */
export function rightsOf(peer: PeerCredentials, gid: number | null): ReadonlySet<Right> {
  const member = gid !== null && (peer.gid === gid || peer.groups.includes(gid));
  return new Set<Right>(peer.uid === 0 || member ? ["read", "change"] : []);
}

/** The rights of an accepted connection; none when the kernel does not say whose it is. */
export function rightsOfConnection(socket: Socket, group: GroupLookup): ReadonlySet<Right> {
  const fd = descriptor(socket);
  if (fd === null) return new Set();
  try {
    return rightsOf(peerCredentials(fd), group());
  } catch {
    return new Set();
  }
}

/** Node has no public way to a socket's descriptor; its handle carries it on every Unix. */
function descriptor(socket: Socket): number | null {
  const handle = "_handle" in socket ? socket._handle : null;
  const fd = typeof handle === "object" && handle !== null && "fd" in handle ? handle.fd : null;
  return typeof fd === "number" && fd >= 0 ? fd : null;
}
