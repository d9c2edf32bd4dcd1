// SPDX-License-Identifier: Apache-2.0
/** `holdfast check`: format, lint, types, layers, licence lines, stack of the kernel programs, and whether generated files are fresh. One line a check; exit 1 on any failure. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectFiles, ROOT } from "./files.ts";
import { parseLayers } from "./layers.ts";

/** Problems as text to show; "" = none. */
type Check = { readonly name: string; readonly problems: () => string };

/** Runs a program in the root; its output when it fails. */
function failureOf(program: string, args: readonly string[]): string {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 26 });
  if (error !== undefined) return `Cannot run ${program}: ${error.message}`;
  if (status === 0) return "";
  return `${stdout}${stderr}`.trim() || `${program} ended with ${signal ?? status}`;
}

const node = (script: string, ...args: string[]): string => failureOf(process.execPath, [join(ROOT, script), ...args]);
const bin = (name: string, ...args: string[]): string => node(`node_modules/.bin/${name}`, ...args);
const cSources = (): string[] => projectFiles(["bpf/*.[ch]", "{test,tools}/**/*.[ch]"]);
const scripts = (): string[] => projectFiles(["holdfast", "tools/*.sh", ".ci/run"]);

/**
 * The layers that touch neither Node nor the DOM, checked with neither's types. "webworker" gives what every runtime has and ECMAScript
 * lacks: TextEncoder, URL, AbortSignal, timers.
 */
function portableTypes(): string {
  const layers = [...parseLayers(readFileSync(join(ROOT, "LAYERS"), "utf8"))];
  const folders = layers.filter(([, { environment }]) => environment === "std").map(([name]) => `../src/${name}`);
  const tests = ["test", "case", "fixture"].map((kind) => `../src/**/*.${kind}.ts`);
  const config = {
    extends: "../tsconfig.json",
    compilerOptions: { types: [], lib: ["esnext", "webworker"] },
    include: folders,
    exclude: tests,
  };
  mkdirSync(join(ROOT, "build"), { recursive: true });
  writeFileSync(join(ROOT, "build/tsconfig.portable.json"), JSON.stringify(config));
  return bin("tsc", "--project", "build/tsconfig.portable.json");
}

/** Every source names its licence in its first lines: bpf/ is GPL-2.0, all else Apache-2.0. */
function licenceLines(): string {
  const files = [...projectFiles(["{src,test,tools,web}/**/*.{ts,tsx}"]), ...cSources(), ...scripts()];
  const wrong = files.filter((path) => {
    const licence = path.startsWith("bpf/") ? "GPL-2.0" : "Apache-2.0";
    const head = readFileSync(join(ROOT, path), "utf8").split("\n", 2).join("\n");
    return !new RegExp(`SPDX-License-Identifier: ${licence}( |$)`, "m").test(head);
  });
  return wrong.map((path) => `${path}: its first line names no licence, or the wrong one`).join("\n");
}

const generators = projectFiles(["tools/gen-*.ts"]);

const checks: readonly Check[] = [
  { name: "format and lint", problems: () => bin("biome", "check", "--error-on-warnings", "--max-diagnostics=100", ".") },
  { name: "format of C", problems: () => failureOf("clang-format-19", ["--dry-run", "-Werror", ...cSources()]) },
  {
    name: "shell syntax",
    problems: () =>
      scripts()
        .map((path) => failureOf("sh", ["-n", path]))
        .join(""),
  },
  { name: "types", problems: () => bin("tsc", "--noEmit", "--project", ".") },
  { name: "types without Node and DOM", problems: portableTypes },
  { name: "layers", problems: () => node("tools/check-layers.ts") },
  { name: "licence lines", problems: licenceLines },
  { name: "stack of the kernel programs", problems: () => node("tools/check-stack.ts") },
  ...generators.map((path) => ({
    name: `${path.slice("tools/gen-".length, -".ts".length)} generated`,
    problems: () => node(path, "--check"),
  })),
];

let failed = 0;
for (const { name, problems } of checks) {
  const text = problems();
  console.log(`${text === "" ? "ok    " : "FAILED"} ${name}`);
  if (text === "") continue;
  failed += 1;
  console.log(text.replace(/^/gm, "    "));
}
console.log(failed === 0 ? `All ${checks.length} checks passed` : `${failed} of ${checks.length} checks failed`);
process.exitCode = failed === 0 ? 0 : 1;
