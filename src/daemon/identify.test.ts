// SPDX-License-Identifier: Apache-2.0
/** A process may end at any moment while the daemon finds out who it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeSystem } from "../apps/fake-system.ts";
import { AppRegistry } from "../apps/registry.ts";
import { IMAGE_FOR_WHOM_UNKNOWN } from "../contract/layout.gen.ts";
import type { ImageFields, Kernel } from "../kernel/kernel.ts";
import type { Engine } from "./engine.ts";
import { Health } from "./health.ts";
import { identifyImage } from "./identify.ts";

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
