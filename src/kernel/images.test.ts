// SPDX-License-Identifier: Apache-2.0
/** What is in use stays in the table of images, whatever else has to go. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { encode } from "../contract/codec.ts";
import { ImageKey } from "../contract/layout.gen.ts";
import { Images } from "./images.ts";
import { type ImageKeyFields, TableFullError } from "./kernel.ts";
import { openKernel } from "./linux.ts";

const OBJECT_FILE = join(import.meta.dirname, "../../build/holdfast.bpf.o");
const root = { skip: process.getuid?.() === 0 ? false : "needs root" };

const PLAIN: ImageKeyFields = {
  inode: 0n,
  ctimeNs: 1n,
  cgroup: 1n,
  argsHash: 0n,
  salt: 0n,
  device: 1,
  responsible: 0,
  flags: 0,
  reserved: 0,
};
const keyOf = (fields: Partial<ImageKeyFields>): Uint8Array => encode(ImageKey, { ...PLAIN, ...fields });
const IMAGE = new Uint8Array(20);

/** A kernel with room for so many images. */
class Table {
  readonly images = new Map<string, Uint8Array>();
  readonly running: Uint8Array[] = [];
  readonly #room: number;

  constructor(room: number) {
    this.#room = room;
  }

  keys = (): Iterable<Uint8Array> => this.images.values();
  used = (): Iterable<Uint8Array> => this.running;
  remove = (key: Uint8Array): void => void this.images.delete(`${key}`);
  has = (key: Uint8Array): boolean => this.images.has(`${key}`);
  put = (key: Uint8Array): void => {
    if (!this.has(key) && this.images.size >= this.#room) throw new TableFullError("images", null);
    this.images.set(`${key}`, key);
  };
}

test("Images.put() makes room by what was not used for longest, and never by what runs", () => {
  const table = new Table(8);
  const images = new Images(table);
  const argsHash = (n: number): Uint8Array => keyOf({ inode: 1n, argsHash: BigInt(n) });
  images.put(keyOf({ inode: 1n }), IMAGE);
  for (let n = 1; n < 8; n++) images.put(argsHash(n), IMAGE);
  table.running.push(argsHash(1));
  images.put(argsHash(8), IMAGE);
  assert.deepEqual(
    [1, 2, 3, 4, 8].map((n) => table.has(argsHash(n))),
    [true, false, false, true, true],
  );
  assert.ok(table.has(keyOf({ inode: 1n })), "the interpreter's own entry is used with each of its scripts");
  for (let n = 9; n < 1000; n++) images.put(argsHash(n), IMAGE);
  assert.ok(table.has(argsHash(1)) && table.has(keyOf({ inode: 1n })));
});

test("Images.put() fails where everything is in use", () => {
  const table = new Table(1);
  const images = new Images(table);
  images.put(keyOf({ inode: 1n }), IMAGE);
  table.running.push(keyOf({ inode: 1n }));
  assert.throws(() => images.put(keyOf({ inode: 2n }), IMAGE), TableFullError);
  table.running.pop();
  images.put(keyOf({ inode: 2n }), IMAGE);
  assert.deepEqual([table.has(keyOf({ inode: 1n })), table.has(keyOf({ inode: 2n }))], [false, true]);
});

test("Images.forgetEnded() takes away the runs that are over, those of another daemon and of forks too, and nothing else", () => {
  const table = new Table(8);
  table.put(keyOf({ salt: 1n }));
  const images = new Images(table);
  images.put(keyOf({}), IMAGE);
  images.put(keyOf({ salt: 2n }), IMAGE);
  images.put(keyOf({ salt: 3n }), IMAGE);
  table.running.push(keyOf({ salt: 2n }));
  images.forgetEnded();
  assert.ok(table.has(keyOf({ salt: 3n })), "records of it may still come");
  images.forgetEnded();
  assert.deepEqual(
    [0n, 1n, 2n, 3n].map((salt) => table.has(keyOf({ salt }))),
    [true, false, true, false],
  );
});

test("forgetIdleImages() and dropText() take numbers out of the kernel's own tables", root, async (t) => {
  const kernel = openKernel({ objectFile: OBJECT_FILE, scope: { path: "/nowhere", id: 0n, level: 1 }, folder: "/nowhere/never-pinned" });
  kernel.listen(() => {});
  t.after(() => kernel.close());
  const image = { class: 7, app: 3, launcher: 0, session: 0, interpreter: 0, reserved: 0, responsible: 0 };
  kernel.putImage(PLAIN, image);
  assert.ok(kernel.classesInUse().has(7));
  kernel.forgetIdleImages();
  assert.deepEqual([kernel.classesInUse().has(7), kernel.classOf(PLAIN)], [false, 0]);
  kernel.keepText(6, "x".repeat(1000));
  kernel.keepText(7, "y");
  kernel.dropText(6);
  assert.deepEqual([...kernel.texts()], [[7, "y"]]);
});
