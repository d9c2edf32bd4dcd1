// SPDX-License-Identifier: Apache-2.0
/** `flows`: what has talked to what, and who decided; with --follow, as it happens. */
import type { Command } from "commander";
import type { ApiEvent, Flow, FlowFilter } from "../../contract/api.ts";
import { Failure } from "../../contract/failure.ts";
import { flowMatches } from "../../contract/filter.ts";
import { appWords, bytesWords, connectionWords, peerWords, portWords, timeWords, verdictWords } from "../../terminal/words.ts";
import type { Context } from "../context.ts";
import { parseDuration } from "../duration.ts";
import { oneOf, peer } from "../read.ts";

type Flags = { follow?: true; app?: string; to?: string; verdict?: "allow" | "deny" | "held"; undecided?: true; since?: number };

export function addFlows(program: Command, context: Context): void {
  program
    .command("flows")
    .description("Show recent connections, oldest first.")
    .option("--follow", "go on with new ones as they come")
    .option("--app <x>", "only of this program: its path, name, script or package")
    .option("--to <x>", "only with this peer: an address, a name, or .domain", peer)
    .option("--verdict <v>", "only allow, deny or held", oneOf("verdict", ["allow", "deny", "held"]))
    .option("--undecided", "only those nobody has decided")
    .option("--since <d>", "only of the last 90s, 15m, 2h, 1d", parseDuration)
    .action(async (flags: Flags) => {
      const filter: FlowFilter = {
        app: flags.app ?? null,
        to: flags.to ?? null,
        verdict: flags.verdict ?? null,
        undecided: flags.undecided ?? false,
        since: flags.since === undefined ? null : new Date(Date.now() - flags.since * 1000).toISOString(),
      };
      if (flags.follow) return follow(context, filter);
      const reply = await context.client().listFlows(filter);
      context.output.reply(reply, () => flowTable(context, reply.flows));
    });
}

/** What there is, then what comes. Subscribed first, so that nothing falls between the two. */
async function follow(context: Context, filter: FlowFilter): Promise<void> {
  const show = (event: Extract<ApiEvent, { kind: "flow" }>): void => context.output.reply(event, () => flowLine(event.flow));
  for await (const event of context.client().events(["flows"], new AbortController().signal)) {
    if (event === null || event.kind === "resync") {
      if (event !== null) context.output.error("Too slow to follow: some connections are missing above");
      const { flows } = await context.client().listFlows(filter);
      for (const flow of flows) show({ schema: 1, kind: "flow", undecided: filter.undecided || flow.state === "held", flow });
    } else if (event.kind === "flow" && flowMatches(event.flow, event.undecided, filter)) {
      show(event);
    }
  }
  throw new Failure("no-daemon", "The daemon has ended");
}

function flowTable(context: Context, flows: readonly Flow[]): string[] {
  if (flows.length === 0) return ["No connections"];
  const rows = flows.map((flow) => [
    timeWords(flow.last),
    verdictWords(flow),
    appWords(flow.app),
    flow.direction === "out" ? "->" : "<-",
    peerWords(flow),
    portWords(flow),
    bytesWords(flow.bytesOut),
    bytesWords(flow.bytesIn),
  ]);
  const right = true;
  return context.output.table(
    [
      { title: "LAST" },
      { title: "VERDICT" },
      { title: "PROGRAM", shrink: true },
      { title: "" },
      { title: "PEER", shrink: true },
      { title: "PORT" },
      { title: "SENT", right },
      { title: "RECEIVED", right },
    ],
    rows,
  );
}

function flowLine(flow: Flow): string {
  return `${timeWords(flow.last)}  ${verdictWords(flow)}  ${connectionWords(flow)}  ${bytesWords(flow.bytesOut)} sent, ${bytesWords(flow.bytesIn)} received`;
}
