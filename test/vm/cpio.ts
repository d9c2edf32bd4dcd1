// SPDX-License-Identifier: Apache-2.0
/** An archive in the form the kernel unpacks as its first root file system: "newc", Documentation/driver-api/early-userspace/buffer-format.rst. */
import { closeSync, openSync, writeSync } from "node:fs";

const DIRECTORY = 0o040755;
const FILE = 0o100000;
const LINK = 0o120777;
const DEVICE = 0o020600;
const TRAILER = "TRAILER!!!";

export class CpioWriter {
  readonly #fd: number;
  readonly #known = new Set<string>();
  #inode = 0;

  constructor(path: string) {
    this.#fd = openSync(path, "w");
  }

  /** `path` has no leading slash; folders on the way are made. Permissions without the type; whole seconds. */
  file(path: string, content: Uint8Array, { mode, mtime }: { readonly mode: number; readonly mtime: number }): void {
    if (this.#isNew(path)) this.#entry(path, { mode: FILE | (mode & 0o777), mtime, content });
  }

  link(path: string, target: string): void {
    if (this.#isNew(path)) this.#entry(path, { mode: LINK, content: Buffer.from(target) });
  }

  folder(path: string): void {
    if (this.#isNew(path)) this.#entry(path, { mode: DIRECTORY });
  }

  characterDevice(path: string, major: number, minor: number): void {
    if (this.#isNew(path)) this.#entry(path, { mode: DEVICE, device: [major, minor] });
  }

  /** Nothing can be added afterwards. */
  close(): void {
    this.#entry(TRAILER, { mode: 0 });
    closeSync(this.#fd);
  }

  #isNew(path: string): boolean {
    if (this.#known.has(path)) return false;
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    if (parent !== "") this.folder(parent);
    this.#known.add(path);
    return true;
  }

  #entry(path: string, entry: { mode: number; mtime?: number; content?: Uint8Array; device?: readonly [number, number] }): void {
    const { mode, mtime = 0, content = new Uint8Array(), device = [0, 0] } = entry;
    const name = Buffer.from(`${path}\0`);
    this.#inode += 1;
    // inode, mode, uid, gid, links, mtime, size, device, device of a special file, length of the name, no checksum
    const fields = [this.#inode, mode, 0, 0, 1, mtime, content.length, 0, 0, ...device, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    this.#write(Buffer.from(header), name, padding(header.length + name.length), content, padding(content.length));
  }

  #write(...parts: readonly Uint8Array[]): void {
    for (const part of parts) for (let written = 0; written < part.length; ) written += writeSync(this.#fd, part, written);
  }
}

/** Headers and contents start at multiples of four bytes. */
function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
