// SPDX-License-Identifier: Apache-2.0
/** Text -> Rule. rules.md has the language; the parts are in who.ts, where.ts, ports.ts, options.ts. */
import type { Direction, Problem, Rule, Who } from "../contract/rule.ts";
import { join, type Word, words } from "./lex.ts";
import { parseOptions } from "./options.ts";
import { looksLikePorts, parsePorts } from "./ports.ts";
import { Stop, shown, suggestion } from "./problem.ts";
import { parseWhere } from "./where.ts";
import { checkVia, parseProgram, parseUser } from "./who.ts";

const ACTIONS = ["allow", "deny", "ask"] as const;
const ARROWS = new Map<string, Direction>([
  ["->", "out"],
  ["<-", "in"],
  ["<->", "both"],
]);

export type ParsedRule = { readonly ok: true; readonly rule: Rule } | { readonly ok: false; readonly problems: readonly Problem[] };

class RuleReader {
  readonly words: readonly Word[];
  readonly end: number;
  position = 0;

  constructor(line: string, found: readonly Word[]) {
    this.words = found;
    this.end = Array.from(line.trimEnd()).length + 1;
  }

  peek(): Word | undefined {
    return this.words[this.position];
  }

  next(expected: string): Word {
    const word = this.words[this.position++];
    if (word === undefined) throw new Stop(this.end, `The rule ends too early: expected ${expected}`);
    return word;
  }

  /** A list with commas, also when there are spaces beside them. */
  nextList(expected: string): Word {
    const parts = [this.next(expected)];
    while (parts.at(-1)?.shape.endsWith(",") || this.peek()?.shape.startsWith(",")) parts.push(this.next("an entry after the comma"));
    return join(parts);
  }

  action(): Rule["action"] {
    const word = this.next("allow, deny or ask");
    const action = ACTIONS.find((known) => known === word.shape);
    if (action === undefined)
      throw new Stop(word.column, `${shown(word.text)} is not an action; expected allow, deny or ask${suggestion(word.text, ACTIONS)}`);
    return action;
  }

  who(): Who {
    const first = this.next("who: any, a path or another program");
    const user = parseUser(first);
    if (user !== null && ARROWS.has(this.peek()?.shape ?? "")) return { user, program: { kind: "any", value: "" }, via: null };
    const program = parseProgram(user === null ? first : this.next("a program or an arrow"));
    if (this.peek()?.shape !== "via") return { user, program, via: null };
    this.position++;
    const helper = this.next("the helper's program after via");
    const via = parseProgram(helper);
    checkVia(program, via, helper);
    return { user, program, via };
  }

  direction(): Direction {
    const word = this.next("-> (outgoing), <- (incoming) or <-> (both)");
    const direction = ARROWS.get(word.shape);
    if (direction !== undefined) return direction;
    const quote = this.words.slice(this.position).some((later) => ARROWS.has(later.shape)) ? "; quote a path with spaces" : "";
    throw new Stop(
      word.column,
      `Cannot read ${shown(word.text)} here: expected -> (outgoing), <- (incoming) or <-> (both)${suggestion(word.text, ["via"])}${quote}`,
    );
  }

  rule(): Rule {
    const action = this.action();
    const who = this.who();
    const direction = this.direction();
    const where = parseWhere(this.nextList("where: any, an address or another place"));
    const after = this.peek();
    const ports = after !== undefined && looksLikePorts(after) ? parsePorts(this.nextList("ports")) : [];
    return { action, who, direction, where, ports, ...parseOptions(this.words.slice(this.position), this.end) };
  }
}

/** The rule on one line; null for a line with nothing but space and comment. `line` is what problems say. */
export function parseLine(text: string, line: number): ParsedRule | null {
  try {
    const found = words(text);
    return found.length === 0 ? null : { ok: true, rule: new RuleReader(text, found).rule() };
  } catch (stop) {
    if (!(stop instanceof Stop)) throw stop;
    return { ok: false, problems: [{ line, column: stop.column, message: stop.message }] };
  }
}

/** One rule from its text. Problems stand on line 1. */
export function parseRule(text: string): ParsedRule {
  const newline = text.trimEnd().search(/[\r\n]/);
  if (newline >= 0) {
    return {
      ok: false,
      problems: [
        { line: 1, column: Array.from(text.slice(0, newline)).length + 1, message: "A rule is one line: expected each rule by itself" },
      ],
    };
  }
  const nothing = { line: 1, column: 1, message: "There is no rule here: expected one like allow /usr/bin/curl -> any tcp/443" };
  return parseLine(text.trimEnd(), 1) ?? { ok: false, problems: [nothing] };
}
