// SPDX-License-Identifier: Apache-2.0
/** Whether every program of build/holdfast.bpf.o has stack enough on the oldest kernel there is to run on. Builds it when it is older than its source. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./files.ts";
import { functionsOf, stackProblems } from "./stack.ts";

execFileSync(join(ROOT, "tools/build-bpf.sh"), { stdio: ["ignore", "ignore", "inherit"] });
const problems = stackProblems(functionsOf(readFileSync(join(ROOT, "build/holdfast.bpf.o"))));
if (problems.length > 0) console.log(problems.join("\n"));
process.exitCode = problems.length > 0 ? 1 : 0;
