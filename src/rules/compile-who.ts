// SPDX-License-Identifier: Apache-2.0
/** The dimension of programs: for an app, the rules whose who holds. Rules are found by what they name, so most are never looked at. */
import type { App, Identity } from "../contract/app.ts";
import type { Environment } from "../contract/environment.ts";
import type { Program } from "../contract/rule.ts";
import { globMatches } from "./glob.ts";
import { programMatches } from "./match.ts";
import type { Part } from "./parts.ts";
import { Bits } from "./rows.ts";

/** Things found under what a program condition names. */
class ByProgram<T> {
  readonly #exact = new Map<string, T[]>();
  /** Patterns, each with what is fixed before its first star: most paths differ there already. */
  readonly #globs = new Map<string, { readonly start: string; readonly things: T[] }>();
  /** What the patterns gave for a path; nothing is added after the first look. */
  readonly #byPath = new Map<string, readonly T[]>();
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  add(program: Program, thing: T): void {
    const { kind, value } = program;
    if (kind === "glob") {
      const known = this.#globs.get(value) ?? { start: value.slice(0, value.indexOf("*")), things: [] };
      known.things.push(thing);
      this.#globs.set(value, known);
      return;
    }
    const resolved = kind === "path" || kind === "script";
    const key = `${kind} ${resolved ? (this.#environment.realPaths.get(value) ?? value) : value}`;
    const things = this.#exact.get(key);
    if (things === undefined) this.#exact.set(key, [thing]);
    else things.push(thing);
  }

  /** What was added for programs that `identity` is; `any` is not among them. */
  find(identity: Identity): T[] {
    const found: T[] = [];
    for (const key of namesOf(identity)) found.push(...(this.#exact.get(key) ?? []));
    if (identity.path !== null) found.push(...this.#underGlobs(identity.path));
    return found;
  }

  #underGlobs(path: string): readonly T[] {
    const before = this.#byPath.get(path);
    if (before !== undefined) return before;
    const found: T[] = [];
    for (const [glob, { start, things }] of this.#globs) if (path.startsWith(start) && globMatches(glob, path)) found.push(...things);
    this.#byPath.set(path, found);
    return found;
  }
}

function namesOf(identity: Identity): string[] {
  const names = (["path", "script", "unit", "container", "flatpak", "snap", "appimage"] as const).flatMap((kind) => {
    const value = identity[kind];
    return value === null ? [] : [`${kind} ${value}`];
  });
  if (identity.package !== null && identity.packageIntact === true) names.push(`pkg ${identity.package}`);
  if (identity.kernel) names.push("kernel ");
  return names;
}

export class WhoIndex {
  /** Rules about any program: they hold even for an app not known yet. */
  readonly anyApp = new Bits();
  readonly #environment: Environment;
  readonly #plain: ByProgram<number>;
  /** `A via B`, found by B. */
  readonly #helpers: ByProgram<{ readonly bit: number; readonly program: Program }>;
  readonly #remembered = new WeakMap<Identity, readonly number[]>();

  constructor(parts: readonly Part[], environment: Environment) {
    this.#environment = environment;
    this.#plain = new ByProgram(environment);
    this.#helpers = new ByProgram(environment);
    parts.forEach(({ placed }, bit) => {
      const { program, via } = placed.rule.who;
      if (via !== null) this.#helpers.add(via, { bit, program });
      else if (program.kind === "any") this.anyApp.add(bit);
      else this.#plain.add(program, bit);
    });
  }

  #plainBits(identity: Identity): readonly number[] {
    const before = this.#remembered.get(identity);
    if (before !== undefined) return before;
    const bits = this.#plain.find(identity);
    this.#remembered.set(identity, bits);
    return bits;
  }

  /** The rules whose who, but for the user, holds for `app`: put into `bits`, which is returned. */
  bitsFor(app: App, bits: Bits): Bits {
    bits.become(this.anyApp);
    for (const bit of this.#plainBits(app)) bits.add(bit);
    if (app.via === null) return bits;
    for (const bit of this.#plainBits(app.via)) bits.add(bit);
    for (const { bit, program } of this.#helpers.find(app)) {
      if (programMatches(program, app.via, this.#environment)) bits.add(bit);
    }
    return bits;
  }
}
