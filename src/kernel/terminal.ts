// SPDX-License-Identifier: Apache-2.0
/** Who has the controlling terminal, and how to have it for a while: the part of job control (tty_ioctl(4)) that Node does not have. */
import { closeSync, openSync } from "node:fs";
import koffi from "koffi";

export const TERMINAL = "/dev/tty";

const SIGTTOU = 22;
const SIG_IGN = 1;

const library = koffi.load(null);
const tcgetpgrp = library.func("int tcgetpgrp(int)") as (fd: number) => number;
const tcsetpgrp = library.func("int tcsetpgrp(int, int)") as (fd: number, group: number) => number;
const getpgrp = library.func("int getpgrp()") as () => number;
const signal = library.func("int64_t signal(int, int64_t)") as (number: number, handler: number) => unknown;

function onTerminal<T>(work: (fd: number) => T): T {
  const fd = openSync(TERMINAL, "r+");
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

/** Whether this process has a controlling terminal. */
export function hasTerminal(): boolean {
  try {
    return onTerminal(() => true);
  } catch {
    return false;
  }
}

/** The process group in the foreground of the terminal. */
export function foreground(): number {
  return onTerminal(tcgetpgrp);
}

/** The process group of this process. */
export function ownGroup(): number {
  return getpgrp();
}

/** Puts a process group into the foreground. From the background too: this process no longer stops for doing so. */
export function putInForeground(group: number): void {
  // A handler of Node's would have the call made again and again.
  signal(SIGTTOU, SIG_IGN);
  onTerminal((fd) => tcsetpgrp(fd, group));
}
