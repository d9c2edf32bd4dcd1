// SPDX-License-Identifier: Apache-2.0
/** Commands that need root call themselves through sudo where there is one. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Failure } from "../contract/failure.ts";

/** Returns when we are root; else becomes sudo with this same command line. `Failure("not-permitted")` where there is no sudo. */
export function becomeRoot(command: string): void {
  if (process.getuid?.() === 0) return;
  const sudo = findProgram("sudo", process.env.PATH ?? "");
  if (sudo === null || process.execve === undefined) {
    throw new Failure("not-permitted", `Not permitted: "holdfast ${command}" needs root, and there is no sudo here; run it as root`);
  }
  process.execve(sudo, ["sudo", "--", process.execPath, ...process.execArgv, ...process.argv.slice(1)], process.env);
}

/** The first executable of this name in the folders of `path`; null when there is none. */
export function findProgram(name: string, path: string): string | null {
  for (const folder of path.split(delimiter)) {
    if (!folder.startsWith("/")) continue;
    const candidate = join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      if (statSync(candidate).isFile()) return candidate;
    } catch {
      // Not in this folder, or not for us: the next one.
    }
  }
  return null;
}
