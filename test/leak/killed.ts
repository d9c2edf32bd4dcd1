// SPDX-License-Identifier: Apache-2.0
/** Column "daemon killed": rules stay in force, and what would be asked about is denied. */
import type { TestContext } from "node:test";
import type { Firewall } from "../firewall.ts";
import { assertArrives, assertNothing, assertRefused, cell, denial, eachRow, repeats } from "./cell.ts";
import type { Row } from "./row.ts";
import { Terminal } from "./terminal.ts";

export async function killed(t: TestContext, firewall: Firewall, rows: readonly Row[]): Promise<void> {
  const { world } = firewall;
  const terminal = new Terminal(world);
  const arrives = (title: string, some: readonly Row[]): Promise<void> =>
    t.test(title, (t) =>
      eachRow(t, world, some, async (row) => {
        await world.peer.clear();
        await terminal.run(row.argv(world));
        await assertArrives(world, row);
      }),
    );
  const nothing = (title: string): Promise<void> =>
    t.test(title, (t) =>
      eachRow(t, world, rows, (row, t) =>
        cell(t, row, "daemon killed", async () => {
          await world.peer.clear();
          const outcome = await terminal.run(row.argv(world));
          await assertNothing(world, row);
          assertRefused(row, outcome);
        }),
      ),
    );

  await arrives(
    "allowed",
    rows.filter((row) => !repeats(row)),
  );
  const rules = await Promise.all([...new Set(rows.map((row) => denial(world, row, "by app")))].map((text) => firewall.addRule(text)));
  await firewall.kill9();
  await nothing("denied by a rule");
  await firewall.up("ask");
  for (const id of rules) await firewall.removeRule(id);
  await firewall.kill9();
  await nothing("asked about");
  await firewall.up("allow");
  await arrives("allowed again", rows.filter(repeats));
}
