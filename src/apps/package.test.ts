// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { conffileMd5Of, filesOfList, hasLine, md5Of } from "./dpkg.ts";
import { rawPath } from "./files.ts";
import { Packages } from "./package.ts";
import { PathIndex } from "./path-index.ts";

const SUM = "0123456789abcdef0123456789abcdef";

class Dpkg {
  readonly root = mkdtempSync(join(tmpdir(), "holdfast-dpkg-"));
  #changes = 0;

  constructor(t: TestContext) {
    t.after(() => rmSync(this.root, { recursive: true, force: true }));
    mkdirSync(this.path("info"), { recursive: true });
    mkdirSync(join(this.root, "usr/bin"), { recursive: true });
    symlinkSync("usr/bin", join(this.root, "bin"));
    this.changed("");
  }

  path(file: string): string {
    return join(this.root, "var/lib/dpkg", file);
  }

  install(name: string, files: readonly string[], sums: readonly string[] = []): void {
    writeFileSync(this.path(`info/${name}.list`), Buffer.concat(["/.", ...files].map((each) => rawPath(`${each}\n`))));
    if (sums.length > 0) writeFileSync(this.path(`info/${name}.md5sums`), sums.map((each) => `${SUM}  ${each}\n`).join(""));
  }

  /** Writes the status file with a time stamp it did not have before. */
  changed(status: string): void {
    this.#changes += 1;
    writeFileSync(this.path("status"), status);
    utimesSync(this.path("status"), 1_000_000 + this.#changes, 1_000_000 + this.#changes);
  }
}

test("Packages.ownerOf() finds the owner and the sum, in both spellings of a merged /usr", async (t) => {
  const dpkg = new Dpkg(t);
  dpkg.install("bash", ["/bin", "/bin/bash", "/usr", "/usr/bin", "/usr/bin/bashbug"], ["bin/bash", "usr/bin/bashbug"]);
  dpkg.install("libc6:amd64", ["/lib", "/lib/x/libc.so.6"]);
  dpkg.install("odd", ["/opt/caf\udce9 x"], []);
  const packages = new Packages(dpkg.root);
  assert.deepEqual(await packages.ownerOf("/usr/bin/bash"), { package: "bash", md5: SUM });
  assert.deepEqual(await packages.ownerOf("/usr/bin/bashbug"), { package: "bash", md5: SUM });
  assert.deepEqual(await packages.ownerOf("/lib/x/libc.so.6"), { package: "libc6", md5: null });
  assert.equal(await packages.ownerOf("/usr/lib/x/libc.so.6"), null, "/lib is not a link here");
  assert.deepEqual(await packages.ownerOf("/opt/caf\udce9 x"), { package: "odd", md5: null });
  assert.equal(await packages.ownerOf("/usr/bin/bas"), null);
  assert.equal(await packages.ownerOf("/usr/local/bin/bash"), null);
});

test("Packages.ownerOf() follows diversions", async (t) => {
  const dpkg = new Dpkg(t);
  dpkg.install("old", ["/usr/bin/tool", "/usr/bin/mine"], ["usr/bin/tool", "usr/bin/mine"]);
  dpkg.install("new", ["/usr/bin/tool"]);
  writeFileSync(dpkg.path("diversions"), "/usr/bin/tool\n/usr/bin/tool.old\nnew\n/usr/bin/mine\n/usr/bin/mine.distrib\n:\n");
  const packages = new Packages(dpkg.root);
  assert.equal((await packages.ownerOf("/usr/bin/tool"))?.package, "new");
  assert.deepEqual(await packages.ownerOf("/usr/bin/tool.old"), { package: "old", md5: SUM });
  assert.equal(await packages.ownerOf("/usr/bin/mine"), null, "the administrator's own");
  assert.equal((await packages.ownerOf("/usr/bin/mine.distrib"))?.package, "old");
});

test("Packages.ownerOf() takes the sum of a configuration file from the status file", async (t) => {
  const dpkg = new Dpkg(t);
  dpkg.install("ifupdown", ["/etc", "/etc/init.d/net"]);
  writeFileSync(dpkg.path("info/ifupdown.conffiles"), "/etc/init.d/net\n");
  dpkg.changed(`Package: a\n\nPackage: ifupdown\nConffiles:\n /etc/init.d/net ${SUM}\nDescription: x\n`);
  assert.deepEqual(await new Packages(dpkg.root).ownerOf("/etc/init.d/net"), { package: "ifupdown", md5: SUM });
});

test("Packages.ownerOf() sees what was installed and removed meanwhile", async (t) => {
  const dpkg = new Dpkg(t);
  dpkg.install("a", ["/usr/bin/a"]);
  dpkg.install("b", ["/usr/bin/b"]);
  const packages = new Packages(dpkg.root);
  assert.equal((await packages.ownerOf("/usr/bin/a"))?.package, "a");
  dpkg.install("a", ["/usr/bin/a2"]);
  dpkg.install("c", ["/usr/bin/c"]);
  rmSync(dpkg.path("info/b.list"));
  assert.equal(await packages.ownerOf("/usr/bin/c"), null, "dpkg is not done yet");
  dpkg.changed("done");
  assert.equal((await packages.ownerOf("/usr/bin/c"))?.package, "c");
  assert.equal((await packages.ownerOf("/usr/bin/a2"))?.package, "a");
  assert.equal(await packages.ownerOf("/usr/bin/a"), null);
  assert.equal(await packages.ownerOf("/usr/bin/b"), null);
});

test("Packages.ownerOf() answers null where dpkg is not used", async (t) => {
  const dpkg = new Dpkg(t);
  rmSync(join(dpkg.root, "var"), { recursive: true });
  assert.equal(await new Packages(dpkg.root).ownerOf("/usr/bin/bash"), null);
});

test("PathIndex finds every path, and 200,000 fit in 4 MB", () => {
  const index = new PathIndex();
  for (let i = 0; i < 200_000; i++) {
    const path = Buffer.from(`/share/doc/package-${i % 3000}/file-${i}.gz`);
    index.add(path, 0, path.length, i % 3000);
  }
  for (let i = 0; i < 200_000; i += 997) {
    assert.ok(index.find(Buffer.from(`/share/doc/package-${i % 3000}/file-${i}.gz`)).includes(i % 3000));
  }
  assert.equal(index.size > 199_900, true);
  assert.ok(index.bytes <= 4 * 1024 * 1024);
});

test("filesOfList() leaves folders out", () => {
  const bytes = Buffer.from("/.\n/usr\n/usr/bin\n/usr/bin/a\n/usr/bin/ab\n/usr/binary");
  const found: string[] = [];
  const end = filesOfList(bytes, 0, (from, to) => found.push(bytes.toString("latin1", from, to)));
  assert.equal(end, bytes.length);
  assert.deepEqual(found, ["/.", "/usr/bin/a", "/usr/bin/ab", "/usr/binary"]);
});

test("filesOfList() goes on where it stopped", () => {
  const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => `/usr/bin/a${i}\n`).join(""));
  let found = 0;
  let rounds = 0;
  for (let at = 0; at < bytes.length; rounds++) {
    at = filesOfList(bytes, at, () => {
      found += 1;
    });
  }
  assert.deepEqual([found, rounds], [5000, 3]);
});

test("hasLine(), md5Of() and conffileMd5Of() take whole names only", () => {
  assert.equal(hasLine("/usr/bin/ab\n/usr/bin/a\n", "/usr/bin/a"), true);
  assert.equal(hasLine("/usr/bin/ab\n/x/usr/bin/a\n", "/usr/bin/a"), false);
  assert.equal(md5Of(`${SUM}  usr/bin/ab\n`, "/usr/bin/a"), null);
  assert.equal(md5Of(`${SUM}  x/usr/bin/a\n`, "/usr/bin/a"), null);
  const status = `Package: ab\nArchitecture: all\nConffiles:\n /etc/x ${"f".repeat(32)}\n\nPackage: a\nArchitecture: i386\n\nPackage: a\nArchitecture: amd64\nConffiles:\n /etc/x ${SUM}\n`;
  assert.equal(conffileMd5Of(status, "a:amd64", "/etc/x"), SUM);
  assert.equal(conffileMd5Of(status, "a:i386", "/etc/x"), null);
  assert.equal(conffileMd5Of(status, "none", "/etc/x"), null);
});
