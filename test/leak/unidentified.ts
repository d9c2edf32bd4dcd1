// SPDX-License-Identifier: Apache-2.0
/** Column "not yet identified": a program that Holdfast has not looked at is held where a rule could be about it, and goes on by itself. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Firewall, SAFE_MS } from "../firewall.ts";
import { until } from "../world/until.ts";
import { assertArrives, assertNothing, cell, eachRow, patient, waits } from "./cell.ts";
import type { Row } from "./row.ts";
import { type Command, Terminal } from "./terminal.ts";

export async function unidentified(t: TestContext, firewall: Firewall, rows: readonly Row[]): Promise<void> {
  await firewall.addRule("deny /usr/bin/nobody-has-this -> any");
  const terminal = new Terminal(firewall.world);
  await eachRow(t, firewall.world, rows, (row, t) =>
    cell(t, row, "not yet identified", async () => {
      while (!(await identifiedInTime(firewall, terminal, row)));
    }),
  );
}

/** How much the kernel has held because it did not know the program. */
async function unknownHeld({ client }: Firewall): Promise<number> {
  return (await client.status({})).counters?.unknownHeld ?? 0;
}

let copies = 0;

/**
 * A new program makes the row's operation while the daemon stands still: nothing arrives, and what waits goes on by itself when the
 * daemon has looked at it. False when the daemon stood still for so long that the kernel took it for away: then nothing is held.
 */
async function identifiedInTime(firewall: Firewall, terminal: Terminal, row: Row): Promise<boolean> {
  const { world } = firewall;
  const program = world.app(`new-${++copies}`);
  const argv = patient(world, row).map((word) => (word === world.probe ? program : word));
  /* What short-lived programs sent goes out when they are named, which is after their end. */
  await until("nothing to be held", async () => (await firewall.client.status({})).counters?.heldFlows === 0 || null);
  const before = await unknownHeld(firewall);
  await world.peer.clear();
  let command: Command | null = null;
  let stopped = false;
  try {
    const stoodMs = await firewall.frozen(async () => {
      command = terminal.start(argv);
      await command.tried();
      await assertNothing(world, row);
      stopped = command.stopped;
    });
    const held = (await unknownHeld(firewall)) - before;
    if (stoodMs > SAFE_MS && (waits(row) || held === 0)) return false;
    /* Whoever opens a packet socket is stopped before it can send anything. */
    assert.ok(stopped || held > 0, `The kernel has held nothing of "${row.name}" for its program's sake`);
    await assertArrives(world, row, async () => {
      if (waits(row)) return;
      await world.peer.clear();
      await terminal.run(row.argv(world));
    });
    return true;
  } finally {
    await (command as Command | null)?.kill();
  }
}
