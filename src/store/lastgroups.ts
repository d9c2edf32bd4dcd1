// SPDX-License-Identifier: Apache-2.0
/** STATE/groups.last/NAME.rules: the last good text of each rule file, byte for byte, so that its line numbers stay true. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { syncFolder } from "./aside.ts";
import { writeDurably } from "./durable.ts";
import { problemOf, type StoreProblem } from "./problem.ts";

const SUFFIX = ".rules";

function fileOf(folder: string, group: string): string {
  if (group === "" || group.includes("/") || group.includes("\0") || !group.isWellFormed()) {
    throw new RangeError(`Cannot use ${JSON.stringify(group)} as the name of a group's file: expected a file name in UTF-8`);
  }
  return join(folder, group + SUFFIX);
}

/** Keeps the text of a group's file. Makes the folder (0700). Returns what prevented it, or null. Throws RangeError on a name that is no file name. */
export function writeLastGroup(folder: string, group: string, text: Uint8Array): StoreProblem | null {
  const file = fileOf(folder, group);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    return problemOf(error, file);
  }
  return writeDurably(file, text);
}

/** Forgets a group whose file a person has removed. Returns what prevented it, or null. */
export function removeLastGroup(folder: string, group: string): StoreProblem | null {
  const file = fileOf(folder, group);
  try {
    rmSync(file, { force: true });
    syncFolder(folder);
    return null;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT" ? null : problemOf(error, file);
  }
}

/** Every group kept, by name. Leftovers of an interrupted write are not among them. Throws what the file system says. */
export function readLastGroups(folder: string): ReadonlyMap<string, Uint8Array> {
  const names = filesIn(folder).filter((name) => name.endsWith(SUFFIX) && name !== SUFFIX);
  return new Map(names.sort().map((name) => [name.slice(0, -SUFFIX.length), readFileSync(join(folder, name))]));
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
