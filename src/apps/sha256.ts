// SPDX-License-Identifier: Apache-2.0
/** SHA-256 of executables: computed only when somebody wants to see it, once for each file key. */
import { Digests, type FileKeyOf } from "./digest.ts";

/** `of(path, key)` gives 64 hexadecimal digits, or null when the file is not, or no longer, there. */
export function sha256Digests(fileKeyOf: FileKeyOf): Digests {
  return new Digests("sha256", fileKeyOf);
}
