// SPDX-License-Identifier: Apache-2.0
/** Where every `holdfast` command starts (through start.js). The only file that knows both the command line and the daemon. */
import { readFileSync } from "node:fs";
import { runCli } from "./cli/cli.ts";

const { stdout, stderr } = process;
// Whoever read our output has enough of it (`| head`).
stdout.on("error", (error) => process.exit("code" in error && error.code === "EPIPE" ? 0 : 1));

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

process.exitCode = await runCli(process.argv.slice(2), {
  streams: {
    out: (text) => stdout.write(text),
    err: (text) => stderr.write(text),
    width: stdout.isTTY ? stdout.columns : null,
  },
  version,
  loadLocal: async () => (await import("./daemon/local.ts")).local,
});
