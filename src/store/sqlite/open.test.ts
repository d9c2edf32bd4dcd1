// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { StoreFailure } from "../problem.ts";
import type { Store } from "../store.ts";
import { type Opened, openMemoryStore, openStore } from "./open.ts";

const NOW = Date.UTC(2026, 4, 3, 2, 1, 0, 7);
const ASIDE = "holdfast.db.damaged-2026-05-03T02:01:00.007Z";

function folderFor(t: TestContext): { readonly folder: string; readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-open-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, path: join(folder, "holdfast.db") };
}

function opens(path: string): Store {
  const opened = openStore(path, { nowMs: NOW });
  if (!opened.ok) assert.fail(opened.problem.message);
  return opened.store;
}

function refused(opened: Opened): Opened & { readonly ok: false } {
  if (!opened.ok) return opened;
  opened.store.close();
  assert.fail("the database was opened");
}

/** A store with 300 rules in it, closed. */
function made(path: string): void {
  const store = opens(path);
  try {
    const rule = { text: `allow ${"/long".repeat(50)} -> any`, enabled: true, ends: { kind: "ever" } } as const;
    store.edit(
      Array.from({ length: 300 }, () => ({ kind: "add", rule }) as const),
      1,
    );
  } finally {
    store.close();
  }
}

const add = (store: Store): unknown =>
  store.edit([{ kind: "add", rule: { text: "allow a -> any", enabled: true, ends: { kind: "ever" } } }], 1);

const DAMAGE: Readonly<Record<string, (path: string) => void>> = {
  "cut in half": (path) => truncateSync(path, Math.floor(statSync(path).size / 2)),
  "cut to 50 bytes": (path) => truncateSync(path, 50),
  empty: (path) => truncateSync(path, 0),
  "all garbage": (path) => writeFileSync(path, Buffer.alloc(20_000, "garbage")),
  "garbage in the middle": (path) => {
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4096, bytes.length - 4096);
    writeFileSync(path, bytes);
  },
  "somebody else's database": (path) => {
    rmSync(path);
    const sqlite = new DatabaseSync(path);
    sqlite.exec("CREATE TABLE rules (x)");
    sqlite.close();
  },
};

for (const [how, damage] of Object.entries(DAMAGE)) {
  test(`openStore() sets a database aside that is ${how}, and opens a new one the next time`, (t) => {
    const { folder, path } = folderFor(t);
    made(path);
    damage(path);
    writeFileSync(`${path}-wal`, "");
    const before = readFileSync(path);
    const { problem, setAside } = refused(openStore(path, { nowMs: NOW }));
    assert.equal(problem.code, "damaged");
    assert.match(problem.message, /^Cannot read ".*holdfast\.db": it is damaged \(.+\); set aside as ".*damaged-2026/);
    assert.equal(setAside, join(folder, ASIDE));
    assert.deepEqual(readFileSync(setAside), before);
    assert.equal(readdirSync(folder).includes(`${ASIDE}-wal`), true);
    const store = opens(path);
    try {
      assert.equal(store.revision(), 0);
    } finally {
      store.close();
    }
  });
}

test("openStore() makes files only their owner may read", (t) => {
  const { folder, path } = folderFor(t);
  const store = opens(path);
  try {
    add(store);
    const modes = readdirSync(folder).map((name) => `${name} ${(statSync(join(folder, name)).mode & 0o777).toString(8)}`);
    assert.deepEqual(modes.sort(), ["holdfast.db 600", "holdfast.db-shm 600", "holdfast.db-wal 600"]);
  } finally {
    store.close();
  }
});

test("openStore() writes over nothing that was set aside before", (t) => {
  const { folder, path } = folderFor(t);
  for (const text of ["one", "two", "three"]) {
    writeFileSync(path, text);
    refused(openStore(path, { nowMs: NOW }));
  }
  assert.deepEqual(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]),
    [
      [ASIDE, "one"],
      [`${ASIDE}.2`, "two"],
      [`${ASIDE}.3`, "three"],
    ],
  );
});

