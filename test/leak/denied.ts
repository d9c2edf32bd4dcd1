// SPDX-License-Identifier: Apache-2.0
/** Columns "denied by app", "by address", "by port": one rule at a time, everything else allowed. */
import type { TestContext } from "node:test";
import type { Firewall } from "../firewall.ts";
import { assertArrives, assertNothing, assertRefused, cell, denial, eachRow, repeats } from "./cell.ts";
import type { Row } from "./row.ts";
import { Terminal } from "./terminal.ts";

export async function denied(t: TestContext, firewall: Firewall, rows: readonly Row[]): Promise<void> {
  const { world } = firewall;
  const terminal = new Terminal(world);
  await eachRow(t, world, rows, async (row, t) => {
    const control = (): Promise<void> =>
      t.test("allowed", async () => {
        await world.peer.clear();
        await terminal.run(row.argv(world));
        await assertArrives(world, row);
      });
    if (!repeats(row)) await control();
    const beside = row.allowed && (await firewall.addRule(`allow ${row.allowed(world)} -> any`));
    for (const column of ["by app", "by address", "by port"] as const) {
      await cell(t, row, column, async () => {
        await firewall.under(denial(world, row, column), async () => {
          await world.peer.clear();
          const outcome = await terminal.run(row.argv(world));
          await assertNothing(world, row);
          assertRefused(row, outcome);
        });
      });
    }
    if (beside) await firewall.removeRule(beside);
    if (repeats(row)) await control();
  });
}
