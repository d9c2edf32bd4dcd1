// SPDX-License-Identifier: Apache-2.0
/** Who a rule is about: text <-> Who. */
import type { Program, Who, WhoKind } from "../contract/rule.ts";
import { slice, type Word } from "./lex.ts";
import { Stop, shown, suggestion } from "./problem.ts";
import { value } from "./quote.ts";

const NAMED: readonly WhoKind[] = ["pkg", "unit", "container", "flatpak", "snap", "appimage", "script"];
const EXPECTED = "expected any, an absolute path, pkg:, unit:, container:, flatpak:, snap:, appimage:, script:PATH or kernel";

/** "pkg" and "curl" for `pkg:curl`; null without an unquoted colon. */
function prefixed(word: Word): { readonly kind: string; readonly rest: Word } | null {
  const colon = word.shape.indexOf(":");
  return colon < 0 ? null : { kind: word.text.slice(0, colon), rest: slice(word, colon + 1) };
}

/** The user of `user:NAME`; null when the word is something else. Throws Stop. */
export function parseUser(word: Word): string | null {
  if (!word.shape.startsWith("user:")) return null;
  return nameIn(word, slice(word, 5), "user");
}

function nameIn(word: Word, rest: Word, kind: string): string {
  if (rest.text === "")
    throw new Stop(word.column, `Cannot read "${kind}:": expected ${kind === "script" ? "an absolute path" : "a name"} after the colon`);
  const star = rest.shape.indexOf("*");
  if (star >= 0) {
    throw new Stop(
      rest.columns[star] ?? rest.column,
      `Cannot use "*" in ${kind}: only paths may be patterns; for the character itself write "\\*" in quotes`,
    );
  }
  return rest.text;
}

const stars = (text: string): number => text.split("*").length - 1;

function parsePath(word: Word): Program {
  if (word.text.endsWith("/")) {
    throw new Stop(word.column, `${shown(word.text)} is a folder; for every program in it write ${value(`${word.text}**`, "pattern")}`);
  }
  if (!word.shape.includes("*")) return { kind: "path", value: word.text };
  if (stars(word.text) > stars(word.shape))
    throw new Stop(word.column, `Cannot read ${shown(word.text)}: in a pattern every * is a wildcard`);
  return { kind: "glob", value: word.text };
}

/** One program condition. Throws Stop. */
export function parseProgram(word: Word): Program {
  if (word.shape === "any") return { kind: "any", value: "" };
  if (word.shape === "kernel") return { kind: "kernel", value: "" };
  if (word.text.startsWith("/")) return parsePath(word);
  const named = prefixed(word);
  const kind = NAMED.find((known) => known === named?.kind);
  if (named !== null && kind !== undefined) {
    const name = nameIn(word, named.rest, kind);
    if (kind === "script" && !name.startsWith("/"))
      throw new Stop(named.rest.column, `${shown(name)} is no absolute path: expected script:/…`);
    return { kind, value: name };
  }
  if (named?.kind === "user") throw new Stop(word.column, `Cannot read ${shown(word.text)} here: expected one user, before the program`);
  if (named !== null)
    throw new Stop(
      word.column,
      `${shown(named.kind)} is not a kind of program${suggestion(named.kind, [...NAMED, "user"]) || `; ${EXPECTED}`}`,
    );
  const guess = suggestion(word.text, ["any", "kernel"]);
  throw new Stop(word.column, `${shown(word.text)} is not a program; ${EXPECTED}${guess}`);
}

/** A via B: both sides must name something. Throws Stop. */
export function checkVia(program: Program, via: Program, word: Word): void {
  if (program.kind !== "any" && via.kind !== "any") return;
  throw new Stop(word.column, 'Cannot use "any" with via: expected a program on both sides, like /usr/bin/git via /usr/bin/ssh');
}

function printProgram(program: Program): string {
  if (program.kind === "any" || program.kind === "kernel") return program.kind;
  if (program.kind === "path") return value(program.value, "name");
  if (program.kind === "glob") return value(program.value, "pattern");
  return `${program.kind}:${value(program.value, "name")}`;
}

/** The words before the arrow. */
export function printWho(who: Who): string {
  const parts: string[] = [];
  if (who.user !== null) parts.push(`user:${value(who.user, "name")}`);
  if (who.user === null || who.program.kind !== "any" || who.via !== null) parts.push(printProgram(who.program));
  if (who.via !== null) parts.push("via", printProgram(who.via));
  return parts.join(" ");
}
