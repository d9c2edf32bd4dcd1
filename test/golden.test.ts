// SPDX-License-Identifier: Apache-2.0
/** Golden bytes cross the language border both ways: what gcc lays out, TypeScript reads, and the other way round. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before, suite } from "node:test";
import { type Decoded, decode, encode, type StructLayout } from "../src/contract/codec.ts";
import * as generated from "../src/contract/layout.gen.ts";
import { filled, goldenSource } from "./native/golden.ts";

/** The structs of the headers that are pure data; those of decide.h cross in decide_host's tests. */
const BPF = join(import.meta.dirname, "../bpf");
const headers = ["tables.h", "event.h"].map((name) => readFileSync(join(BPF, name), "utf8")).join("");
const layouts: StructLayout[] = [];
for (const value of Object.values<unknown>(generated))
  if (isLayout(value) && headers.includes(`struct ${value.name} {`)) layouts.push(value);
const structs = filled(layouts);

function isLayout(value: unknown): value is StructLayout {
  return typeof value === "object" && value !== null && "fields" in value;
}

suite("golden bytes", () => {
  let folder = "";
  let program = "";

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "holdfast-golden-"));
    program = join(folder, "golden");
    const source = join(folder, "golden.c");
    writeFileSync(source, goldenSource(layouts));
    execFileSync("cc", ["-Wall", "-Werror", "-I", BPF, source, "-o", program]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("decode() reads what C wrote, field by field", () => {
    const bytes = execFileSync(program, ["write"]);
    let offset = 0;
    for (const { layout, value } of structs) {
      assert.deepEqual(decode(layout, bytes, offset), value, layout.name);
      offset += layout.size;
    }
    assert.equal(offset, bytes.length);
  });

  const written = (): Buffer => Buffer.concat(structs.map(({ layout, value }) => encode(layout, value as Decoded<StructLayout>)));

  test("encode() writes what C reads, field by field", () => {
    const { status, stderr } = spawnSync(program, ["check"], { input: written(), encoding: "utf8" });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  });

  test("the C program notices a single wrong byte in any struct", () => {
    let offset = 0;
    for (const { layout } of structs) {
      const bytes = written();
      const last = offset + layout.size - 1;
      bytes[last] = (bytes[last] ?? 0) ^ 1;
      const { status, stderr } = spawnSync(program, ["check"], { input: bytes, encoding: "utf8" });
      assert.equal(status, 1, layout.name);
      assert.ok(stderr.startsWith(`${layout.name}.`), stderr);
      offset += layout.size;
    }
  });
});
