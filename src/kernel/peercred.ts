// SPDX-License-Identifier: Apache-2.0
/** Who is at the other end of a Unix socket, as the kernel wrote it down when that end connected. */
import koffi from "koffi";

const SOL_SOCKET = 1;
const SO_PEERCRED = 17; /* since Linux 2.2; this number on x86-64 and arm64 */
const SO_PEERGROUPS = 59; /* since Linux 4.13 (28b5ba2aa0f5) */
/** Groups a process can have: NGROUPS_MAX since Linux 2.6.4. */
const MAX_GROUPS = 65536;
const CREDENTIALS_BYTES = 12; /* struct ucred: pid, uid, gid, 32 bits each */

export type PeerCredentials = {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
};

const getsockopt = koffi.load("libc.so.6").func("int getsockopt(int, int, int, void *, void *)") as (
  fd: number,
  level: number,
  option: number,
  value: Uint32Array,
  length: Uint32Array,
) => number;

/** A socket option made of 32-bit words. Throws when the kernel refuses. */
function words(fd: number, option: number, room: number): Uint32Array {
  const value = new Uint32Array(room);
  const length = Uint32Array.of(value.byteLength);
  if (getsockopt(fd, SOL_SOCKET, option, value, length) !== 0) {
    throw new Error(`Cannot read option ${option} of socket ${fd}: error ${koffi.errno()}`);
  }
  return value.subarray(0, (length[0] ?? 0) / 4);
}

/** Credentials of the peer of the Unix socket open as `fd`. Throws when it is no connected Unix socket. */
export function peerCredentials(fd: number): PeerCredentials {
  const [pid, uid, gid] = words(fd, SO_PEERCRED, CREDENTIALS_BYTES / 4);
  if (pid === undefined || uid === undefined || gid === undefined) throw new Error(`Cannot read who is at socket ${fd}: too few bytes`);
  return { pid, uid, gid, groups: Array.from(words(fd, SO_PEERGROUPS, MAX_GROUPS)) };
}
