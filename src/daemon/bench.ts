// SPDX-License-Identifier: Apache-2.0
/** `bench`: what Holdfast costs on this machine, as one table, in docs/bench.md as well. What measures it is in tools/bench. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Failure } from "../contract/failure.ts";
import type { BenchReport } from "../contract/local.ts";
import { VERSION } from "./version.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const SCRIPT = resolve(ROOT, "tools/bench/bench.ts");
const FILE = resolve(ROOT, "docs/bench.md");

type Measured = Omit<BenchReport, "file">;

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** The table as Markdown. */
export function benchDocument({ machine, rows }: Measured): string {
  const lines = rows.map(({ measure, goal, value, met, reason }) => {
    const outcome = met === null ? "" : met ? "met" : "**missed**";
    return `| ${[measure, goal, value, outcome, reason ?? ""].map(cell).join(" | ")} |`;
  });
  return [
    "# Bench",
    "",
    `Written by \`./holdfast bench\`, Holdfast ${VERSION}. Every ratio is from this one run, on this machine: ${machine}.`,
    "",
    "| measure | goal | value | | why |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
    "",
  ].join("\n");
}

/** `holdfast bench`. Takes some minutes; says on standard error what it is at. */
export async function bench(): Promise<BenchReport> {
  const child = spawn(process.execPath, [SCRIPT], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Failure("failed", "Cannot measure: what measures has failed, as said above");
  const measured: Measured = JSON.parse(output);
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, benchDocument(measured));
  return { ...measured, file: FILE };
}
