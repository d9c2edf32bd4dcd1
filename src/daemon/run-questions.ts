// SPDX-License-Identifier: Apache-2.0
/** The questions of a `run`, on the terminal itself: COMMAND stands still meanwhile, its standard streams stay its own. */
import { openSync } from "node:fs";
import { ReadStream, WriteStream } from "node:tty";
import { visible } from "../contract/bytes.ts";
import { Failure } from "../contract/failure.ts";
import { foreground, ownGroup, putInForeground, TERMINAL } from "../kernel/terminal.ts";
import { Desk } from "../terminal/desk.ts";
import { answerWords } from "../terminal/words.ts";
import type { Backend } from "./backend.ts";

/** Keys this soon after a question has come up were meant for something else, milliseconds. */
const NOT_YET_MS = 400;
/** How often a run in the background looks whether it is in front now, milliseconds. */
const BACKGROUND_MS = 500;
const CTRL_C = "\x03";
const ARROWS: Readonly<Record<string, string>> = { "\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down" };

/** The terminal while a question stands in it: keys come one by one and are not shown. */
class Terminal {
  readonly #before = foreground();
  readonly #input: ReadStream;
  readonly #output: WriteStream;

  constructor(onKey: (key: string) => void) {
    putInForeground(ownGroup());
    this.#input = new ReadStream(openSync(TERMINAL, "r"));
    this.#output = new WriteStream(openSync(TERMINAL, "w"));
    this.#input.setRawMode(true);
    this.#input.setEncoding("utf8");
    this.#input.on("data", (data) => {
      const text = String(data);
      // Several at once were pasted or typed before.
      if (ARROWS[text] !== undefined || text.length === 1) onKey(ARROWS[text] ?? text);
    });
    // The terminal was closed: SIGHUP follows.
    for (const stream of [this.#input, this.#output]) stream.on("error", () => {});
  }

  show(lines: readonly string[]): void {
    this.#output.write(`\r\n${lines.map((line) => `${visible(line)}\r\n`).join("")}`);
  }

  close(): void {
    this.#input.setRawMode(false);
    this.#input.destroy();
    this.#output.destroy();
    putInForeground(this.#before);
  }

  /** What Ctrl-C does without us: SIGINT to whoever had the terminal. */
  interrupt(): void {
    process.kill(-this.#before, "SIGINT");
  }
}

export type AskOptions = {
  readonly backend: Backend;
  /** Has COMMAND stand still, so that it neither writes over the question nor reads the answer. */
  readonly freeze: (frozen: boolean) => void;
  /** Whether a process group is part of the run. */
  readonly isOurs: (group: number) => boolean;
};

/** Asks from now on, until the returned function is called. */
export function askOnTerminal({ backend, freeze, isOurs }: AskOptions): () => void {
  const desk = new Desk([{ word: "for this run", lifetime: { kind: "ever" } }]);
  let terminal: Terminal | null = null;
  let answering = false;
  let shownMs = 0;
  let waiting: NodeJS.Timeout | null = null;

  const leave = (): void => {
    if (waiting !== null) clearTimeout(waiting);
    waiting = null;
    terminal?.close();
    terminal = null;
    freeze(false);
  };
  const update = (): void => {
    if (waiting !== null) clearTimeout(waiting);
    waiting = null;
    if (desk.current() === null) {
      leave();
      return;
    }
    const front = foreground();
    if (terminal === null && front !== ownGroup() && !isOurs(front)) {
      // In the background the terminal is somebody else's: the question waits until the run is in front.
      waiting = setTimeout(update, BACKGROUND_MS);
      return;
    }
    freeze(true);
    terminal ??= new Terminal(onKey);
    terminal.show(desk.lines().map((line, i) => (i === 0 ? `holdfast: ${line}` : line)));
    shownMs = performance.now();
  };
  const answer = async (request: NonNullable<ReturnType<Desk["answer"]>>): Promise<void> => {
    const { id, action, scope = null, anyPort = false, lifetime = { kind: "ever" } } = request;
    try {
      const reply = await backend.answer({ id, action, scope, anyPort, lifetime });
      terminal?.show([`holdfast: ${answerWords({ schema: 1, ...reply })}`]);
    } catch (error) {
      terminal?.show([`holdfast: ${error instanceof Failure ? error.message : String(error)}`]);
      if (!(error instanceof Failure) || error.code !== "not-found") return;
    }
    desk.remove(id);
    update();
  };
  const onKey = (key: string): void => {
    if (key === CTRL_C) {
      terminal?.interrupt();
      leave();
      return;
    }
    if (answering || performance.now() - shownMs < NOT_YET_MS) return;
    const request = desk.answer(key);
    if (request !== null) {
      answering = true;
      void answer(request).finally(() => {
        answering = false;
      });
    } else if (desk.key(key)) {
      update();
      // One's own key brought it up.
      shownMs = 0;
    }
  };
  const unsubscribe = backend.subscribe(["questions"], (event) => {
    if (event.kind !== "question" && event.kind !== "question-closed") return;
    const before = desk.current();
    const another = desk.take(event);
    // What an answer of ours closes is shown by answer().
    if (!answering && (another || (before !== null && desk.current() === null))) update();
  });
  return () => {
    unsubscribe();
    leave();
  };
}