test("openStore() refuses the database of a newer version and touches nothing", (t) => {
  const { folder, path } = folderFor(t);
  made(path);
  const sqlite = new DatabaseSync(path);
  sqlite.exec("PRAGMA user_version = 99");
  sqlite.close();
  const before = readFileSync(path);
  const { problem, setAside } = refused(openStore(path));
  assert.equal(problem.code, "newer");
  assert.match(problem.message, /newer Holdfast wrote it \(form 99/);
  assert.equal(setAside, null);
  assert.deepEqual(readFileSync(path), before);
  assert.deepEqual(readdirSync(folder), ["holdfast.db"]);
});

/** Runs SQL on the database in a process that then kills itself, so that everything stays in the write-ahead log. */
function runAndDie(path: string, sql: string): void {
  const script = `const { DatabaseSync } = require("node:sqlite"); const db = new DatabaseSync(process.argv[1]);
    db.exec(process.argv[2]); process.kill(process.pid, "SIGKILL")`;
  assert.equal(spawnSync(process.execPath, ["-e", script, path, sql]).signal, "SIGKILL");
}

test("openStore() refuses a newer version that stands in the write-ahead log only", (t) => {
  const { path } = folderFor(t);
  made(path);
  runAndDie(path, "PRAGMA user_version = 99");
  const [before, log] = [readFileSync(path), readFileSync(`${path}-wal`)];
  assert.equal(refused(openStore(path)).problem.code, "newer");
  assert.deepEqual([readFileSync(path), readFileSync(`${path}-wal`)], [before, log]);
});

test("openStore() finds what a killed process had committed, and nothing of what it had not", (t) => {
  const { path } = folderFor(t);
  made(path);
  runAndDie(path, "INSERT INTO settings VALUES ('mode', '\"ask\"'); BEGIN; INSERT INTO settings VALUES ('other', '1')");
  const store = opens(path);
  try {
    assert.deepEqual(Array.from(store.settings()), [["mode", "ask"]]);
  } finally {
    store.close();
  }
});

/** Has another process hold an exclusive lock until the returned function is called. */
async function locked(path: string): Promise<() => Promise<void>> {
  const script = `const { DatabaseSync } = require("node:sqlite"); const db = new DatabaseSync(process.argv[1]);
    db.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE"); console.log("locked"); process.stdin.resume(); process.stdin.on("end", () => process.exit())`;
  const child = spawn(process.execPath, ["-e", script, path], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const release = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  await Promise.race([once(child.stdout, "data"), ended]);
  if (child.exitCode !== null) assert.fail("the locking process ended early");
  return release;
}

test("openStore() leaves a database alone that another process has locked", async (t) => {
  const { folder, path } = folderFor(t);
  made(path);
  const release = await locked(path);
  try {
    const { problem, setAside } = refused(openStore(path));
    assert.deepEqual([problem.code, setAside], ["locked", null]);
    assert.match(problem.message, /another process has it locked/);
  } finally {
    await release();
  }
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes("damaged")),
    [],
  );
  opens(path).close();
});

test("a store whose database another process holds throws StoreFailure and goes on afterwards", async (t) => {
  const { path } = folderFor(t);
  made(path);
  const store = opens(path);
  t.after(() => store.close());
  const script = `const { DatabaseSync } = require("node:sqlite"); const db = new DatabaseSync(process.argv[1]);
    db.exec("BEGIN IMMEDIATE"); console.log("locked"); process.stdin.resume(); process.stdin.on("end", () => process.exit())`;
  const child = spawn(process.execPath, ["-e", script, path], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  try {
    await once(child.stdout, "data");
    assert.throws(
      () => add(store),
      (error) => error instanceof StoreFailure && error.problem.code === "locked",
    );
    assert.equal(store.rules().length, 300);
  } finally {
    child.stdin.end();
    await ended;
  }
  add(store);
  assert.equal(store.rules().length, 301);
});

test("a store throws StoreFailure when its database is full, and nothing of the call has happened", (t) => {
  const { folder } = folderFor(t);
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const mount = join(folder, "small");
  const path = join(mount, "holdfast.db");
  execFileSync("mkdir", [mount]);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=512k", "holdfast-test", mount]);
  try {
    const store = opens(path);
    try {
      add(store);
      writeFileSync(join(mount, "ballast"), "");
      assert.throws(() => writeFileSync(join(mount, "ballast"), Buffer.alloc(1_000_000)), /ENOSPC/);
      const flood = (): void => {
        for (let n = 0; n < 100; n += 1) store.keepDocument(`${n}`, "x".repeat(10_000));
      };
      assert.throws(flood, (error) => error instanceof StoreFailure && error.problem.code === "full" && /no space/.test(error.message));
      assert.equal(store.rules().length, 1);
    } finally {
      store.close();
    }
    const { problem, setAside } = refused(openStore(join(mount, "other.db")));
    assert.deepEqual([problem.code, setAside], ["full", null]);
    assert.equal(
      readdirSync(mount).some((name) => name.startsWith("other")),
      false,
    );
    rmSync(join(mount, "ballast"));
    const again = opens(path);
    try {
      assert.equal(again.rules().length, 1);
      add(again);
    } finally {
      again.close();
    }
  } finally {
    execFileSync("umount", [mount]);
  }
});

test("openStore() says what is wrong with a path it cannot use", (t) => {
  const { folder } = folderFor(t);
  const { problem } = refused(openStore(join(folder, "missing", "holdfast.db")));
  assert.equal(problem.code, "unusable");
  assert.match(problem.message, /^Cannot use ".*missing\/holdfast\.db": /);
  assert.equal(refused(openStore(folder)).problem.code, "unusable");
});

test("takeOver() moves the configuration from one store to another", (t) => {
  const { path } = folderFor(t);
  made(path);
  const [disk, memory] = [opens(path), openMemoryStore()];
  try {
    memory.takeOver(disk.lastGood(), 2);
    assert.deepEqual(memory.rules(), disk.rules());
    assert.equal(memory.revision(), disk.revision());
  } finally {
    disk.close();
    memory.close();
  }
});
