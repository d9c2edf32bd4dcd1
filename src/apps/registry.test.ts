// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { CLASS_KERNEL, CLASS_UNKNOWN } from "../contract/ids.ts";
import { FakeSystem } from "./fake-system.ts";
import type { ImageReport } from "./image.ts";
import { AppRegistry, type Classified, KERNEL_IDENTITY } from "./registry.ts";

function system(t: TestContext): FakeSystem {
  const made = new FakeSystem();
  t.after(() => made.remove());
  return made;
}

async function classified(registry: AppRegistry, image: ImageReport): Promise<Classified> {
  const outcome = await registry.classOf(image);
  assert.ok(outcome.ok);
  return outcome;
}

test("AppRegistry.classOf() gives equal programs one class and different ones their own", async (t) => {
  const s = system(t);
  for (const path of ["/usr/bin/curl", "/usr/bin/python3.11", "/home/ann/a.py", "/home/ann/b.py"]) s.file(path);
  const registry = new AppRegistry(s.deps);
  const python = { exe: "/usr/bin/python3.11", cwd: "/home/ann" };
  const runs: Record<string, ImageReport> = {
    curl: s.run({ pid: 10, exe: "/usr/bin/curl", args: ["curl", "a"] }),
    "curl with other arguments": s.run({ pid: 11, exe: "/usr/bin/curl", args: ["curl", "b"] }),
    "curl in a unit": s.run({ pid: 12, exe: "/usr/bin/curl", cgroup: "/system.slice/a.service" }),
    "curl in another unit": s.run({ pid: 13, exe: "/usr/bin/curl", cgroup: "/system.slice/b.service" }),
    "a.py": s.run({ pid: 14, ...python, args: ["python3", "a.py"], argsHash: 1n }),
    "a.py again": s.run({ pid: 15, ...python, args: ["python3", "./a.py", "-v"], argsHash: 2n }),
    "b.py": s.run({ pid: 16, ...python, args: ["python3", "b.py"], argsHash: 3n }),
    "python -c": s.run({ pid: 17, ...python, args: ["python3", "-c", "1"], argsHash: 4n }),
    "another python -c": s.run({ pid: 18, ...python, args: ["python3", "-c", "2"], argsHash: 5n }),
    memfd: s.run({ pid: 19, exe: "/memfd:x (deleted)", unlinked: true, kernelPath: null }),
    "curl, deleted": s.run({ pid: 20, exe: "/usr/bin/curl (deleted)", key: s.file("old"), unlinked: true }),
    "curl, bind-mounted over": s.run({ pid: 21, exe: "/usr/bin/curl", key: s.file("evil"), otherMounts: true }),
  };
  const ids: Record<string, number> = {};
  for (const [name, image] of Object.entries(runs)) ids[name] = (await classified(registry, image)).classId;
  s.file("/usr/bin/curl");
  ids["curl, replaced"] = (await classified(registry, s.run({ pid: 22, exe: "/usr/bin/curl" }))).classId;
  assert.equal(ids["curl with other arguments"], ids.curl);
  assert.equal(ids["a.py again"], ids["a.py"]);
  assert.equal(new Set(Object.values(ids)).size, Object.keys(ids).length - 2);
});

test("AppRegistry.classOf() files one helper apart for each app it acts for", async (t) => {
  const s = system(t);
  s.file("/usr/bin/git");
  s.file("/usr/bin/ssh");
  const registry = new AppRegistry(s.deps);
  const git = await classified(registry, s.run({ pid: 10, exe: "/usr/bin/git" }));
  const alone = await classified(registry, s.run({ pid: 11, exe: "/usr/bin/ssh" }));
  const forGit = await classified(registry, s.run({ pid: 12, exe: "/usr/bin/ssh", responsible: git.appId }));
  assert.equal(forGit.appId, alone.appId);
  assert.notEqual(forGit.classId, alone.classId);
  assert.deepEqual([forGit.app.via?.path, alone.app.via], ["/usr/bin/git", null]);
  const itself = await classified(registry, s.run({ pid: 13, exe: "/usr/bin/git", responsible: git.appId }));
  assert.equal(itself.classId, git.classId, "a program acting for itself is just that program");
  const stray = await registry.classOf(s.run({ pid: 14, exe: "/usr/bin/ssh", responsible: 999 }));
  const problem = 'Cannot tell for whom "comm" acts: app 999 is not known here; start it again';
  assert.deepEqual(stray, { ok: false, problem, full: false });
});

test("AppRegistry knows the kernel and nobody", (t) => {
  const registry = new AppRegistry(system(t).deps);
  assert.deepEqual(registry.app(CLASS_KERNEL), { ...KERNEL_IDENTITY, via: null });
  assert.equal(registry.app(CLASS_UNKNOWN), null);
});

test("AppRegistry.classOf() remembers a key for when its process is gone", async (t) => {
  const s = system(t);
  s.file("/usr/bin/python3.11");
  s.file("/home/ann/a.py");
  const registry = new AppRegistry(s.deps);
  const run = { pid: 10, exe: "/usr/bin/python3.11", args: ["python3", "/home/ann/a.py"], argsHash: 7n };
  const first = await classified(registry, s.run(run));
  s.end(10);
  const gone = await classified(registry, s.report({ ...run, pid: 11 }));
  assert.deepEqual([gone.classId, gone.certain], [first.classId, true]);
  const other = await classified(registry, s.report({ ...run, pid: 12, argsHash: 8n }));
  assert.deepEqual([other.app.script, other.certain, other.interpreter], [null, false, true]);
});

