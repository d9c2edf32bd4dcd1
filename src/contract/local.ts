// SPDX-License-Identifier: Apache-2.0
/** The commands that run with no daemon, as root. The CLI reads their options; src/daemon/local.ts does them. Failures are thrown as `Failure`. */
import type { Mode } from "./connection.ts";

export const DEFAULT_SOCKET = "/run/holdfast.sock";
export const DEFAULT_STATE = "/var/lib/holdfast";
export const DEFAULT_RULES = "/etc/holdfast/rules.d";

/** All paths are absolute. `scope` null = the cgroup v2 root. `mode` and `whenAway` null = as the store has it (first start: allow, deny). */
export type UpOptions = {
  readonly socket: string;
  readonly mode: Mode | null;
  readonly scope: string | null;
  readonly state: string;
  readonly rules: string;
  readonly whenAway: "allow" | "deny" | null;
  readonly detach: boolean;
  readonly console: boolean;
  /** `--json`: the running `up` prints nothing else on standard output. */
  readonly json: boolean;
};

export type ScopeOptions = {
  readonly socket: string;
  readonly scope: string | null;
};

/** `rules` in the order given; a later file does not replace an earlier one. */
export type RunOptions = {
  readonly mode: Mode;
  readonly rules: readonly string[];
  readonly save: string | null;
  readonly summary: string | null;
  readonly command: readonly string[];
};

/** With `detach`: the daemon that is now in force. Without: null after Ctrl-C or SIGTERM ended it. */
export type Started = {
  readonly pid: number;
  readonly mode: Mode;
  readonly scope: string;
  readonly socket: string;
  readonly revision: number;
  readonly generation: number;
};

/** How many of each were removed; all 0 when there was nothing. */
export type Removed = {
  readonly scope: string;
  /** The daemon that was stopped, null when none ran. */
  readonly pid: number | null;
  readonly links: number;
  readonly pins: number;
  readonly filters: number;
  readonly held: number;
};

export type DoctorReport = {
  readonly kernel: {
    readonly release: string;
    readonly missing: readonly string[];
  };
  readonly checks: readonly {
    readonly code: string;
    readonly severity: "ok" | "warning" | "error";
    readonly text: string;
  }[];
};

export type BenchReport = {
  readonly machine: string;
  /** `met` null = the row has no goal or could not be measured (`reason` says why). */
  readonly rows: readonly {
    readonly measure: string;
    readonly goal: string;
    readonly value: string;
    readonly met: boolean | null;
    readonly reason: string | null;
  }[];
  /** Where the table was written. */
  readonly file: string;
};

/** A scope whose rules are in force. `whole`: it is the whole machine, which no --scope has to name. */
export type PinnedScope = {
  /** The cgroup's folder, null when it is gone. */
  readonly path: string | null;
  readonly whole: boolean;
  /** Where its pins are. */
  readonly pins: string;
  /** Its daemon, null when none runs. */
  readonly pid: number | null;
};

export type LocalCommands = {
  /** Resolves when the rules are in force (`detach`) or when `up` has ended. Already running for this scope: `Failure("conflict")` naming its pid. */
  readonly up: (options: UpOptions) => Promise<Started | null>;
  readonly down: (options: ScopeOptions) => Promise<Removed>;
  readonly panic: (options: ScopeOptions) => Promise<Removed>;
  /** Resolves with the exit code: COMMAND's own, 126, 127 or 128+n. A Failure becomes 125. */
  readonly run: (options: RunOptions) => Promise<number>;
  readonly doctor: (options: ScopeOptions) => Promise<DoctorReport>;
  readonly bench: () => Promise<BenchReport>;
  /** Whose rules are pinned in the kernel, with a daemon or without one; null when the caller may not look. */
  readonly pinned: () => Promise<readonly PinnedScope[] | null>;
};
