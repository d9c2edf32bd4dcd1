// SPDX-License-Identifier: Apache-2.0
/** Completion scripts for shells, made from the commands there are. They ask nothing of Holdfast while you type. */
import type { Command } from "commander";

/** What may follow a command: "" for the program, "rules", "rules add". */
type Words = { readonly after: string; readonly words: readonly string[] };

/** A script for `shell` that completes commands, their verbs and options; elsewhere file names. */
export function completionScript(program: Command, shell: "bash" | "zsh" | "fish"): string {
  const table = commandWords(program, globalOptions(program));
  return { bash, zsh, fish }[shell](table);
}

function globalOptions(program: Command): string[] {
  return optionWords(program).filter((word) => word !== "--version");
}

function optionWords(command: Command): string[] {
  return [...command.options.map((option) => option.long ?? ""), "--help"].filter((word) => word !== "");
}

function commandWords(program: Command, globals: readonly string[]): Words[] {
  const walk = (command: Command, after: readonly string[]): Words[] => {
    const visible = command.createHelp().visibleCommands(command);
    const words = [...visible.map((each) => each.name()), ...choices(after.join(" ")), ...new Set([...optionWords(command), ...globals])];
    return [{ after: after.join(" "), words }, ...visible.flatMap((each) => walk(each, [...after, each.name()]))];
  };
  return walk(program, []);
}

/** Words a command takes as its argument. */
function choices(command: string): readonly string[] {
  if (command === "mode") return ["allow", "deny", "ask"];
  return command === "completion" ? ["bash", "zsh", "fish"] : [];
}

function bash(table: readonly Words[]): string {
  const cases = table.map(({ after, words }) => `    "${after}") words="${words.join(" ")}" ;;`);
  return `# bash completion for holdfast
_holdfast() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="" words="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$word" in
      --) return ;;
      -*) continue ;;
    esac
    case "$command" in
      ${table.filter(hasVerbs).map(named).join(" | ")}) command="\${command:+$command }$word" ;;
    esac
  done
  case "$command" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _holdfast holdfast`;
}

function zsh(table: readonly Words[]): string {
  const cases = table.map(({ after, words }) => `    "${after}") candidates=(${words.join(" ")}) ;;`);
  return `#compdef holdfast
_holdfast() {
  local command="" word
  local -a candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$word" in
      --) _normal; return ;;
      -*) continue ;;
    esac
    case "$command" in
      ${table.filter(hasVerbs).map(named).join(" | ")}) command="\${command:+$command }$word" ;;
    esac
  done
  case "$command" in
${cases.join("\n")}
  esac
  compadd -- $candidates
  _files
}
compdef _holdfast holdfast`;
}

function fish(table: readonly Words[]): string {
  const cases = table.map(({ after, words }) => `    case "${after}"\n      printf '%s\\n' ${words.join(" ")}`);
  return `# fish completion for holdfast
function __holdfast_words
  set -l command ""
  for word in (commandline -opc)[2..]
    switch $word
      case '--'
        return
      case '-*'
        continue
    end
    switch $command
      case ${table.filter(hasVerbs).map(named).join(" ")}
        set command (string trim -- "$command $word")
    end
  end
  switch $command
${cases.join("\n")}
  end
end
complete -c holdfast -a '(__holdfast_words)'`;
}

function hasVerbs(entry: Words): boolean {
  return (
    entry.after === "" ||
    (!entry.after.includes(" ") && entry.words.some((word) => !word.startsWith("-")) && choices(entry.after).length === 0)
  );
}

function named(entry: Words): string {
  return `"${entry.after}"`;
}
