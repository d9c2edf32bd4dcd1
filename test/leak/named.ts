// SPDX-License-Identifier: Apache-2.0
/** A thousand programs that are gone before anybody can look at them, started by one that is new as well: each is named all the same. */
import assert from "node:assert/strict";
import type { ReplyOf } from "../../src/contract/api.ts";
import type { Firewall } from "../firewall.ts";
import { until } from "../world/until.ts";
import { udpArgs } from "./address.ts";
import { udpPort } from "./row.ts";
import { Terminal } from "./terminal.ts";

const PROCESSES = 1000;

type Flow = ReplyOf<"listFlows">["flows"][number];

export async function allNamed(firewall: Firewall): Promise<void> {
  const { world } = firewall;
  const terminal = new Terminal(world);
  const send = ["udp", ...udpArgs(world, "v4")];
  await terminal.run([world.probe, "spawn", "--count", String(PROCESSES), "--", ...send]);
  await world.peer.arrived({ port: udpPort }, PROCESSES);
  for (const { app, verdict } of await sent(firewall, PROCESSES)) assert.deepEqual([app?.path, verdict], [world.probe, "allow"]);
}

/** The flows to the peer, once they stand for this many attempts and no more. */
async function sent({ client, world }: Firewall, attempts: number): Promise<readonly Flow[]> {
  return await until(`${attempts} attempts in the flows`, async () => {
    const flows = (await client.listFlows({ to: world.peer.address4 })).flows.filter(({ port }) => port === udpPort);
    return flows.reduce((sum, flow) => sum + flow.attempts, 0) === attempts ? flows : null;
  });
}
