// SPDX-License-Identifier: Apache-2.0
/** The oldest kernel we promise, and a newer one, as Debian ships them: booted in emulation, with the whole product inside. Takes minutes. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { buildImage } from "./vm/image.ts";
import type { Line } from "./vm/lines.ts";
import { consoleFile, run } from "./vm/machine.ts";
import { hasApt, kernelOf, qemu } from "./vm/packages.ts";
import { buildTools } from "./world/build.ts";

/** Emulation is slow, and slower beside other work. */
const LIMIT_MS = 25 * 60_000;

/** Why the test cannot run here; false when it can. */
function unable(): string | false {
  const { HOLDFAST_LONG, HOLDFAST_NAMED } = process.env;
  if (HOLDFAST_LONG === undefined && HOLDFAST_NAMED === undefined) return "takes minutes; runs with --long, and as ./holdfast test vm";
  if (process.getuid?.() !== 0) return "needs root";
  if (process.arch !== "x64") return "boots kernels for x86-64";
  return hasApt() ? false : "needs apt, and Debian's packages";
}

async function tell(t: TestContext, line: Line): Promise<void> {
  if (line.kind === "fact") t.diagnostic(`${line.name}: ${line.value}`);
  if (line.kind === "check") await t.test(`${line.name} (${(line.ms / 1000).toFixed(1)} s)`, () => assert.equal(line.error, null));
}

for (const series of ["6.1", "6.12"])
  test(`holds, lets go and refuses on Debian's Linux ${series}`, { skip: unable(), timeout: LIMIT_MS }, async (t) => {
    const kernel = kernelOf(series);
    if (kernel === null) return t.skip(`apt offers no linux-image-${series}.*-cloud-amd64`);
    await buildTools();
    qemu();
    let ended = false;
    for await (const line of run(kernel, buildImage(kernel), t.signal)) {
      await tell(t, line);
      if (line.kind === "end") ended = true;
    }
    assert.ok(ended, `The guest did not reach its end; what it said stands in "${consoleFile(kernel)}"`);
  });
