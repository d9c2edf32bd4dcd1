// SPDX-License-Identifier: Apache-2.0
/** LAYERS: who may import whom. Pure: text and sources in, problems out. */
import { dirname, join } from "node:path/posix";

export type Layer = {
  /** "std" touches neither Node nor the DOM; "node" may import `node:` modules. */
  readonly environment: "std" | "node" | "dom";
  readonly may: ReadonlySet<string>;
};

export type Source = {
  /** Relative to the root, with "/". */
  readonly path: string;
  readonly text: string;
};

/** Reads the file LAYERS. Throws with the line number when a line is neither a comment nor `name environment : names`. */
export function parseLayers(text: string): Map<string, Layer> {
  const layers = new Map<string, Layer>();
  for (const [i, line] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name, environment, names] = /^(\w+)\s+(std|node|dom)\s*:(.*)$/.exec(line) ?? [];
    if (name === undefined || names === undefined || (environment !== "std" && environment !== "node" && environment !== "dom"))
      throw new Error(`Cannot read line ${i + 1} of LAYERS: expected "name std|node|dom : names it may import"`);
    layers.set(name, { environment, may: new Set(names.trim().split(/\s+/).filter(Boolean)) });
  }
  return layers;
}

/** The layer a file belongs to: its folder below src/ (a file right in src/: its own name), else the folder it stands in. */
export function layerOf(path: string): string {
  const [first = "", second = ""] = path.split("/");
  return first === "src" ? second.replace(/\.tsx?$/, "") : first;
}

/** Code without comments; strings stay, since import paths are strings. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, string: string | undefined) => string ?? "",
  );
}

/** Everything a source imports or re-exports, statically or not. */
export function importsOf(text: string): string[] {
  const found = withoutComments(text).matchAll(/\b(?:from|import)\s*\(?\s*["']([^"'\n]+)["']/g);
  return Array.from(found, ([, specifier]) => specifier ?? "");
}

/** One sentence for each import that breaks LAYERS, and for each allowance nobody uses a note. */
export function checkLayers(layers: ReadonlyMap<string, Layer>, sources: readonly Source[]): { problems: string[]; notes: string[] } {
  const problems: string[] = [];
  const used = new Set<string>();
  for (const { path, text } of sources) {
    const name = layerOf(path);
    const layer = layers.get(name);
    if (layer === undefined) {
      problems.push(`${path}: LAYERS has no line for "${name}"`);
      continue;
    }
    const inTest = /\.(test|case|fixture)\.tsx?$/.test(path);
    for (const specifier of importsOf(text)) {
      if (specifier.startsWith("node:") && layer.environment !== "node" && !inTest)
        problems.push(`${path}: ${name} is ${layer.environment} and may not import "${specifier}"`);
      if (!/^\.\.?\/.*\.tsx?$/.test(specifier)) continue;
      const to = layerOf(join(dirname(path), specifier));
      if (to === name || (inTest && to === "test")) continue;
      if (layer.may.has(to)) used.add(`${name} ${to}`);
      else problems.push(`${path}: ${name} may not import "${specifier}" of ${to}`);
    }
  }
  const notes: string[] = [];
  for (const [name, { may }] of layers)
    for (const to of may) if (!used.has(`${name} ${to}`)) notes.push(`${name} never imports ${to}: LAYERS need not allow it`);
  return { problems, notes };
}
