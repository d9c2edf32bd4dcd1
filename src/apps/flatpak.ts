// SPDX-License-Identifier: Apache-2.0
/** Which Flatpak a process belongs to. Among programs of one user this is a claim: he can build such a sandbox himself. */
import { decodeBytes } from "../contract/bytes.ts";
import { readSmallFile } from "./files.ts";
import { unescapeUnit } from "./unit.ts";

const INFO_LIMIT = 64 * 1024;

/** The id from a scope "app-flatpak-ID-PID.scope" (flatpak-run.c, systemd's names for applications), or null. */
export function flatpakOfCgroup(cgroup: string | null): string | null {
  const part = cgroup?.split("/").findLast((each) => each.startsWith("app-flatpak-") && each.endsWith(".scope"));
  const id = part === undefined ? undefined : /^app-flatpak-(.+)-\d+\.scope$/.exec(part)?.[1];
  return id === undefined ? null : unescapeUnit(id);
}

/** The id a `.flatpak-info` names: `name=` in its group [Application] (flatpak-metadata(5)); null when it names none. */
export function flatpakOfInfo(text: string): string | null {
  let group = "";
  for (const line of text.split("\n")) {
    const header = /^\[(.*)\]\s*$/.exec(line)?.[1];
    if (header !== undefined) group = header;
    else if (group === "Application") {
      const name = /^name=(.*\S)\s*$/.exec(line)?.[1];
      if (name !== undefined) return name;
    }
  }
  return null;
}

/** The `.flatpak-info` at a process's root directory; null when it has none. `rootDirectory` is e.g. "/proc/12/root". */
export async function flatpakOfRoot(rootDirectory: string): Promise<string | null> {
  const bytes = await readSmallFile(`${rootDirectory}/.flatpak-info`, INFO_LIMIT);
  return bytes === null ? null : flatpakOfInfo(decodeBytes(bytes));
}
