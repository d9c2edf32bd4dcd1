// SPDX-License-Identifier: Apache-2.0
/** Which script an interpreter runs, from its arguments. Arguments are the process's word: the answer is a claim, like a path. */
import { type ReadLink, readLink, resolvePath } from "./files.ts";
import { type Syntax, syntaxOf } from "./interpreters.ts";

/** What an interpreter was told to run. `none`: standard input, or a person types. */
export type Program =
  | { readonly kind: "script"; readonly claim: string; readonly suffixes: readonly string[] }
  | { readonly kind: "module"; readonly name: string }
  | { readonly kind: "inline" }
  | { readonly kind: "none" };

const NONE: Program = { kind: "none" };
const INLINE: Program = { kind: "inline" };

function module(name: string): Program {
  return name === "" ? NONE : { kind: "module", name };
}

/** What an option does to the rest of the line: a program, "next" when the next argument is its value, or null. */
type Effect = Program | "next" | null;

function wordEffect(argument: string, next: string, syntax: Syntax): Effect | "letters" {
  const equals = argument.indexOf("=");
  const word = equals < 0 ? argument : argument.slice(0, equals);
  const value = equals < 0 ? next : argument.slice(equals + 1);
  if (syntax.inlines?.includes(word)) return INLINE;
  if (syntax.files?.includes(word)) return { kind: "script", claim: value, suffixes: [] };
  if (syntax.modules?.includes(word)) return module(value);
  if (syntax.values?.includes(word)) return equals < 0 ? "next" : null;
  return syntax.wholeWords || argument.startsWith("--") ? null : "letters";
}

function letterEffect(argument: string, next: string, syntax: Syntax): Effect {
  const { letters } = syntax;
  for (let i = 1; i < argument.length; i++) {
    const letter = argument[i] ?? "";
    const rest = argument.slice(i + 1);
    if (letters.inline?.includes(letter)) return syntax.inlineThenScript && rest === "" ? "next" : syntax.inlineThenScript ? null : INLINE;
    if (letters.module?.includes(letter)) return module(rest === "" ? next : rest);
    if (letters.file?.includes(letter)) return { kind: "script", claim: rest === "" ? next : rest, suffixes: [] };
    if (letters.stdin?.includes(letter)) return NONE;
    if (letters.value?.includes(letter)) return rest === "" ? "next" : null;
    if (letters.rest?.includes(letter)) return null;
  }
  return null;
}

function operand(argument: string, jar: boolean, syntax: Syntax): Program {
  if (syntax.onlyFiles) return syntax.family === "awk" ? INLINE : NONE;
  if (/^(?:https?|npm|jsr|data):/.test(argument) && (syntax.family === "deno" || syntax.family === "bun")) return module(argument);
  if (syntax.family === "java" && !jar && !argument.endsWith(".java")) return module(argument);
  return argument === "" ? NONE : { kind: "script", claim: argument, suffixes: syntax.suffixes ?? [] };
}

/** Reads an interpreter's command line, its own name first. */
export function programOf(args: readonly string[], syntax: Syntax): Program {
  let jar = false;
  let command = false;
  for (let i = 1; i < args.length; i++) {
    const argument = args[i] ?? "";
    const endOfOptions = argument === "--" || (argument === "-" && syntax.family === "shell");
    if (argument === "-" && !endOfOptions) return NONE;
    if (endOfOptions) return i + 1 < args.length ? operand(args[i + 1] ?? "", jar, syntax) : NONE;
    if (syntax.family === "java" && argument === "-jar") {
      jar = true;
      continue;
    }
    if (argument.startsWith("-") || (syntax.plus && argument.startsWith("+"))) {
      const next = args[i + 1] ?? "";
      const word = wordEffect(argument, next, syntax);
      const effect = word === "letters" ? letterEffect(argument, next, syntax) : word;
      if (effect === "next") i += 1;
      else if (effect !== null) return effect;
      continue;
    }
    if (syntax.family === "java" && argument.startsWith("@")) continue;
    if (!command && syntax.commands?.other.includes(argument)) return argument === "eval" ? INLINE : module(argument);
    if (!command && syntax.commands?.script.includes(argument)) {
      command = true;
      continue;
    }
    return operand(argument, jar, syntax);
  }
  return NONE;
}

/** BusyBox is a shell only when called as one; its other applets are programs. The arguments without the leading "busybox", or null. */
function busyboxShell(args: readonly string[]): readonly string[] | null {
  const isShell = (name: string | undefined): boolean => /^-?(?:.*\/)?(?:a|hu)?sh$/.test(name ?? "");
  if (isShell(args[0])) return args;
  return isShell(args[1]) ? args.slice(1) : null;
}

/** What an executable of this base name runs with these arguments; null when it is no interpreter. */
export function interpret(executable: string, args: readonly string[]): Program | null {
  const syntax = syntaxOf(executable);
  if (syntax === null) return null;
  if (executable !== "busybox") return programOf(args, syntax);
  const shell = busyboxShell(args);
  return shell === null ? NONE : programOf(shell, syntax);
}

/**
 * The absolute path of a script claimed as `claim` by a process working in `cwd`, links resolved; null when there is no such file.
 * Only for processes in the host's mount namespace: elsewhere the same path is another file.
 */
export function scriptPath(program: Program & { kind: "script" }, cwd: string | null, link: ReadLink = readLink): string | null {
  if (!program.claim.startsWith("/") && !cwd?.startsWith("/")) return null;
  const full = program.claim.startsWith("/") ? program.claim : `${cwd}/${program.claim}`;
  for (const suffix of ["", ...program.suffixes]) {
    const found = resolvePath(full + suffix, link);
    if (found !== null) return found;
  }
  return null;
}
