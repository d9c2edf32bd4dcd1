// SPDX-License-Identifier: Apache-2.0
/** What follows from rules in force is done flow by flow, and what fails with one keeps nothing from the others. */
import { messageOf } from "../store/problem.ts";
import type { Engine } from "./engine.ts";

/** The health condition: the rules are in force, but not every flow could be brought in line. */
export const FLOW_FAILED = "flow-failed";

/** Does what is due for one flow; null when that fails, and health says so. */
export function forFlow<T>({ health }: Pick<Engine, "health">, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    health.set(
      FLOW_FAILED,
      "warning",
      `The rules are in force, but something that ran or waited could not be cut, sent or refused, and is judged at its next packet: ${messageOf(error)}`,
    );
    return null;
  }
}
