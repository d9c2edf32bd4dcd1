// SPDX-License-Identifier: Apache-2.0
/** The product itself, started for a world as its user would: the real command, a scope, everything removed afterwards. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { pinFolder, scopeOf } from "../../src/kernel/pins.ts";
import type { World } from "../world.ts";

const START = fileURLToPath(new URL("../../src/start.js", import.meta.url));

export type Reply = { readonly status: number | null; readonly stderr: string; readonly json: Record<string, unknown> };

export class Firewall {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Runs `holdfast ARGS --json`; fails the test unless it exits with `expected`. */
  hf(args: readonly string[], expected = 0): Reply {
    const { status, stdout, stderr } = spawnSync(process.execPath, [START, ...args, "--socket", this.#world.socketPath, "--json"], {
      encoding: "utf8",
    });
    assert.equal(status, expected, `holdfast ${args.join(" ")} exits with ${status}: ${stderr}`);
    return { status, stderr, json: stdout.startsWith("{") ? (JSON.parse(stdout) as Record<string, unknown>) : {} };
  }

  /** Runs `holdfast ARGS`, whatever comes of it. */
  try(args: readonly string[]): void {
    spawnSync(process.execPath, [START, ...args, "--socket", this.#world.socketPath]);
  }

  up(mode: "allow" | "deny" | "ask", ...more: string[]): void {
    const { scope, stateDir, dir } = this.#world;
    this.hf(["up", "--scope", scope, "--state", stateDir, "--rules", `${dir}/rules`, "--detach", "--mode", mode, ...more]);
  }

  get pid(): number {
    return Number(this.hf(["status"]).json.pid);
  }

  questions(): { readonly id: number }[] {
    return this.hf(["ask", "ls"]).json.questions as { id: number }[];
  }

  /** Takes everything away, and looks that nothing is left pinned. */
  down(): void {
    this.hf(["down", "--scope", this.#world.scope]);
    assert.equal(existsSync(pinFolder(scopeOf(this.#world.scope))), false, "pins are left");
  }
}
