// SPDX-License-Identifier: Apache-2.0
/** Digests of whole files, read in a stream; each is the digest of the one file its key names. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { FileKey } from "../contract/app.ts";
import { rawPath } from "./files.ts";
import { fileKeyText, sameFile } from "./image.ts";

/** Asks the kernel (never stat(2)) for the key of the file at a path in the host's mount namespace; null when there is none. */
export type FileKeyOf = (hostPath: string) => FileKey | null;

const MAX_KNOWN = 4096;

async function digestOf(path: string, algorithm: string): Promise<string | null> {
  try {
    const handle = await open(rawPath(path), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!(await handle.stat()).isFile()) return null;
      const hash = createHash(algorithm);
      for await (const chunk of handle.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 })) hash.update(chunk as Buffer);
      return hash.digest("hex");
    } finally {
      await handle.close();
    }
  } catch {
    return null;
  }
}

/** Digests in one algorithm ("md5", "sha256"), each computed once for each file key. */
export class Digests {
  readonly #algorithm: string;
  readonly #fileKeyOf: FileKeyOf;
  readonly #known = new Map<string, Promise<string | null>>();

  constructor(algorithm: string, fileKeyOf: FileKeyOf) {
    this.#algorithm = algorithm;
    this.#fileKeyOf = fileKeyOf;
  }

  /** Lower-case hexadecimal; null when the file at `path` cannot be read or is not, or no longer, the one `key` names. */
  async of(path: string, key: FileKey): Promise<string | null> {
    const name = fileKeyText(key);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const digest = this.#read(path, key);
    if (this.#known.size >= MAX_KNOWN) {
      const oldest = this.#known.keys().next().value;
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(name, digest);
    if ((await digest) === null) this.#known.delete(name);
    return digest;
  }

  async #read(path: string, key: FileKey): Promise<string | null> {
    const isIt = (): boolean => {
      const found = this.#fileKeyOf(path);
      return found !== null && sameFile(found, key);
    };
    if (!isIt()) return null;
    const digest = await digestOf(path, this.#algorithm);
    return isIt() ? digest : null;
  }
}
