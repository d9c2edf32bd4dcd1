// SPDX-License-Identifier: Apache-2.0
/** What a command prints: one JSON object a line, or text for a person. Text from outside is made visible here, whichever it is. */
import { visible } from "../contract/bytes.ts";
import type { Failure, FileProblem } from "../contract/failure.ts";
import { type Column, table } from "../terminal/table.ts";

/** Where output goes. `width`: cells of the terminal on standard output, null when it is none. */
export type Streams = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly width: number | null;
};

/** A value as one line of JSON, every string in it visible. Text under the key `multiline` is many lines of ours: its newlines stay. */
export function toJsonLine(value: object, options: { readonly multiline?: string } = {}): string {
  return JSON.stringify(value, (key, each: unknown) => {
    if (typeof each !== "string") return each;
    return key === options.multiline ? each.split("\n").map(visible).join("\n") : visible(each);
  });
}

export class Output {
  readonly #streams: Streams;
  readonly #json: () => boolean;

  constructor(streams: Streams, json: () => boolean) {
    this.#streams = streams;
    this.#json = json;
  }

  get width(): number | null {
    return this.#streams.width;
  }

  /** Prints a reply: the object itself with --json, else the lines `text` makes of it. */
  reply(value: object, text: () => string | readonly string[], options: { readonly multiline?: string } = {}): void {
    if (this.#json()) this.#streams.out(`${toJsonLine(value, options)}\n`);
    else this.lines(text());
  }

  /** Prints lines of text. A newline within a line is text from outside, and is shown as such. */
  lines(text: string | readonly string[]): void {
    for (const line of typeof text === "string" ? [text] : text) this.#streams.out(`${visible(line)}\n`);
  }

  /** The lines of a table as wide as the terminal. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
    return table(
      columns,
      rows.map((row) => row.map(visible)),
      { width: this.#streams.width },
    );
  }

  /** Text that waits for a key: no newline after it. */
  prompt(text: string): void {
    this.#streams.out(visible(text));
  }

  /** A sentence on standard error. */
  error(sentence: string): void {
    this.#streams.err(`${visible(sentence)}\n`);
  }

  /** A failure: its sentence and problems on standard error; with --json the object of the API on standard output as well. */
  failure(failure: Failure): void {
    this.error(failure.message);
    // One that stands in the sentence is not said again.
    const problems = (failure.problems ?? []).filter(({ message }) => !failure.message.endsWith(message));
    for (const line of problemLines(problems)) this.error(line);
    if (!this.#json()) return;
    const all = failure.problems === null ? {} : { problems: failure.problems };
    this.#streams.out(`${toJsonLine({ schema: 1, error: { code: failure.code, message: failure.message, ...all } })}\n`);
  }
}

/** Problems shown to people: who has more of them has a file of another kind. */
const MAX_PROBLEMS = 20;

/** The first problems, each on a line, and how many more there are. */
export function problemLines(problems: readonly FileProblem[]): string[] {
  const more = problems.length - MAX_PROBLEMS;
  return [...problems.slice(0, MAX_PROBLEMS).map(problemLine), ...(more > 0 ? [`and ${more} more`] : [])];
}

/** `work.rules:12:3: …`, the form editors jump to. */
export function problemLine(problem: FileProblem): string {
  return `${problem.file === null ? "" : `${problem.file}:`}${problem.line}:${problem.column}: ${problem.message}`;
}
