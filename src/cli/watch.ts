// SPDX-License-Identifier: Apache-2.0
/** `ask watch`: questions as they come. With --json or without a terminal one line each; in a terminal, single keys answer the one shown. */
import { emitKeypressEvents } from "node:readline";
import type { Client } from "../client/client.ts";
import type { Question, RequestInput } from "../contract/api.ts";
import { Failure } from "../contract/failure.ts";
import { Desk, type QuestionEvent, TOO_SOON } from "../terminal/desk.ts";
import { answerWords, questionWords } from "../terminal/words.ts";
import type { Context } from "./context.ts";

/** The open questions first, then what changes. Returns when the daemon ends the stream or `signal` aborts. */
export async function* questionEvents(client: Client, signal: AbortSignal): AsyncIterable<QuestionEvent> {
  const open = new Set<number>();
  for await (const event of client.events(["questions"], signal)) {
    if (event === null || event.kind === "resync") {
      // Subscribed before asked: a question told twice is better than one not told.
      const { questions } = await client.listQuestions({});
      const now = new Set(questions.map((question) => question.id));
      for (const id of [...open].filter((each) => !now.has(each))) {
        open.delete(id);
        yield { schema: 1, kind: "question-closed", id, answer: null, rule: null };
      }
      for (const question of questions) {
        open.add(question.id);
        yield { schema: 1, kind: "question", question };
      }
    } else if (event.kind === "question") {
      open.add(event.question.id);
      yield event;
    } else if (event.kind === "question-closed") {
      open.delete(event.id);
      yield event;
    }
  }
}

/** Shows questions; resolves with who ended it. */
export async function watchQuestions(context: Context): Promise<"person" | "daemon"> {
  const { stdin } = process;
  if (!context.json() && stdin.isTTY && context.output.width !== null) return answerByKeys(context, stdin);
  for await (const event of questionEvents(context.client(), new AbortController().signal)) {
    context.output.reply(event, () => (event.kind === "question" ? questionLine(event.question) : closedLine(event)));
  }
  return "daemon";
}

async function answerByKeys(context: Context, terminal: NodeJS.ReadStream): Promise<"person" | "daemon"> {
  const { output } = context;
  const stop = new AbortController();
  const desk = new Desk();
  const show = (): void => {
    output.lines(desk.lines());
    desk.drawn(desk.current()?.id ?? null, performance.now());
  };
  const answer = async (request: RequestInput<"answer">): Promise<void> => {
    try {
      output.lines(answerWords(await context.client().answer(request)));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      output.error(error.message);
      // Still open unless somebody else was faster.
      if (error.code !== "not-found") return show();
    }
    if (desk.remove(request.id)) show();
  };
  let answering = false;
  const onKey = (_text: string | undefined, key: { readonly name?: string; readonly ctrl?: boolean }): void => {
    if (key.name === "q" || (key.ctrl && (key.name === "c" || key.name === "d"))) {
      stop.abort();
      return;
    }
    // A key pressed twice must not answer the next question as well.
    if (key.ctrl || answering) return;
    const request = desk.answer(key.name ?? "");
    if (request !== null && desk.tooSoon(performance.now())) output.lines(TOO_SOON);
    else if (request !== null) {
      answering = true;
      answer(request)
        .catch((error: unknown) => stop.abort(error))
        .finally(() => {
          answering = false;
        });
    } else if (desk.key(key.name ?? "")) show();
  };
  emitKeypressEvents(terminal);
  terminal.setRawMode(true);
  terminal.on("keypress", onKey);
  terminal.resume();
  try {
    output.lines("Waiting for questions. q ends.");
    for await (const event of questionEvents(context.client(), stop.signal)) {
      if (event.kind === "question-closed") output.lines(closedLine(event));
      if (desk.take(event)) show();
    }
  } finally {
    terminal.off("keypress", onKey);
    terminal.setRawMode(false);
    terminal.pause();
  }
  if (!stop.signal.aborted) return "daemon";
  const reason: unknown = stop.signal.reason;
  if (reason instanceof Error && reason.name !== "AbortError") throw reason;
  return "person";
}

function questionLine(question: Question): string {
  return `#${question.id}  ${questionWords(question)}  (${question.scopes.join(", ")})`;
}

function closedLine(event: Extract<QuestionEvent, { kind: "question-closed" }>): string {
  const how = event.answer === null ? "closed" : event.answer === "allow" ? "allowed" : "denied";
  return `#${event.id}  ${how}${event.rule === null ? "" : ` by rule ${event.rule}`}`;
}
