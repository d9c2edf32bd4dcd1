// SPDX-License-Identifier: Apache-2.0
/** `up`, `down`, `panic`: what brings the firewall and takes it away, with no daemon to ask. */

import { type Command, Option } from "commander";
import type { Mode } from "../../contract/connection.ts";
import { count } from "../../contract/count.ts";
import { DEFAULT_RULES, DEFAULT_STATE, type Removed } from "../../contract/local.ts";
import type { Context } from "../context.ts";
import { callersPath, folder, oneOf } from "../read.ts";

type UpFlags = {
  mode?: Mode;
  scope?: string;
  state: string;
  rules: string;
  whenAway?: "allow" | "deny";
  detach?: true;
  console: boolean;
};

export function addUp(program: Command, context: Context): void {
  program
    .command("up")
    .description("Put the rules in force and run the daemon. Needs root.")
    .option(
      "--mode <mode>",
      "what happens where no rule matches: allow, deny or ask (default: as last time, allow at first)",
      oneOf("mode", ["allow", "deny", "ask"]),
    )
    .option("--scope <dir>", "only programs in this cgroup (default: the whole machine)", folder)
    .option("--state <dir>", "where rules, settings and history are kept", callersPath, DEFAULT_STATE)
    .option("--rules <dir>", "rule groups: *.rules in this folder", callersPath, DEFAULT_RULES)
    .option(
      "--when-away <verdict>",
      "what happens where a rule says ask and no daemon runs: allow or deny (default: deny)",
      oneOf("verdict", ["allow", "deny"]),
    )
    .option("--detach", "return when the rules are in force; the daemon goes on in the background (log in STATE/daemon.log)")
    .addOption(new Option("--no-console", "do not start the browser console, of which there is none yet").hideHelp())
    .addHelpText(
      "after",
      `
In a terminal it shows flows and questions as they come and takes answers by single keys; Ctrl-C takes everything away.
SIGTERM or a crash leaves the rules in force: "holdfast down" takes them away.`,
    )
    .action(async (flags: UpFlags) => {
      const local = await context.local("up");
      const started = await local.up({
        socket: context.socket(),
        mode: flags.mode ?? null,
        scope: flags.scope ?? null,
        state: flags.state,
        rules: flags.rules,
        whenAway: flags.whenAway ?? null,
        detach: flags.detach ?? false,
        console: flags.console,
        json: context.json(),
      });
      if (started === null) return;
      context.output.reply(
        { schema: 1, ...started },
        () => `Holdfast is in force: mode ${started.mode}, daemon ${started.pid}, socket ${started.socket}`,
      );
    });

  const remove = (name: "down" | "panic", description: string): void => {
    program
      .command(name)
      .description(description)
      .option("--scope <dir>", "the cgroup given to up (default: the whole machine)", folder)
      .action(async (flags: { scope?: string }) => {
        const local = await context.local(name);
        const removed = await local[name]({ socket: context.socket(), scope: flags.scope ?? null });
        context.output.reply({ schema: 1, ...removed }, () => removedWords(removed));
      });
  };
  remove("down", "Stop the daemon, if one runs, and take the rules of this scope away. Needs root.");
  remove("panic", "Take the rules of this scope away whatever state the daemon is in. Needs root.");
}

function removedWords(removed: Removed): string {
  const parts = [count(removed.links, "link"), count(removed.pins, "pin"), count(removed.filters, "filter"), count(removed.held, "hold")];
  const total = removed.links + removed.pins + removed.filters + removed.held;
  if (total === 0 && removed.pid === null) return `Nothing of Holdfast was in force for ${removed.scope}`;
  return `Holdfast is no longer in force for ${removed.scope}: removed ${parts.join(", ")}`;
}
