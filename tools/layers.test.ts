// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { checkLayers, importsOf, layerOf, parseLayers } from "./layers.ts";

const layers = parseLayers("# who\ncontract std :\nrules std  : contract\nstore node : contract\nmain node : store\n");
const problems = (path: string, text: string): string[] => checkLayers(layers, [{ path, text }]).problems;

test("parseLayers() reads names, environments and arrows, and names a line it cannot read", () => {
  assert.deepEqual([...layers.keys()], ["contract", "rules", "store", "main"]);
  assert.deepEqual(layers.get("rules"), { environment: "std", may: new Set(["contract"]) });
  assert.throws(() => parseLayers("a std :\nb web : a"), /line 2/);
});

test("layerOf() is the folder below src, or the name of a file right in it", () => {
  assert.equal(layerOf("src/store/sqlite/open.ts"), "store");
  assert.equal(layerOf("src/main.ts"), "main");
  assert.equal(layerOf("web/app.tsx"), "web");
});

test("importsOf() finds imports of every form and none in comments", () => {
  const text = `import a from "./a.ts";\nimport type { B } from './b.ts';\nexport * from "./c.ts";\nimport "./d.ts";
    const e = await import("./e.ts"); // import "./no.ts"
    /* from "./no.ts" */ const url = "http://x"; import {\n  f,\n} from "./f.ts";`;
  assert.deepEqual(importsOf(text), ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts"]);
});

test("checkLayers() refuses arrows that are not in LAYERS", () => {
  assert.deepEqual(problems("src/rules/a.ts", 'import "../contract/rule.ts"; import "./b.ts";'), []);
  assert.deepEqual(problems("src/main.ts", 'import "./store/store.ts";'), []);
  assert.deepEqual(problems("src/rules/a.ts", 'import "../store/store.ts";'), [
    'src/rules/a.ts: rules may not import "../store/store.ts" of store',
  ]);
  assert.deepEqual(problems("src/store/sqlite/a.ts", 'import "../../main.ts";'), [
    'src/store/sqlite/a.ts: store may not import "../../main.ts" of main',
  ]);
  assert.deepEqual(problems("src/extra/a.ts", ""), ['src/extra/a.ts: LAYERS has no line for "extra"']);
});

test("checkLayers() refuses node: modules in a layer that runs anywhere, but not in its tests", () => {
  const text = 'import { readFileSync } from "node:fs";';
  assert.deepEqual(problems("src/rules/a.ts", text), ['src/rules/a.ts: rules is std and may not import "node:fs"']);
  assert.deepEqual(problems("src/rules/a.test.ts", text), []);
  assert.deepEqual(problems("src/store/a.ts", text), []);
});

test("checkLayers() notes an arrow that nobody uses", () => {
  const { notes } = checkLayers(layers, [{ path: "src/rules/a.ts", text: 'import "../contract/rule.ts";' }]);
  assert.deepEqual(notes, ["store never imports contract: LAYERS need not allow it", "main never imports store: LAYERS need not allow it"]);
});
