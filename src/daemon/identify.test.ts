// SPDX-License-Identifier: Apache-2.0
/** A process may end at any moment while the daemon finds out who it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeSystem } from "../apps/fake-system.ts";
import { AppRegistry } from "../apps/registry.ts";
import { IMAGE_FOR_WHOM_UNKNOWN } from "../contract/layout.gen.ts";
import type { ImageFields, Kernel } from "../kernel/kernel.ts";
import { putInForce } from "./down.ts";
import { FakeEngine } from "./engine.fixture.ts";
import type { Engine } from "./engine.ts";
import { Health } from "./health.ts";
import { identifyImage } from "./identify.ts";
import { keyText } from "./unnamed.ts";

test("identifyImage() knows the path of a process that ends while its ancestors are looked at", async (t) => {
  const system = new FakeSystem();
  t.after(() => system.remove());
  system.file("/usr/bin/git");
  system.file("/tmp/x/probe");
  system.run({ pid: 100, exe: "/usr/bin/git" });
  const image = system.run({ pid: 200, exe: "/tmp/x/probe", kernelPath: null });

  let filed: ImageFields | null = null;
  let ready = (): void => {};
  const packages = new Promise<null>((resolve) => {
    ready = () => resolve(null);
  });
  const registry = new AppRegistry({ ...system.deps, packages: { ownerOf: () => packages } });
  const kernel: Partial<Kernel> = {
    classOf: () => 0,
    fileKey: system.fileKeyOf,
    keepText: () => {},
    putImage: (_, fields) => {
      filed = fields;
    },
  };
  const parts: Partial<Engine> = {
    kernel: kernel as Kernel,
    registry,
    proc: system.proc,
    health: new Health(() => {}),
    filing: new Map(),
    placed: new Set([2, 3]),
  };
  const { device, inode, ctimeNs, cgroup } = image.key;
  const identified = identifyImage(parts as Engine, {
    ...image,
    key: { device, inode, ctimeNs, cgroup, argsHash: 0n, salt: 1n, responsible: 0, flags: IMAGE_FOR_WHOM_UNKNOWN, reserved: 0 },
    argsHash: 0n,
    parentTgid: 100,
  });
  system.end(200);
  ready();
  await identified;
  assert.ok(filed);
  const app = registry.app((filed as ImageFields).class);
  assert.deepEqual([app?.path, app?.via?.path], ["/tmp/x/probe", "/usr/bin/git"]);
});

test("identifyImage() gives the numbers again that nobody goes by any more, and asks for rows where there are none", async (t) => {
  const system = new FakeSystem();
  const fake = new FakeEngine();
  const { engine } = fake;
  t.after(() => {
    system.remove();
    fake.remove();
  });
  const images = new Map<string, number>();
  const kept = new Map<number, string>();
  const running = new Set<number>();
  let rows = 2;
  Object.assign(engine.kernel, {
    classOf: () => 0,
    fileKey: system.fileKeyOf,
    keepText: (id, text) => kept.set(id, text),
    dropText: (id) => kept.delete(id),
    addClassRow: () => rows-- > 0,
    putImage: (key, fields) => images.set(keyText(key), fields.class),
    forgetIdleImages: () => images.clear(),
    classesInUse: () => new Set([...images.values(), ...running]),
  } satisfies Partial<Kernel>);
  const registry = new AppRegistry(system.deps, { maxClasses: 6 });
  Object.assign(engine, { registry, proc: system.proc, filing: new Map(), placed: new Set() } satisfies Partial<Engine>);
  await putInForce(engine);
  const run = async (pid: number): Promise<number | undefined> => {
    const name = `/usr/bin/${pid}`;
    system.file(name);
    const image = system.run({ pid, exe: name });
    const { device, inode, ctimeNs, cgroup } = image.key;
    const key = { device, inode, ctimeNs, cgroup, argsHash: 0n, salt: 0n, responsible: 0, flags: 0, reserved: 0 };
    await identifyImage(engine, { ...image, key, argsHash: 0n });
    return images.get(keyText(key));
  };
  const stays = await run(100);
  assert.ok(stays);
  running.add(stays);
  for (let pid = 101; pid < 120; pid++) {
    const classId = await run(pid);
    assert.ok(classId);
    assert.notEqual(classId, stays);
    assert.equal(registry.app(classId)?.path, `/usr/bin/${pid}`);
    assert.ok(engine.placed.has(classId));
  }
  assert.equal(registry.app(stays)?.path, "/usr/bin/100");
  assert.ok(kept.size <= 2 * 4);
  const next = new AppRegistry(system.deps);
  assert.deepEqual(next.restore([...kept.values()].map((text): unknown => JSON.parse(text))), { ok: true });
  assert.deepEqual(engine.health.list(), []);
  for (let pid = 120; running.size < 4; pid++) running.add((await run(pid)) ?? 0);
  assert.equal(await run(200), undefined);
  assert.deepEqual(
    engine.health.list().map(({ code }) => code),
    ["classes-full"],
  );
});
