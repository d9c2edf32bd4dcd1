// SPDX-License-Identifier: Apache-2.0
/** Commands of cli.md that a later version brings. */
import type { Command } from "commander";
import { Failure } from "../../contract/failure.ts";
import type { Context } from "../context.ts";

export function addLater(program: Command, _context: Context): void {
  for (const name of ["capture"]) {
    program
      .command(name, { hidden: true })
      .argument("[anything...]")
      .allowUnknownOption()
      .action(() => {
        throw new Failure("bad-input", `Cannot run "holdfast ${name}": it comes in a later version`);
      });
  }
}
