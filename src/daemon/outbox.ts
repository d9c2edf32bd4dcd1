// SPDX-License-Identifier: Apache-2.0
/** Events on their way to one reader. A reader slower than the events loses the oldest, and is told so; nothing waits for it. */

/** Lines kept for a reader that does not take them: some hundred kilobytes. */
export const OUTBOX_LINES = 512;

/** Where lines go: `write` says false when no more should come before `ready` is called on the outbox. */
export type LineWriter = { readonly write: (line: string) => boolean };

export class Outbox {
  readonly #writer: LineWriter;
  readonly #resync: string;
  #waiting: string[] = [];
  #blocked = false;
  #lost = false;

  /** `resync` is the line that stands for lost ones. */
  constructor(writer: LineWriter, resync: string) {
    this.#writer = writer;
    this.#resync = resync;
  }

  /** Sends a line, or keeps it until the reader is ready again. */
  put(line: string): void {
    if (!this.#blocked) {
      this.#blocked = !this.#writer.write(line);
      return;
    }
    this.#waiting.push(line);
    if (this.#waiting.length > OUTBOX_LINES) {
      this.#waiting.shift();
      this.#lost = true;
    }
  }

  /** The reader takes lines again. */
  ready(): void {
    this.#blocked = false;
    const lines = this.#lost ? [this.#resync, ...this.#waiting] : this.#waiting;
    this.#waiting = [];
    this.#lost = false;
    for (const line of lines) this.put(line);
  }
}
