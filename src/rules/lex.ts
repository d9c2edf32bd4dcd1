// SPDX-License-Identifier: Apache-2.0
/** One line of rule text -> its words. Spaces and tabs separate, "…" quotes, # at the start of a word begins a comment. */
import { decodeBytes } from "../contract/bytes.ts";
import { Stop } from "./problem.ts";

/** Stands in `shape` for what was quoted and so is no syntax. */
const QUOTED = "\u0000";

/**
 * `shape` is as long as `text`: what was written bare stands as it is, and so does `*` in quotes; everything else quoted is U+0000.
 * `columns` holds the column (from 1, in characters) at which each code unit of `text` was written.
 */
export type Word = { readonly text: string; readonly shape: string; readonly column: number; readonly columns: readonly number[] };

class Reader {
  readonly characters: readonly string[];
  position = 0;

  constructor(line: string) {
    this.characters = Array.from(line);
  }

  get column(): number {
    return this.position + 1;
  }

  peek(): string | undefined {
    return this.characters[this.position];
  }

  next(): string | undefined {
    return this.characters[this.position++];
  }
}

const isSpace = (character: string | undefined): boolean => character === " " || character === "\t";

/** One or more `\xNN` in a row, decoded together; the reader stands behind the first `\x`. */
function readBytes(reader: Reader, column: number): string {
  const bytes: number[] = [];
  const readOne = (): void => {
    const digits = `${reader.next() ?? ""}${reader.next() ?? ""}`;
    if (!/^[0-9a-f]{2}$/i.test(digits)) throw new Stop(column, 'Cannot read "\\x": expected two hexadecimal digits after it, like \\x0a');
    bytes.push(Number.parseInt(digits, 16));
  };
  readOne();
  while (reader.peek() === "\\" && reader.characters[reader.position + 1] === "x") {
    reader.position += 2;
    readOne();
  }
  return decodeBytes(Uint8Array.from(bytes));
}

function readEscape(reader: Reader, column: number): string {
  const character = reader.next();
  if (character === "x") return readBytes(reader, column);
  if (character === '"' || character === "\\" || character === "*") return character;
  throw new Stop(column, 'Cannot read "\\" in quotes: expected \\", \\\\, \\* or \\xNN after it');
}

function readWord(reader: Reader): Word {
  const start = reader.column;
  let text = "";
  let shape = "";
  const columns: number[] = [];
  const add = (part: string, partShape: string, column: number): void => {
    text += part;
    shape += partShape;
    for (let i = 0; i < part.length; i++) columns.push(column);
  };
  let quote = 0;
  while (reader.peek() !== undefined && (quote > 0 || !isSpace(reader.peek()))) {
    const column = reader.column;
    const character = reader.next() ?? "";
    if (/^\p{Surrogate}$/u.test(character)) throw new Stop(column, "Cannot read a byte that is not UTF-8: write it as \\xNN in quotes");
    if (character === '"') quote = quote > 0 ? 0 : column;
    else if (quote > 0 && character === "\\") {
      const part = readEscape(reader, column);
      add(part, QUOTED.repeat(part.length), column);
    } else if (quote > 0) add(character, character === "*" ? "*" : QUOTED.repeat(character.length), column);
    else if (character === "\\")
      throw new Stop(column, 'Cannot read "\\" outside quotes: expected the word in quotes, with \\\\ for each \\');
    else add(character, character, column);
  }
  if (quote > 0) throw new Stop(quote, 'Cannot find the end of this quotation: expected another "');
  return { text, shape, column: start, columns };
}

/** The words of a line. Throws Stop. */
export function words(line: string): Word[] {
  const reader = new Reader(line);
  const found: Word[] = [];
  while (true) {
    while (isSpace(reader.peek())) reader.next();
    if (reader.peek() === undefined || reader.peek() === "#") return found;
    found.push(readWord(reader));
  }
}

/** Part of a word, from code unit `from` to before `to`. */
export function slice(word: Word, from: number, to = word.text.length): Word {
  const columns = word.columns.slice(from, to);
  return { text: word.text.slice(from, to), shape: word.shape.slice(from, to), column: word.columns[from] ?? word.column, columns };
}

/** The parts of a word between commas that were not quoted. */
export function splitCommas(word: Word): Word[] {
  const parts: Word[] = [];
  let from = 0;
  for (let i = 0; i <= word.shape.length; i++) {
    if (i < word.shape.length && word.shape[i] !== ",") continue;
    parts.push(slice(word, from, i));
    from = i + 1;
  }
  return parts;
}

/** Several words as one: for lists written with a space beside the comma. */
export function join(parts: readonly Word[]): Word {
  return {
    text: parts.map((part) => part.text).join(""),
    shape: parts.map((part) => part.shape).join(""),
    column: parts[0]?.column ?? 1,
    columns: parts.flatMap((part) => part.columns),
  };
}
