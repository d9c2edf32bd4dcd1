// SPDX-License-Identifier: Apache-2.0
/** The question in front of the person, those waiting behind it, and the answer as set so far. A new question never takes the place of the one shown. */
import type { Question, RequestInput } from "../contract/api.ts";
import type { QuestionEvent } from "./watch.ts";
import { questionWords } from "./words.ts";

type Answer = RequestInput<"answer">;

const LIFETIMES: readonly { readonly word: string; readonly lifetime: NonNullable<Answer["lifetime"]> }[] = [
  { word: "for ever", lifetime: { kind: "ever" } },
  { word: "once", lifetime: { kind: "once" } },
  { word: "until the program quits", lifetime: { kind: "quit" } },
  { word: "until restart", lifetime: { kind: "restart" } },
  { word: "for 15 minutes", lifetime: { kind: "for", seconds: 900 } },
];

export class Desk {
  readonly #open = new Map<number, Question>();
  #current: number | null = null;
  #scope = 0;
  #lifetime = 0;
  #anyPort = false;

  /** Takes in what happened; true when there is something new to show. */
  take(event: QuestionEvent): boolean {
    if (event.kind === "question-closed") return this.remove(event.id);
    this.#open.set(event.question.id, event.question);
    return this.#current === null && this.#turnTo(event.question.id);
  }

  /** Forgets a question that is answered or gone; true when another is now shown. */
  remove(id: number): boolean {
    this.#open.delete(id);
    if (this.#current !== id) return false;
    this.#current = null;
    const next = this.#open.keys().next().value;
    return next !== undefined && this.#turnTo(next);
  }

  /** A key that sets the answer or goes to the next question; false for any other. */
  key(name: string): boolean {
    const question = this.#question();
    if (question === null) return false;
    if (name === "s") this.#scope = (this.#scope + 1) % question.scopes.length;
    else if (name === "p") this.#anyPort = !this.#anyPort;
    else if (name === "t") this.#lifetime = (this.#lifetime + 1) % LIFETIMES.length;
    else if (name === "n") return this.#turnTo(this.#after(question.id));
    else return false;
    return true;
  }

  /** The answer to the question shown, as set; null when there is none. */
  answer(action: "allow" | "deny"): Answer | null {
    const question = this.#question();
    if (question === null) return null;
    const lifetime = LIFETIMES[this.#lifetime]?.lifetime ?? { kind: "ever" };
    return { id: question.id, action, scope: question.scopes[this.#scope] ?? null, anyPort: this.#anyPort, lifetime };
  }

  /** The question shown and the keys. */
  lines(): string[] {
    const question = this.#question();
    if (question === null) return [];
    const waiting = this.#open.size > 1 ? `  (${this.#open.size - 1} more)` : "";
    const set = `${question.scopes[this.#scope]}, ${this.#anyPort ? "any port" : "this port"}, ${LIFETIMES[this.#lifetime]?.word}`;
    return [`#${question.id}  ${questionWords(question)}${waiting}`, `    [a]llow  [d]eny   ${set}   [s]cope [p]ort [t]ime [n]ext [q]uit`];
  }

  #question(): Question | null {
    return this.#current === null ? null : (this.#open.get(this.#current) ?? null);
  }

  #turnTo(id: number): boolean {
    this.#current = id;
    const scopes = this.#open.get(id)?.scopes ?? [];
    // The default of cli.md: host where a name is known, else this address.
    this.#scope = Math.max(0, scopes.includes("host") ? scopes.indexOf("host") : scopes.indexOf("exact"));
    this.#lifetime = 0;
    this.#anyPort = false;
    return true;
  }

  #after(id: number): number {
    const ids = [...this.#open.keys()];
    return ids[(ids.indexOf(id) + 1) % ids.length] ?? id;
  }
}
