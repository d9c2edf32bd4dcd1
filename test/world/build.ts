// SPDX-License-Identifier: Apache-2.0
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const sourceDir = join(import.meta.dirname, "../probe");
const outputDir = join(import.meta.dirname, "../../build/probe");

/** What each program is made of: its own file and those it shares. The probe is everything that no other program claims. */
const programs = {
  enter: ["enter.c"],
  mark: ["mark.c"],
  sniff: ["sniff.c", "frame.c"],
  serve: ["serve.c"],
} as const;

export type Tools = {
  readonly enter: string;
  readonly mark: string;
  readonly sniff: string;
  readonly serve: string;
  readonly probe: string;
};

const compile = promisify(execFile);
let building: Promise<Tools> | null = null;

/** Compiles test/probe into build/probe when a source is newer than a program there; returns absolute paths. Throws with gcc's messages. */
export function buildTools(): Promise<Tools> {
  building ??= build();
  return building;
}

async function build(): Promise<Tools> {
  const sources = readdirSync(sourceDir).filter((name) => /\.[ch]$/.test(name));
  const claimed = new Set<string>(Object.values(programs).flat());
  const parts = new Map<string, readonly string[]>(Object.entries(programs));
  parts.set(
    "probe",
    sources.filter((name) => name.endsWith(".c") && !claimed.has(name)),
  );
  const newest = Math.max(...sources.map((name) => statSync(join(sourceDir, name)).mtimeMs));
  const stale = [...parts.keys()].filter((name) => builtAtMs(name) <= newest);
  mkdirSync(outputDir, { recursive: true });
  // Test files run side by side: each builds in a folder of its own and puts the finished program in place at once.
  const scratch = mkdtempSync(join(outputDir, "build-"));
  try {
    for (const name of stale) {
      const files = (parts.get(name) ?? []).map((file) => join(sourceDir, file));
      const output = join(scratch, name);
      await compile("gcc", ["-O1", "-g", "-pthread", "-Wall", "-Wextra", "-Werror", "-o", output, ...files]);
      renameSync(output, join(outputDir, name));
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
  const at = (name: string): string => join(outputDir, name);
  return { enter: at("enter"), mark: at("mark"), sniff: at("sniff"), serve: at("serve"), probe: at("probe") };
}

function builtAtMs(name: string): number {
  return statSync(join(outputDir, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
