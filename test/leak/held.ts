// SPDX-License-Identifier: Apache-2.0
/** Columns "held" and "held then denied": nothing leaves while the question is open; the answer decides about what waits. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Firewall } from "../firewall.ts";
import { assertArrives, assertNothing, assertRefused, cell, eachRow, patient, waits } from "./cell.ts";
import type { Row } from "./row.ts";
import { type Command, Terminal } from "./terminal.ts";

/** The row's operation in mode ask: tried, asked about, and not answered. */
type Held = { readonly firewall: Firewall; readonly row: Row; readonly terminal: Terminal; readonly command: Command };

export async function held(t: TestContext, firewall: Firewall, rows: readonly Row[]): Promise<void> {
  const terminal = new Terminal(firewall.world);
  await eachRow(t, firewall.world, rows, async (row, t) => {
    const hold = async (answer: (held: Held) => Promise<void>, ...flags: string[]): Promise<void> => {
      await firewall.world.peer.clear();
      const command = terminal.start(patient(firewall.world, row, ...flags));
      try {
        await command.tried();
        await firewall.asked();
        await assertNothing(firewall.world, row);
        await answer({ firewall, row, terminal, command });
      } finally {
        await command.kill();
        await firewall.forgetAnswers();
      }
    };
    await cell(t, row, "held", () => hold(allow));
    await cell(t, row, "held then denied", () => hold(deny, "--again"));
  });
}

/** The held packets themselves arrive after the answer; of a program that has not waited, those of its next run. */
async function allow({ firewall, row, terminal, command }: Held): Promise<void> {
  const { world } = firewall;
  await assertArrives(world, row, async () => {
    await firewall.answerAll("allow");
    if (waits(row)) return;
    await world.peer.clear();
    await terminal.run(row.argv(world));
  });
  if (row.refused !== "ECONNREFUSED") return;
  const outcome = await command.ended();
  assert.equal(outcome?.errno, null, `"${row.name}" was told ${JSON.stringify(outcome)}`);
}

/** Nothing arrives, and the program is told: a connect() at once, another at its next send. */
async function deny({ firewall, row, terminal, command }: Held): Promise<void> {
  const { world } = firewall;
  await firewall.answerAll("deny");
  if (row.stays) command.write("\n");
  const outcome = await command.ended();
  assertRefused(row, waits(row) ? outcome : await terminal.run(row.argv(world)));
  await assertNothing(world, row);
}
