// SPDX-License-Identifier: Apache-2.0
/** An application class in a few words. */
import type { App } from "../contract/app.ts";

/** "git via ssh" for what ssh does for git (as rules say it), else the program's name. Not yet made safe to show (contract/bytes.ts). */
export function describeApp(app: App): string {
  return app.via === null ? app.name : `${app.via.name} via ${app.name}`;
}
