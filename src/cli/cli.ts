// SPDX-License-Identifier: Apache-2.0
/** The command line: reads it, runs one command, and turns every outcome into an exit code (cli.md). */
import { Command, CommanderError } from "commander";
import { type Client, createClient } from "../client/client.ts";
import { FAILURES, Failure } from "../contract/failure.ts";
import { DEFAULT_SOCKET, type LocalCommands } from "../contract/local.ts";
import { addCommands } from "./commands/all.ts";
import type { Context } from "./context.ts";
import { becomeRoot } from "./elevate.ts";
import { Output, type Streams } from "./output.ts";
import { callersPath } from "./read.ts";
import { unixTransport } from "./transport.ts";

export type CliOptions = {
  readonly streams: Streams;
  readonly version: string;
  /** The commands that need no daemon; loaded only when one is used. */
  readonly loadLocal: () => Promise<LocalCommands>;
  /** Makes us root or throws; default: through sudo. */
  readonly becomeRoot?: (command: string) => void;
};

/** `run` keeps 0 to 124 for its COMMAND, as env(1) and timeout(1) do. */
const RUN_FAILED = 125;

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 bad usage or input, 3 no daemon, 4 not permitted, 5 this kernel cannot.`;

/** Runs one command line (without node and script) and returns the exit code. Throws only for faults of our own. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<number> {
  const own = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
  // Wanted even when the rest of the command line cannot be read.
  const json = own.includes("--json");
  const output = new Output(options.streams, () => json);
  const program = new Command("holdfast");
  let client: Client | null = null;
  const socket = (): string => program.opts<{ socket: string }>().socket;
  const context: Context = {
    output,
    json: () => json,
    socket,
    client: () => {
      client ??= createClient(unixTransport(socket()));
      return client;
    },
    local: (command) => {
      (options.becomeRoot ?? becomeRoot)(command);
      return options.loadLocal();
    },
    localAsCaller: options.loadLocal,
    exit: 0,
  };
  program
    .description("Asks before anything on this machine talks to the network, and not one packet leaves while it waits.")
    .option("--socket <path>", "the daemon's socket", callersPath, DEFAULT_SOCKET)
    .option("--json", "print one JSON object (schema 1) instead of text")
    .version(options.version, "--version", "print the version")
    .helpOption("--help", "print this help")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, helpWidth: options.streams.width ?? 100 })
    .configureOutput({ writeOut: options.streams.out, writeErr: options.streams.err, outputError: () => {} })
    .addHelpText("after", EXIT_CODES)
    .exitOverride();
  addCommands(program, context);
  try {
    await program.parseAsync(args, { from: "user" });
    return context.exit;
  } catch (error) {
    const exit = exitOf(error, output);
    return exit !== 0 && commandName(own) === "run" ? RUN_FAILED : exit;
  }
}

function exitOf(error: unknown, output: Output): number {
  if (error instanceof Failure) {
    output.failure(error);
    return FAILURES[error.code].exit;
  }
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode === 0) return 0;
  // A noun without its verb: commander has printed the help.
  if (error.code === "commander.help") return FAILURES["bad-input"].exit;
  output.failure(new Failure("bad-input", usageSentence(error.message)));
  return FAILURES["bad-input"].exit;
}

/** commander's "error: unknown option '--x'" as a sentence of ours. */
function usageSentence(message: string): string {
  const plain = message
    .replace(/^error: /, "")
    .replace(/'([^']*)'/g, '"$1"')
    .replaceAll("\n", " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** The first word that is neither a global option nor the value of one. */
function commandName(args: readonly string[]): string | null {
  return args.find((arg, i) => !arg.startsWith("-") && args[i - 1] !== "--socket") ?? null;
}
