// SPDX-License-Identifier: Apache-2.0
/** `ask …`: open questions and their answers. */
import { type Command, Option } from "commander";
import type { Question, RequestInput } from "../../contract/api.ts";
import { Failure } from "../../contract/failure.ts";
import { answerWords, appWords, peerWords, portWords, timeWords } from "../../terminal/words.ts";
import type { Context } from "../context.ts";
import { parseDuration } from "../duration.ts";
import { idFrom, oneOf } from "../read.ts";

type Answer = RequestInput<"answer">;
type Flags = { scope?: Answer["scope"]; port?: true; anyPort?: true; for: Answer["lifetime"] };

export function addAsk(program: Command, context: Context): void {
  const { output } = context;
  const ask = program.command("ask").description("Open questions: list, answer, watch.");
  ask
    .command("ls")
    .description("List open questions.")
    .action(async () => {
      const reply = await context.client().listQuestions({});
      output.reply(reply, () => questionTable(context, reply.questions));
    });
  ask
    .command("answer")
    .description("Answer a question. Returns when held packets have been sent or refused.")
    .argument("<id>", "the question", idFrom("ask ls"))
    .argument("<verdict>", "allow or deny", oneOf("verdict", ["allow", "deny"]))
    .option(
      "--scope <scope>",
      "exact (this address), host, domain or any (default: host where a name is known, else exact)",
      oneOf("scope", ["exact", "host", "domain", "any"]),
    )
    .addOption(new Option("--port", "only this protocol and port (default)").conflicts("anyPort"))
    .option("--any-port", "every protocol and port")
    .addOption(
      new Option("--for <time>", "once, quit, restart, a duration such as 15m, or ever")
        .argParser(lifetime)
        .default({ kind: "ever" } satisfies Answer["lifetime"], "ever"),
    )
    .action(async (id: number, action: "allow" | "deny", flags: Flags) => {
      const reply = await context
        .client()
        .answer({ id, action, scope: flags.scope ?? null, anyPort: flags.anyPort ?? false, lifetime: flags.for });
      output.reply(reply, () => answerWords(reply));
    });
  ask
    .command("watch")
    .description("Show questions as they come; in a terminal, answer them by single keys.")
    .action(async () => {
      const { watchQuestions } = await import("../watch.ts");
      if ((await watchQuestions(context)) === "daemon") throw new Failure("no-daemon", "The daemon has ended");
    });
}

/** `--for`: what a person writes for a lifetime. */
export function lifetime(text: string): NonNullable<Answer["lifetime"]> {
  if (text === "ever" || text === "once" || text === "quit" || text === "restart") return { kind: text };
  if (!/^\d/.test(text)) {
    throw new Failure("bad-input", `Cannot read time "${text}": expected once, quit, restart, ever or a duration such as 15m`);
  }
  return { kind: "for", seconds: parseDuration(text) };
}

function questionTable(context: Context, questions: readonly Question[]): string[] {
  if (questions.length === 0) return ["No open questions"];
  const rows = questions.map((question) => [
    String(question.id),
    timeWords(question.since),
    appWords(question.app),
    question.direction === "out" ? "->" : "<-",
    peerWords(question),
    portWords(question),
    String(question.flows),
    question.scopes.join(" "),
  ]);
  const right = true;
  return context.output.table(
    [
      { title: "ID", right },
      { title: "SINCE" },
      { title: "PROGRAM", shrink: true },
      { title: "" },
      { title: "PEER", shrink: true },
      { title: "PORT" },
      { title: "FLOWS", right },
      { title: "SCOPES" },
    ],
    rows,
  );
}
