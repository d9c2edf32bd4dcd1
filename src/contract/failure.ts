// SPDX-License-Identifier: Apache-2.0
/** How a command or a request fails: one code, one sentence, and where it is in the input when that is what is wrong. */

/** What each code means to a script (exit code, cli.md) and on the socket (HTTP status). */
export const FAILURES = {
  "bad-input": { exit: 2, status: 400 },
  "no-daemon": { exit: 3, status: 503 },
  "not-permitted": { exit: 4, status: 403 },
  "kernel-cannot": { exit: 5, status: 501 },
  "not-found": { exit: 1, status: 404 },
  conflict: { exit: 1, status: 409 },
  failed: { exit: 1, status: 500 },
} as const;

export type FailureCode = keyof typeof FAILURES;

/** A problem in a text or a file. `file` is null where the text came without one; `line` and `column` start at 1. */
export type FileProblem = {
  readonly file: string | null;
  readonly line: number;
  readonly column: number;
  readonly message: string;
};

/** Thrown by the daemon's backend, local commands and the client. `message` is a sentence for the person. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: FailureCode;
  readonly problems: readonly FileProblem[] | null;

  constructor(
    code: FailureCode,
    message: string,
    options: {
      readonly problems?: readonly FileProblem[];
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? null;
  }
}

/** Whether `code`, as it came over the socket, is one of ours. */
export function isFailureCode(code: unknown): code is FailureCode {
  return typeof code === "string" && Object.hasOwn(FAILURES, code);
}