test("AppRegistry.classOf() never lets a key without arguments stand for a script", async (t) => {
  const s = system(t);
  s.file("/usr/bin/python3.11");
  s.file("/home/ann/a.py");
  const registry = new AppRegistry(s.deps);
  const run = { pid: 10, exe: "/usr/bin/python3.11", args: ["python3", "/home/ann/a.py"], salt: 5n };
  const first = await classified(registry, s.run(run));
  assert.equal(first.app.script, "/home/ann/a.py");
  const gone = await classified(registry, s.report({ ...run, pid: 11, salt: 6n }));
  assert.deepEqual([gone.app.script, gone.certain], [null, false]);
});

test("AppRegistry.restore() gives the ids back", async (t) => {
  const s = system(t);
  s.file("/opt/caf\udce9");
  s.file("/usr/bin/ssh");
  const before = new AppRegistry(s.deps);
  const cafe = await classified(before, s.run({ pid: 10, exe: "/opt/caf\udce9" }));
  const ssh = s.run({ pid: 11, exe: "/usr/bin/ssh", responsible: cafe.appId });
  const helper = await classified(before, ssh);
  const after = new AppRegistry(s.deps);
  const records = JSON.parse(JSON.stringify(before.unkept()));
  assert.deepEqual(after.restore(records), { ok: true });
  assert.deepEqual([[...after.all()], after.unkept()], [[...before.all()], []]);
  assert.deepEqual(after.app(helper.classId), helper.app);
  assert.equal((await classified(after, ssh)).classId, helper.classId);
  const fresh = await classified(after, s.run({ pid: 12, exe: "/usr/bin/ssh", cgroup: "/system.slice/x.service" }));
  assert.ok(fresh.classId > helper.classId);
});

test("AppRegistry.restore() refuses what is not a table, and takes nothing of it", async (t) => {
  const s = system(t);
  s.file("/usr/bin/curl");
  const registry = new AppRegistry(s.deps);
  await classified(registry, s.run({ pid: 10, exe: "/usr/bin/curl" }));
  const good = registry.unkept();
  const stray = [...good, { kind: "class", id: 900, app: 77, via: 0 }];
  for (const bad of [[null], [{}], [{ ...good[0], kind: "other" }], stray]) {
    const target = new AppRegistry(s.deps);
    const outcome = target.restore(bad);
    assert.ok(!outcome.ok && outcome.problem.startsWith("Cannot read the table of programs"));
    assert.equal(target.size, 1);
  }
});

test("AppRegistry.classOf() refuses with a sentence when every number is given", async (t) => {
  const s = system(t);
  s.file("/usr/bin/a");
  s.file("/usr/bin/b");
  const registry = new AppRegistry(s.deps, { maxClasses: 3 });
  const a = s.run({ pid: 10, exe: "/usr/bin/a" });
  const first = await classified(registry, a);
  const refused = await registry.classOf(s.run({ pid: 11, exe: "/usr/bin/b" }));
  assert.ok(!refused.ok && refused.problem.includes('"b"') && refused.problem.includes("all 3 numbers"));
  assert.equal((await classified(registry, a)).classId, first.classId);
});

test("AppRegistry.forget() frees the numbers nobody goes by, and what was asked for meanwhile keeps its own", async (t) => {
  const s = system(t);
  for (const name of ["a", "b", "c", "d", "e"]) s.file(`/usr/bin/${name}`);
  const registry = new AppRegistry(s.deps, { maxClasses: 6 });
  const run = (pid: number, name: string, responsible = 0) => classified(registry, s.run({ pid, exe: `/usr/bin/${name}`, responsible }));
  const a = await run(10, "a");
  const b = await run(11, "b", a.appId);
  const c = await run(12, "c");
  const d = await run(13, "d");
  registry.beginForgetting();
  assert.equal((await run(14, "d")).classId, d.classId);
  assert.deepEqual(registry.forget(new Set([b.classId])), [
    { kind: "class", id: a.classId },
    { kind: "class", id: c.classId },
    { kind: "app", id: c.appId },
  ]);
  assert.equal(registry.app(a.classId), null);
  assert.equal(registry.app(b.classId)?.via?.path, "/usr/bin/a", "whom others act for stays");
  const kept = registry.unkept();
  const e = await run(15, "e");
  assert.ok([a.classId, c.classId].includes(e.classId));
  assert.notEqual(e.appId, c.appId);
  const next = new AppRegistry(s.deps, { maxClasses: 6 });
  assert.deepEqual(next.restore(kept), { ok: true });
  assert.equal((await classified(next, s.run({ pid: 16, exe: "/usr/bin/e" }))).ok, true);
  assert.equal((await run(17, "c")).ok && (await registry.classOf(s.run({ pid: 18, exe: "/usr/bin/a", cgroup: "/x.service" }))).ok, false);
});

test("AppRegistry.classOf() shows no arguments where it can no longer tell them apart", async (t) => {
  const s = system(t);
  s.file("/usr/bin/python3.11");
  const registry = new AppRegistry(s.deps, { maxByArgs: 1 });
  const run = (pid: number, code: string) =>
    s.run({ pid, exe: "/usr/bin/python3.11", args: ["python3", "-c", code], argsHash: BigInt(pid) });
  const one = await classified(registry, run(10, "1"));
  const two = await classified(registry, run(11, "2"));
  const three = await classified(registry, run(12, "3"));
  assert.deepEqual(one.app.args, ["python3", "-c", "1"]);
  assert.deepEqual([two.app.args, two.classId === three.classId], [[], true]);
  const roomy = new AppRegistry(s.deps);
  const long = await classified(
    roomy,
    s.run({ pid: 13, exe: "/usr/bin/python3.11", args: ["python3", "-c", "x".repeat(5000)], argsHash: 0n, salt: 13n }),
  );
  assert.deepEqual(long.app.args, []);
});
