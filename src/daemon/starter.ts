// SPDX-License-Identifier: Apache-2.0
/**
 * A process of its own that becomes COMMAND. In this order: joins the cgroup as root, gives root up, takes the caller's environment, execs.
 * So nothing of the caller's runs before it is judged, or as root (his LD_PRELOAD, say); setpriv and env could not do that without his
 * environment on a command line, for everybody to read. The order comes on file descriptor 3.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeBytes, visible } from "../contract/bytes.ts";
import { become, type Program } from "../kernel/exec.ts";
import { errorName } from "../kernel/libc.ts";

/** What to become, where, and as whom. */
export type Order = Program & { readonly cgroup: string; readonly uid: number; readonly gid: number; readonly groups: readonly number[] };

/** The file descriptor the order comes on. */
export const ORDER_FD = 3;

/** As a shell has it. */
const CANNOT_RUN = 126;
const NOT_FOUND = 127;

function start(): void {
  const order: Order = JSON.parse(readFileSync(ORDER_FD, "utf8"));
  writeFileSync(join(order.cgroup, "cgroup.procs"), String(process.pid));
  if (order.uid !== 0) {
    process.setgroups?.([...order.groups]);
    process.setgid?.(order.gid);
    process.setuid?.(order.uid);
  }
  const error = errorName(become(order));
  const name = visible(decodeBytes(Buffer.from(order.argv[0] ?? "", "latin1")));
  const why = error === "ENOENT" ? "there is no such program" : error === "EACCES" ? "it may not be executed" : error;
  process.stderr.write(`holdfast: Cannot run "${name}": ${why}\n`);
  process.exitCode = error === "ENOENT" ? NOT_FOUND : CANNOT_RUN;
}

if (import.meta.main) start();
