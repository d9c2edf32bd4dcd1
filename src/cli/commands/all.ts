// SPDX-License-Identifier: Apache-2.0
/** Every command, in the order of the help. */
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { addApps } from "./apps.ts";
import { addAsk } from "./ask.ts";
import { addBackup } from "./backup.ts";
import { addCompletion } from "./completion.ts";
import { addExplain } from "./explain.ts";
import { addFlows } from "./flows.ts";
import { addGroups } from "./groups.ts";
import { addLater } from "./later.ts";
import { addLists } from "./lists.ts";
import { addMachine } from "./machine.ts";
import { addMode } from "./mode.ts";
import { addRules } from "./rules.ts";
import { addRun } from "./run.ts";
import { addSettings } from "./settings.ts";
import { addSource } from "./source.ts";
import { addStatus } from "./status.ts";
import { addUp } from "./up.ts";

export function addCommands(program: Command, context: Context): void {
  const order = [addUp, addStatus, addMode, addRules, addAsk, addFlows, addApps, addExplain, addLists, addSettings, addGroups];
  for (const add of [...order, addBackup, addRun, addMachine, addSource, addLater, addCompletion]) add(program, context);
  for (const command of program.commands) command.helpCommand(false);
}
