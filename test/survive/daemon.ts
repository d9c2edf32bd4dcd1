// SPDX-License-Identifier: Apache-2.0
/** A daemon with another kernel object, or with tables so small that a test can fill them. Options: one argument of JSON; SIGTERM ends it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startDaemon } from "../../src/daemon/daemon.ts";
import { pinFolder, scopeOf } from "../../src/kernel/pins.ts";

export type DaemonOptions = {
  readonly scope: string;
  readonly state: string;
  readonly rules: string;
  readonly socket: string;
  readonly mode: "allow" | "deny" | "ask";
  /** Stands still (SIGSTOP) when its rules are in force, and before it has taken one record from the kernel. */
  readonly standing?: boolean;
  /** What its start takes longer than it does, before the hooks are attached. */
  readonly slowMs?: number;
  readonly objectFile?: string;
  readonly bounds?: Readonly<Record<string, number>>;
};

const { standing = false, slowMs = 0, ...options } = JSON.parse(process.argv[2] ?? "{}") as DaemonOptions;
const scope = scopeOf(options.scope);
let stood = !standing;
let waitMs = slowMs;
const daemon = await startDaemon({
  ...options,
  /* Looked at when the tables are there, and again when the hooks are attached, before a record is read. */
  get rules() {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs);
    waitMs = 0;
    if (!stood && existsSync(join(pinFolder(scope), "links"))) {
      stood = true;
      process.kill(process.pid, "SIGSTOP");
    }
    return options.rules;
  },
  whenAway: null,
  scope,
  log: (sentence) => console.error(sentence),
});
console.log(JSON.stringify({ pid: process.pid }));
process.once("SIGTERM", () => void daemon.stop().then(() => process.exit(0)));
void daemon.gone.then(() => daemon.stop()).then(() => process.exit(0));
