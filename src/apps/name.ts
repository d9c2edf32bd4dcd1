// SPDX-License-Identifier: Apache-2.0
/** What to call a program on screen. */
import type { Identity } from "../contract/app.ts";
import { baseName, type ImageReport } from "./image.ts";
import type { Program } from "./interpreter.ts";
import { withoutDeleted } from "./proc.ts";

export type NameFacts = Pick<Identity, "path" | "claimedPath" | "script" | "container" | "flatpak" | "snap" | "appimage"> & {
  readonly image: ImageReport;
  readonly program: Program | null;
  /** The host has some file at the claimed path (another one, when `path` is null). */
  readonly hostHasClaim: boolean;
};

const MEMFD = /^\/?(memfd:.*)$/s;

/** The base name of the executable: of its verified path, else of what the process or the kernel calls it. */
export function executableName(path: string | null, claimedPath: string | null, image: ImageReport): string {
  const shown = path ?? (claimedPath === null ? null : withoutDeleted(claimedPath).path) ?? image.path;
  if (shown === null || baseName(shown) === "") return image.comm;
  return path === null ? (MEMFD.exec(shown)?.[1] ?? baseName(shown)) : baseName(shown);
}

function running(executable: string, facts: NameFacts): string {
  if (facts.script !== null) return baseName(facts.script);
  if (facts.program?.kind === "module") return `${executable} ${facts.program.name}`;
  if (facts.program?.kind === "script") return `${executable} ${baseName(facts.program.claim)}`;
  return executable;
}

/** Why an image is not simply the file at its path. */
function state(executable: string, facts: NameFacts): string {
  const { image, claimedPath } = facts;
  const isMemory = executable.startsWith("memfd:") || (image.key.unlinked && claimedPath === null && image.path === null);
  if (isMemory) return " (not a file)";
  const deleted = image.key.unlinked || (claimedPath !== null && withoutDeleted(claimedPath).deleted);
  return deleted ? " (deleted)" : "";
}

function place(facts: NameFacts): string {
  if (facts.container !== null) return ` in container ${facts.container}`;
  if (facts.flatpak !== null) return ` in Flatpak ${facts.flatpak}`;
  if (facts.snap !== null) return ` in snap ${facts.snap}`;
  if (facts.appimage !== null) return ` in AppImage ${facts.appimage}`;
  return facts.image.key.otherMounts ? ` in a namespace of PID ${facts.image.tgid}` : "";
}

/** "curl", "sync.py"; where the executable is not what the host has at its path: "curl (deleted)", "curl in container web" … */
export function nameOf(facts: NameFacts): string {
  const executable = executableName(facts.path, facts.claimedPath, facts.image);
  const name = running(executable, facts);
  if (facts.path !== null) return name;
  const rest = state(executable, facts) + place(facts);
  if (rest !== "") return name + rest;
  const claim = facts.claimedPath ?? facts.image.path;
  if (claim === null) return `${name} (gone)`;
  return facts.hostHasClaim ? `${name} (not the file at ${claim})` : `${name} (file out of reach)`;
}
