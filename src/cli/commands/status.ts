// SPDX-License-Identifier: Apache-2.0
/** `status`: also says what is known when there is no daemon. */

import { release } from "node:os";
import type { Command } from "commander";
import type { Status } from "../../contract/api.ts";
import { count } from "../../contract/count.ts";
import { FAILURES, Failure } from "../../contract/failure.ts";
import type { PinnedScope } from "../../contract/local.ts";
import type { Context } from "../context.ts";

export function addStatus(program: Command, context: Context): void {
  program
    .command("status")
    .description("Show whether the rules are in force, and how the firewall is.")
    .action(async () => {
      try {
        const status = await context.client().status({});
        context.output.reply(status, () => statusLines(status));
      } catch (error) {
        if (!(error instanceof Failure) || error.code !== "no-daemon") throw error;
        const pinned = await (await context.localAsCaller()).pinned();
        const status = withoutDaemon(program.version() ?? "", context.socket(), pinned);
        context.output.error(error.message);
        context.output.reply(status, () => pinnedWords(pinned));
        context.exit = FAILURES["no-daemon"].exit;
      }
    });
}

/**
 * Everything only a daemon knows is null; the scope is known where only one can be meant. What another daemon keeps in force, or is left of a
 * cgroup that is gone, is not what this socket stands for.
 */
function withoutDaemon(version: string, socket: string, pinned: readonly PinnedScope[] | null): Status {
  const left = pinned?.filter(({ path, pid }) => path !== null && pid === null) ?? null;
  const scope = left?.length === 1 ? (left[0]?.path ?? null) : null;
  const unknown = { mode: null, whenAway: null, scope, state: null } as const;
  return {
    schema: 1,
    version,
    pid: null,
    ...unknown,
    socket,
    rulesDir: null,
    revision: null,
    generation: null,
    inForce: left === null ? null : left.length > 0,
    rules: null,
    questions: null,
    clients: null,
    kernel: { release: release(), missing: null },
    health: [],
    counters: null,
  };
}

/** Every scope with rules in force, and what takes them away. */
function pinnedWords(pinned: readonly PinnedScope[] | null): string[] {
  if (pinned === null) return ["Whether rules are in force all the same, only root can see"];
  if (pinned.length === 0) return ["No rules are in force"];
  return pinned.map(({ path, whole, pins, pid }) => {
    if (path === null) return `"${pins}" is left of a cgroup that is gone; remove it with rm -r`;
    const down = `holdfast down${whole ? "" : ` --scope ${shellWord(path)}`}`;
    const daemon = pid === null ? "without a daemon" : `with daemon ${pid}, which listens on another socket`;
    return `Rules are in force for ${whole ? "the whole machine" : `"${path}"`}, ${daemon}; what takes them away: ${down}`;
  });
}

/** A path as one word of a shell. */
function shellWord(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function statusLines(status: Status): string[] {
  const force = status.inForce ? "in force" : "not in force";
  const facts: [string, string][] = [
    ["Holdfast", `${status.version}, daemon ${status.pid}, kernel ${status.kernel.release}`],
    ["Mode", `${status.mode} (when away: ${status.whenAway})`],
    ["Rules", `revision ${status.revision}, generation ${status.generation}, ${force}`],
  ];
  const rules = status.rules;
  if (rules !== null) facts.push(["", `${rules.enabled} enabled of ${rules.total}, at most ${rules.limit}`]);
  facts.push(["Questions", `${status.questions} open, ${count(status.clients ?? 0, "client")} to answer`]);
  facts.push(
    ["Scope", status.scope ?? "-"],
    ["State", status.state ?? "-"],
    ["Rule files", status.rulesDir ?? "-"],
    ["Socket", status.socket],
  );
  const missing = status.kernel.missing ?? [];
  if (missing.length > 0) facts.push(["Missing", missing.join(", ")]);
  facts.push(...counterLines(status));
  const width = Math.max(...facts.map(([name]) => name.length));
  return [
    ...facts.map(([name, text]) => `${name.padEnd(width)}  ${text}`),
    ...status.health.map((item) => `${item.severity}: ${item.text}`),
  ];
}

function counterLines({ counters }: Status): [string, string][] {
  if (counters === null) return [];
  const held = `${counters.heldFlows} held, ${counters.heldDropped} of their packets dropped, ${counters.released} released, ${counters.refused} refused`;
  const lost = [
    ...(counters.eventsLost > 0 ? [count(counters.eventsLost, "event")] : []),
    ...(counters.unknownHeld > 0 ? [`${counters.unknownHeld} held before their program was known`] : []),
    ...failures("table full", counters.tableFull),
    ...failures("failed", counters.helperFailed),
  ];
  return [["Flows", held], ...(lost.length > 0 ? [["Lost", lost.join(", ")] satisfies [string, string]] : [])];
}

function failures(what: string, causes: Readonly<Record<string, number>>): string[] {
  return Object.entries(causes)
    .filter(([, times]) => times > 0)
    .map(([cause, times]) => `${cause} ${what} ${count(times, "time")}`);
}
