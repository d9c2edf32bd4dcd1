// SPDX-License-Identifier: Apache-2.0
/**
 * Regular expressions that are lists of literals in disguise: `^(53|80|443)$`, `^(.*\.)?example\.org$`, `^/opt/app/.*`. Read into every text
 * they stand for, with a few marks for what is not literal. Anything else is not read: no rule is made of half an expression.
 */

/** Any text (`.*`, `.+`), any text without a slash (`[^/]*`), one character (a dot that was not escaped), and the anchors. */
export const ANY = "\u0001";
export const FOLDER = "\u0002";
export const DOT = "\u0003";
export const START = "\u0004";
export const END = "\u0005";

/** More texts than that are no list that a person wrote. */
const MOST_TEXTS = 256;

class NotLiteral extends Error {}

/** Every text of `a` followed by every one of `b`. */
function joined(a: readonly string[], b: readonly string[]): string[] {
  if (a.length * b.length > MOST_TEXTS) throw new NotLiteral();
  return a.flatMap((head) => b.map((tail) => head + tail));
}

class Reader {
  readonly pattern: string;
  position = 0;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  take(text: string): boolean {
    if (!this.pattern.startsWith(text, this.position)) return false;
    this.position += text.length;
    return true;
  }

  next(): string {
    const character = this.pattern[this.position++];
    if (character === undefined) throw new NotLiteral();
    return character;
  }

  /** `a|b|c`, up to the end or a closing parenthesis. */
  choice(): string[] {
    const texts = [...this.sequence()];
    while (this.take("|")) texts.push(...this.sequence());
    if (texts.length > MOST_TEXTS) throw new NotLiteral();
    return texts;
  }

  sequence(): string[] {
    let texts = [""];
    while (this.position < this.pattern.length && !"|)".includes(this.pattern[this.position] ?? "")) texts = joined(texts, this.item());
    return texts;
  }

  /** One character, class or group, with what follows it. */
  item(): string[] {
    const texts = this.atom();
    if (this.take("*") || this.take("+")) {
      this.take("?");
      if (texts.length === 1 && texts[0] === DOT) return [ANY];
      if (texts.length === 1 && texts[0] === FOLDER) return [FOLDER];
      throw new NotLiteral();
    }
    if (texts.includes(FOLDER)) throw new NotLiteral();
    return this.take("?") ? [...texts, ""] : texts;
  }

  atom(): string[] {
    if (this.take("(?:") || this.take("(?i:") || (this.pattern[this.position + 1] !== "?" && this.take("("))) {
      const texts = this.choice();
      if (!this.take(")")) throw new NotLiteral();
      return texts;
    }
    if (this.take("[^/]")) return [FOLDER];
    if (this.take("[")) return this.characters();
    if (this.take("\\")) return [this.escaped()];
    if (this.take(".")) return [DOT];
    if (this.take("^")) return [START];
    if (this.take("$")) return [END];
    const character = this.next();
    if ("*+?{}()".includes(character)) throw new NotLiteral();
    return [character];
  }

  /** A backslash makes punctuation mean itself; before a letter or digit it is a class, or what this does not read. */
  escaped(): string {
    const character = this.next();
    if (/[a-z0-9]/i.test(character)) throw new NotLiteral();
    return character;
  }

  /** `[abc0-9]`, behind the bracket. */
  characters(): string[] {
    const texts: string[] = [];
    if (this.take("^")) throw new NotLiteral();
    while (!this.take("]")) {
      const first = this.take("\\") ? this.escaped() : this.next();
      const last = this.pattern[this.position + 1] !== "]" && this.take("-") ? this.next() : first;
      if (last < first) throw new NotLiteral();
      for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++) texts.push(String.fromCharCode(code));
    }
    if (texts.length > MOST_TEXTS) throw new NotLiteral();
    return texts;
  }
}

/** Every text `pattern` stands for, with the marks above; null when it is more than a list of them. */
export function textsOfPattern(pattern: string): string[] | null {
  const reader = new Reader(pattern.replace(/^\(\?i\)/, ""));
  try {
    const texts = reader.choice();
    return reader.position === reader.pattern.length ? [...new Set(texts)] : null;
  } catch (error) {
    if (!(error instanceof NotLiteral)) throw error;
    return null;
  }
}

/** A text without its anchors. `start` and `end`: whether it was held there. `body` may still hold marks. */
export type Anchored = { readonly start: boolean; readonly end: boolean; readonly body: string };

export function anchored(text: string): Anchored {
  const start = text.startsWith(START);
  const end = text.endsWith(END);
  return { start, end, body: text.slice(start ? 1 : 0, end ? -1 : undefined) };
}

/** Whether marks are left: what stands there is not literal. */
export function hasMarks(text: string): boolean {
  return [ANY, FOLDER, DOT, START, END].some((mark) => text.includes(mark));
}
