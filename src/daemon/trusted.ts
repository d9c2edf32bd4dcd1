// SPDX-License-Identifier: Apache-2.0
/** Whether a file is root's alone: what root runs or reads must not be for others to change. */
import { lstatSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { OBJECT_FILE, ROOT } from "./object-file.ts";

const GROUP_OR_OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** A file or folder on the way to one, and why it is not root's alone. */
export type Untrusted = { readonly path: string; readonly why: string };

/**
 * The first of a file and the folders it stands in that somebody but root could change; null when there is none, or no such file. A folder
 * everybody may write to is fine where it is sticky (/tmp) and what is in it belongs to root.
 */
export function untrusted(file: string): Untrusted | null {
  let path: string;
  try {
    path = realpathSync(file);
  } catch {
    return null;
  }
  for (let first = true; ; first = false) {
    const { uid, mode } = lstatSync(path);
    if (uid !== 0) return { path, why: `belongs to user ${uid}` };
    if ((mode & GROUP_OR_OTHERS_WRITE) !== 0 && (first || (mode & STICKY) === 0)) return { path, why: "is writable by others" };
    const parent = dirname(path);
    if (parent === path) return null;
    path = parent;
  }
}

/** A sentence for each part of Holdfast, and each folder that tells it what to do, which somebody but root could change. */
export function changeableByOthers(folders: { readonly rules: string; readonly state: string }): string[] {
  const files = [
    { path: process.execPath, what: "Node, which root runs" },
    { path: join(ROOT, "src"), what: "Holdfast's own program" },
    { path: join(ROOT, "node_modules"), what: "The packages Holdfast uses" },
    { path: OBJECT_FILE, what: "Holdfast's kernel part" },
    { path: folders.rules, what: "The folder of rule files" },
    { path: folders.state, what: "The state" },
  ];
  return files.flatMap(({ path, what }) => {
    const found = untrusted(path);
    if (found === null) return [];
    const through = found.path === path ? "" : ` through "${found.path}"`;
    return [`${what}, "${path}", can be changed by others than root${through}: it ${found.why}`];
  });
}
