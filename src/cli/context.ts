// SPDX-License-Identifier: Apache-2.0
/** What every command has: its global options, the way to the daemon, and where to print. */
import type { Client } from "../client/client.ts";
import type { LocalCommands } from "../contract/local.ts";
import type { Output } from "./output.ts";

export type Context = {
  readonly output: Output;
  readonly json: () => boolean;
  /** Absolute path of the daemon's socket. */
  readonly socket: () => string;
  readonly client: () => Client;
  /** The commands that need no daemon: as root, through sudo where there is one (then this never returns). */
  readonly local: (command: string) => Promise<LocalCommands>;
  /** The same without becoming root, for what only looks. */
  readonly localAsCaller: () => Promise<LocalCommands>;
  /** The exit code when the command ends without a failure. */
  exit: number;
};
