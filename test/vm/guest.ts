// SPDX-License-Identifier: Apache-2.0
/** Runs in the guest, started by init.sh: shows everything for a sub-cgroup and for the root, and writes what came of it to standard output. */
import { mkdirSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { inspect } from "node:util";
import { withWorld } from "../world.ts";
import { type Reporter, showAll, TCP, UDP } from "./checks.ts";
import { Installed } from "./installed.ts";
import type { Line } from "./lines.ts";

const say = (line: Line): void => console.log(JSON.stringify(line));

const reporter: Reporter = {
  fact: (name, value) => say({ kind: "fact", name, value }),
  check: async (name, work) => {
    const startMs = performance.now();
    const error = await work().then(
      () => null,
      (cause) => inspect(cause),
    );
    say({ kind: "check", name, ms: Math.round(performance.now() - startMs), error });
    return error === null;
  },
};

/** At the root, what makes and counts the test's packets is judged as well. */
function allowTheTest(): void {
  mkdirSync("/etc/holdfast/rules.d", { recursive: true });
  writeFileSync(
    "/etc/holdfast/rules.d/test.rules",
    `allow /holdfast/build/probe/serve <-> any
allow /holdfast/build/probe/mark <-> any
`,
  );
}

/** A world of its own for each scope, and no answers of the other's. */
function inWorld(isRoot: boolean): Promise<void> {
  return withWorld(async (world) => {
    await world.peer.serve({ tcp: Object.values(TCP), sink: Object.values(UDP) });
    await showAll(new Installed(world, isRoot ? null : world.scope), reporter);
  });
}

reporter.fact("kernel", release());
reporter.fact("seconds from boot to the checks", process.hrtime()[0].toFixed(0));
allowTheTest();
for (const isRoot of [false, true]) await reporter.check(isRoot ? "root" : "sub-cgroup", () => inWorld(isRoot));
say({ kind: "end" });
