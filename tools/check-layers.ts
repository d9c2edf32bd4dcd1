// SPDX-License-Identifier: Apache-2.0
/** Prints each import under src/ and web/ that LAYERS does not allow; exit 1 when there is one. Allowances nobody uses are notes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectFiles, ROOT } from "./files.ts";
import { checkLayers, parseLayers } from "./layers.ts";

const sources = projectFiles(["src/**/*.{ts,tsx}", "web/**/*.{ts,tsx}"]).map((path) => ({
  path,
  text: readFileSync(join(ROOT, path), "utf8"),
}));
const { problems, notes } = checkLayers(parseLayers(readFileSync(join(ROOT, "LAYERS"), "utf8")), sources);
for (const note of notes) console.log(`note: ${note}`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
