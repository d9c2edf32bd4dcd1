// SPDX-License-Identifier: Apache-2.0
/** `explain` says what the kernel does. */
import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withHoldfast } from "./survive/holdfast.ts";

const options = { timeout: 60_000, skip: process.getuid?.() === 0 ? false : "needs root" };

test("explain takes a program by a link to it, as rules do", options, () =>
  withHoldfast(async (holdfast) => {
    const { world } = holdfast;
    const link = join(world.dir, "link");
    symlinkSync(world.probe, link);
    await holdfast.up("--mode", "allow");
    const { id } = await holdfast.rule(`deny ${link} -> ${world.peer.address4} tcp/443`);
    const asked = { via: null, script: null, user: null, to: world.peer.address4, port: 443, protocol: "tcp", direction: "out" } as const;
    for (const app of [link, world.probe]) {
      const { verdict, rule } = await holdfast.client.explain({ ...asked, app });
      assert.deepEqual([app, verdict, rule], [app, "deny", id]);
    }
  }),
);
