// SPDX-License-Identifier: Apache-2.0
/** The API's Unix socket: its place, and who may connect at all. */
import { chmodSync, chownSync, lstatSync, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { Failure } from "../contract/failure.ts";

/**
 * Makes `server` listen on `path`, closed to everyone but root until `openTo` says otherwise. A socket left behind by a daemon that is gone is
 * removed; one that somebody listens on, or a file that is no socket, is a `Failure("conflict")`.
 */
export async function listenOn(server: Server, path: string): Promise<void> {
  await removeStale(path);
  const umask = process.umask(0o177);
  try {
    // The socket is bound before listen() returns, with this umask.
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
      process.umask(umask);
    });
  } catch (cause) {
    throw new Failure("failed", `Cannot listen on socket "${path}": ${reason(cause)}`, { cause });
  } finally {
    process.umask(umask);
  }
}

/** 0660 root:`gid`, or 0600 for root alone when `gid` is null. Group first: the socket is never open to a group it is not meant for. */
export function openTo(path: string, gid: number | null): void {
  if (gid === null) {
    chmodSync(path, 0o600);
    return;
  }
  chownSync(path, -1, gid);
  chmodSync(path, 0o660);
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new Failure("conflict", `Cannot listen on "${path}": there is a file that is no socket; expected a free path`);
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error) => resolve(!("code" in error && error.code === "ECONNREFUSED")));
  });
  if (answered) throw new Failure("conflict", `Cannot listen on "${path}": another program listens there`);
  unlinkSync(path);
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
