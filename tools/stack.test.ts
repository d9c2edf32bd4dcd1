// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ROOT } from "./files.ts";
import { type BpfFunction, deepest, functionsOf, stackProblems } from "./stack.ts";

/** The functions of C code, compiled as the kernel object is. */
function compiled(t: TestContext, code: string): BpfFunction[] {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-stack-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const object = join(folder, "a.o");
  const compiler = execFileSync(join(ROOT, "tools/build-bpf.sh"), ["compiler"], { encoding: "utf8" }).trim();
  execFileSync(compiler, ["-O2", "-mcpu=v3", "-target", "bpf", "-x", "c", "-c", "-", "-o", object], { input: code });
  return functionsOf(readFileSync(object));
}

const CHAIN = (bytes: number): string => `
static __attribute__((noinline)) int low(int n) { volatile char a[${bytes}]; a[n & 7] = n; return a[0]; }
__attribute__((noinline)) int middle(int n) { volatile char a[200]; a[n & 7] = n; return low(n) + a[0]; }
__attribute__((section("other"))) int top(int n) { volatile char a[96]; a[n & 7] = n; return middle(n) + a[0]; }`;

test("functionsOf() knows each function's stack and whom it calls, across sections", (t) => {
  const functions = new Map(compiled(t, CHAIN(104)).map((each) => [each.name, each]));
  assert.deepEqual([functions.get("low")?.stack, functions.get("middle")?.stack, functions.get("top")?.stack], [104, 200, 96]);
  assert.deepEqual([...(functions.get("middle")?.calls ?? [])], ["low"]);
  assert.deepEqual([...(functions.get("top")?.calls ?? [])], ["middle"]);
});

test("functionsOf() counts what is handed to a helper as called", (t) => {
  const code = `static long (*loop)(int, void *, void *, long) = (void *)181;
static long step(int i, void *p) { volatile char a[64]; a[i & 7] = i; return a[0]; }
__attribute__((section("other"))) int top(void *p) { return loop(5, step, p, 0); }`;
  assert.deepEqual(deepest(compiled(t, code), "top"), { bytes: 96, names: ["top", "step"] });
});

test("stackProblems() names a chain of calls over 512 bytes, each function's rounded up to 32", (t) => {
  const whole = compiled(t, CHAIN(192));
  assert.equal(deepest(whole, "top").bytes, 512);
  assert.deepEqual(stackProblems(whole), []);
  assert.deepEqual(stackProblems(compiled(t, CHAIN(193))), [
    "top -> middle -> low: 544 bytes of stack; Linux 6.1 gives 512, counted in steps of 32",
  ]);
});

test("functionsOf() says what it cannot read", () => {
  assert.throws(() => functionsOf(new Uint8Array(100)), /expected a 64-bit little-endian ELF file/);
});
