// SPDX-License-Identifier: Apache-2.0
/** The project's own files. */
import { globSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..");

/** Paths relative to the root, sorted; nothing generated or installed. */
export function projectFiles(patterns: readonly string[]): string[] {
  return globSync([...patterns], { cwd: ROOT, exclude: ["**/node_modules/**", "build/**"] }).sort();
}
