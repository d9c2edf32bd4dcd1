// SPDX-License-Identifier: Apache-2.0
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { oneOf } from "../read.ts";

export function addCompletion(program: Command, context: Context): void {
  program
    .command("completion")
    .description("Print a completion script for a shell.")
    .argument("<shell>", "bash, zsh or fish", oneOf("shell", ["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      `
bash:  holdfast completion bash > ~/.local/share/bash-completion/completions/holdfast
zsh:   holdfast completion zsh > "\${fpath[1]}/_holdfast"
fish:  holdfast completion fish > ~/.config/fish/completions/holdfast.fish`,
    )
    .action(async (shell: "bash" | "zsh" | "fish") => {
      const { completionScript } = await import("../completion.ts");
      const script = completionScript(program, shell);
      context.output.reply({ schema: 1, shell, script }, () => script.split("\n"), { multiline: "script" });
    });
}
