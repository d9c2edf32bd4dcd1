// SPDX-License-Identifier: Apache-2.0
/** Which Debian package owns a file. One index over all of dpkg's file lists gives hints; the list itself has the last word. */
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { conffileMd5Of, type Diversion, diversionsOf, filesOfList, hasLine, md5Of } from "./dpkg.ts";
import { rawPath } from "./files.ts";
import { PathIndex } from "./path-index.ts";

export type Owner = {
  /** Without the architecture, e.g. "libc6". */
  readonly package: string;
  /** MD5 of the file as shipped, lower-case hexadecimal; null when the package does not say. */
  readonly md5: string | null;
};

const MERGED = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]; /* Debian's merged /usr: links in the root folder */
const MAX_PACKAGES = 65_535;
const SLICE_MS = 8;
/** Time stamps of files may be as coarse as the kernel's tick; what changed so shortly before a look is looked at again. */
const COARSE_MS = 1000;

/** A file of dpkg's, one character for each byte: paths are compared as bytes. */
async function text(path: string): Promise<string> {
  return readFile(path, "latin1").catch(() => "");
}

/** Paths below /usr are filed without it, so that both spellings of a merged /usr meet. */
function startOf(bytes: Uint8Array, from: number): number {
  const isUsr = bytes[from + 1] === 0x75 && bytes[from + 2] === 0x73 && bytes[from + 3] === 0x72 && bytes[from + 4] === 0x2f;
  return isUsr ? from + 4 : from;
}

/** The packages of the system at `root` ("" is this one). Built at the first question, brought up to date when dpkg's status changes. */
export class Packages {
  readonly #root: string;
  readonly #now: () => number;
  readonly #index = new PathIndex();
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();
  #diversions: readonly Diversion[] = [];
  #merged: readonly string[] = [];
  #statusMtimeMs = -1;
  #readAtMs = 0;
  #refreshing: Promise<void> | null = null;

  /** `now`: milliseconds since the epoch, as time stamps of files have them. */
  constructor(root = "", now: () => number = Date.now) {
    this.#root = root;
    this.#now = now;
  }

  /** Bytes the index holds, and how many paths. */
  get size(): { readonly bytes: number; readonly paths: number } {
    return { bytes: this.#index.bytes, paths: this.#index.size };
  }

  /** The package that owns the file at `path` (absolute, links resolved); null when none does, or dpkg is not used here. */
  async ownerOf(path: string): Promise<Owner | null> {
    await this.refresh();
    const bytes = rawPath(path).toString("latin1");
    const diversion = this.#diversions.find((each) => each.from === bytes || each.to === bytes);
    /* A diverted file is listed under the name it would have. */
    const listed = diversion?.to === bytes ? diversion.from : bytes;
    for (const number of this.#index.find(this.#key(listed))) {
      const name = this.#names[number] ?? "";
      const bare = name.split(":")[0] ?? "";
      if (diversion !== undefined && (diversion.by === bare) !== (diversion.from === bytes)) continue;
      const list = await text(this.#info(`${name}.list`));
      const spelling = this.#spellings(listed).find((each) => hasLine(list, each));
      if (spelling !== undefined) return { package: bare, md5: await this.#md5(name, spelling) };
    }
    return null;
  }

  /** Reads what changed in dpkg's lists since the last time; in slices, so that nothing else waits longer than some milliseconds. */
  async refresh(): Promise<void> {
    if (this.#refreshing !== null) return this.#refreshing;
    this.#refreshing = this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const mtimeMs = await stat(`${this.#root}/var/lib/dpkg/status`).then(
      (status) => status.mtimeMs,
      () => -1,
    );
    if (mtimeMs === this.#statusMtimeMs) return;
    const startedMs = this.#now();
    this.#merged = await this.#mergedFolders();
    this.#diversions = diversionsOf(await text(`${this.#root}/var/lib/dpkg/diversions`));
    const files = await readdir(this.#info("")).catch(() => []);
    const slice = { startMs: performance.now() };
    for (const file of files) {
      if (file.endsWith(".list")) await this.#readList(file, slice);
    }
    this.#readAtMs = startedMs;
    this.#statusMtimeMs = mtimeMs;
  }

  async #readList(file: string, slice: { startMs: number }): Promise<void> {
    const path = this.#info(file);
    const status = await stat(path).catch(() => null);
    const name = file.slice(0, -".list".length);
    const known = this.#numbers.get(name);
    if (status === null || (known !== undefined && status.ctimeMs < this.#readAtMs - COARSE_MS)) return;
    const number = known ?? this.#names.length;
    if (number >= MAX_PACKAGES) return;
    if (known === undefined) {
      this.#names.push(name);
      this.#numbers.set(name, number);
    }
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    for (let at = 0; at < bytes.length; ) {
      at = filesOfList(bytes, at, (from, to) => this.#index.add(bytes, startOf(bytes, from), to, number));
      if (performance.now() - slice.startMs < SLICE_MS) continue;
      await nextTurn();
      slice.startMs = performance.now();
    }
  }

  async #mergedFolders(): Promise<readonly string[]> {
    const isMerged = async (name: string): Promise<boolean> => {
      const target = await readlink(`${this.#root}/${name}`).catch(() => "");
      return target.replace(/^\//, "") === `usr/${name}`;
    };
    const found = await Promise.all(MERGED.map(isMerged));
    return MERGED.filter((_, i) => found[i]);
  }

  async #md5(name: string, path: string): Promise<string | null> {
    const sum = md5Of(await text(this.#info(`${name}.md5sums`)), path);
    if (sum !== null || !hasLine(await text(this.#info(`${name}.conffiles`)), path)) return sum;
    return conffileMd5Of(await text(`${this.#root}/var/lib/dpkg/status`), name, path);
  }

  #info(file: string): string {
    return `${this.#root}/var/lib/dpkg/info/${file}`;
  }

  #key(path: string): Uint8Array {
    const bytes = Buffer.from(path, "latin1");
    return bytes.subarray(startOf(bytes, 0));
  }

  /** How a list may spell the path: as it is, and without /usr where the folder of the root is a link. */
  #spellings(path: string): readonly string[] {
    const folder = this.#merged.find((name) => path.startsWith(`/usr/${name}/`));
    return folder === undefined ? [path] : [path, path.slice("/usr".length)];
  }
}
