// SPDX-License-Identifier: Apache-2.0
/** The open questions, the one the person is at, and the answer as set so far. A new question never takes the place of the one shown. */

import type { ApiEvent, Question, RequestInput } from "../contract/api.ts";
import { count } from "../contract/count.ts";
import { detailWords, questionWords } from "./words.ts";

type Answer = RequestInput<"answer">;
type Lifetime = NonNullable<Answer["lifetime"]>;
export type QuestionEvent = Extract<ApiEvent, { kind: "question" | "question-closed" }>;
type QuestionChange =
  | { readonly kind: "question"; readonly question: Question }
  | { readonly kind: "question-closed"; readonly id: number };

/** A key this soon after a question that came up by itself was drawn was meant for what stood there before, milliseconds. */
const TOO_SOON_MS = 700;
/** What is said then. */
export const TOO_SOON = "This question has just come up: press the key again to answer it";

type Choice = { readonly word: string; readonly lifetime: Lifetime };

const LIFETIMES: readonly Choice[] = [
  { word: "for ever", lifetime: { kind: "ever" } },
  { word: "until the program quits", lifetime: { kind: "quit" } },
  { word: "until restart", lifetime: { kind: "restart" } },
  { word: "for 15 minutes", lifetime: { kind: "for", seconds: 900 } },
];

const SCOPES = { exact: "this address", host: "this host", domain: "its domain", any: "anywhere" } as const;

/** The keys of a question, as they stand below it. */
export const KEYS = "[a]llow  [d]eny  once: all[o]w  de[n]y";
const SET_KEYS = "[s]cope [p]ort [t]ime";
const SET_KEYS_WITHOUT_TIME = "[s]cope [p]ort";

export class Desk {
  readonly #lifetimes: readonly Choice[];
  readonly #open = new Map<number, Question>();
  #current: number | null = null;
  #scope = 0;
  #lifetime = 0;
  #anyPort = false;
  /** When the question that came up by itself was first drawn; null while it is not. */
  #drawnMs: number | null = Number.NEGATIVE_INFINITY;

  /** `lifetimes`: those to choose from, the usual one first. */
  constructor(lifetimes: readonly Choice[] = LIFETIMES) {
    this.#lifetimes = lifetimes;
  }

  /** Takes in what happened; true when there is another question to show. */
  take(event: QuestionChange): boolean {
    if (event.kind === "question-closed") return this.remove(event.id);
    this.#open.set(event.question.id, event.question);
    return this.#current === null && this.#comeUp(event.question.id);
  }

  /** Forgets a question that is answered or gone; true when another is now shown. */
  remove(id: number): boolean {
    this.#open.delete(id);
    if (this.#current !== id) return false;
    this.#current = null;
    const next = this.#open.keys().next().value;
    return next !== undefined && this.#comeUp(next);
  }

  /** The question `id` is before the person's eyes from now on: what is taken in is drawn later, on a slow machine much later. */
  drawn(id: number | null, nowMs: number): void {
    if (id === this.#current) this.#drawnMs ??= nowMs;
  }

  /** Whether the question shown came up by itself, and is not drawn or was so short a time ago that no key was meant for it. */
  tooSoon(nowMs: number): boolean {
    return this.#drawnMs === null || nowMs - this.#drawnMs < TOO_SOON_MS;
  }

  /** A key that sets the answer or goes to another question ("up", "down"); false for any other. */
  key(name: string): boolean {
    const question = this.current();
    if (question === null) return false;
    if (name === "s") this.#scope = (this.#scope + 1) % question.scopes.length;
    else if (name === "p") this.#anyPort = !this.#anyPort;
    else if (name === "t") this.#lifetime = (this.#lifetime + 1) % this.#lifetimes.length;
    else if (name === "down") return this.#turnTo(this.#beside(question.id, 1));
    else if (name === "up") return this.#turnTo(this.#beside(question.id, -1));
    else return false;
    return true;
  }

  /** The answer a key gives to the question shown: a, d as set; o, n once. Null for any other key, or without a question. */
  answer(key: string): Answer | null {
    const question = this.current();
    if (question === null || !["a", "d", "o", "n"].includes(key)) return null;
    const once = key === "o" || key === "n";
    return {
      id: question.id,
      action: key === "a" || key === "o" ? "allow" : "deny",
      scope: question.scopes[this.#scope] ?? null,
      anyPort: this.#anyPort,
      lifetime: once ? { kind: "once" } : (this.#lifetimes[this.#lifetime]?.lifetime ?? { kind: "ever" }),
    };
  }

  /** The question shown. */
  current(): Question | null {
    return this.#current === null ? null : (this.#open.get(this.#current) ?? null);
  }

  /** All open questions, in the order they came. */
  questions(): readonly Question[] {
    return [...this.#open.values()];
  }

  /** What `a` and `d` would mean, and the keys that change it: "this address, this port, for ever   [s]cope [p]ort [t]ime". */
  words(): string {
    const scope = this.current()?.scopes[this.#scope] ?? "exact";
    const keys = this.#lifetimes.length > 1 ? SET_KEYS : SET_KEYS_WITHOUT_TIME;
    return `${SCOPES[scope]}, ${this.#anyPort ? "any port" : "this port"}, ${this.#lifetimes[this.#lifetime]?.word}   ${keys}`;
  }

  /** The question shown, and the keys. */
  lines(): string[] {
    const question = this.current();
    if (question === null) return [];
    const waiting = this.#open.size > 1 ? `  (${count(this.#open.size - 1, "more question")}: ↑ ↓)` : "";
    return [
      `#${question.id}  ${questionWords(question)}${waiting}`,
      `    ${detailWords(question)}`,
      `    ${KEYS}`,
      `    for [a] and [d]: ${this.words()}`,
    ];
  }

  #comeUp(id: number): boolean {
    this.#drawnMs = null;
    return this.#turnTo(id);
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

  #beside(id: number, step: number): number {
    const ids = [...this.#open.keys()];
    return ids[(ids.indexOf(id) + step + ids.length) % ids.length] ?? id;
  }
}
