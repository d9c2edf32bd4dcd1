// SPDX-License-Identifier: Apache-2.0
/** Which AppImage a process belongs to. What runs inside its mount is the user's own word; only the AppImage file itself can be verified. */
import { baseName } from "./image.ts";

/** The AppImage runtime mounts itself at TMPDIR/.mount_NAMEXXXXXX (type2-runtime, runtime.c). */
const INSIDE = /\/\.mount_[^/]+\//;

/** Whether an executable's shown path lies in the mount of an AppImage, so that its variable APPIMAGE is worth reading. */
export function insideAppImage(claimedPath: string | null): boolean {
  return claimedPath !== null && INSIDE.test(claimedPath);
}

/** The name of the AppImage file: of the verified `path` itself, or as the variable APPIMAGE of a process inside one says. */
export function appImageOf(path: string | null, variable: string | null): string | null {
  if (path !== null && /\.appimage$/i.test(path)) return baseName(path);
  const name = variable === null ? "" : baseName(variable);
  return name === "" ? null : name;
}
