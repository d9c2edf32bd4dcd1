// SPDX-License-Identifier: Apache-2.0
/**
 * bpf/layout.bpf.c -> BTF -> src/contract/layout.gen.ts: the layout of each shared struct, the values of each shared enum, and the
 * constants, so that nothing the two sides agree on is written twice. `--check` writes nothing and fails when the file is not fresh.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Btf, type BtfType, readBtf, resolve } from "./btf.ts";

const ROOT = join(import.meta.dirname, "..");
const OUTPUT = "src/contract/layout.gen.ts";
/** Headers that are shared as a whole. */
const HEADERS = ["bpf/tables.h", "bpf/event.h"];
const SHARED = "layout_";
const INTEGERS: Readonly<Record<number, string>> = { 8: "u8", 16: "u16", 32: "u32", 64: "u64" };

const camel = (name: string): string => name.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const pascal = (name: string): string => camel(`_${name}`);

/** The types named in layout.bpf.c, in its order: each is a variable `layout_NAME` that points to the type. */
function sharedTypes(btf: Btf): BtfType[] {
  const variables = [...btf.values()].filter((type) => type.kind === "VAR" && type.name?.startsWith(SHARED));
  return variables.map((variable) => {
    const pointer = resolve(btf, variable.type_id ?? 0);
    return resolve(btf, pointer.type_id ?? 0);
  });
}

/** `{ offset, type, count }` of one member. Signed integers, bit fields, pointers and unions do not cross the border. */
function fieldText(btf: Btf, struct: BtfType, member: NonNullable<BtfType["members"]>[number]): { text: string; size: number } {
  const place = `${struct.name}.${member.name}`;
  const outer = resolve(btf, member.type_id);
  const type = outer.kind === "ARRAY" ? resolve(btf, outer.type_id ?? 0) : outer;
  const count = outer.kind === "ARRAY" ? (outer.nr_elems ?? 0) : null;
  const integer = type.kind === "INT" && type.encoding !== "SIGNED" ? INTEGERS[type.nr_bits ?? 0] : undefined;
  if ((integer === undefined && type.kind !== "STRUCT") || (member.bitfield_size ?? 0) !== 0)
    throw new Error(`Cannot share ${place}: expected an unsigned integer, a struct, or an array of them`);
  if (snake(camel(member.name)) !== member.name) throw new Error(`Cannot share ${place}: its name has no camelCase form`);
  const name = integer === undefined ? pascal(type.name ?? "") : JSON.stringify(integer);
  return { text: `{ offset: ${member.bits_offset / 8}, type: ${name}, count: ${count} }`, size: (type.size ?? 0) * (count ?? 1) };
}

function structText(btf: Btf, struct: BtfType): string {
  const lines: string[] = [];
  let end = 0;
  for (const member of struct.members ?? []) {
    const { text, size } = fieldText(btf, struct, member);
    /* A hole would carry whatever was on the stack, and two equal map keys would differ. */
    if (member.bits_offset / 8 !== end) throw new Error(`Cannot share struct ${struct.name}: there is a hole before "${member.name}"`);
    end += size;
    lines.push(`    ${camel(member.name)}: ${text},`);
  }
  if (end !== struct.size) throw new Error(`Cannot share struct ${struct.name}: its last ${(struct.size ?? 0) - end} bytes have no name`);
  const head = `export const ${pascal(struct.name ?? "")} = {\n  name: "${struct.name}",\n  size: ${struct.size},\n  fields: {\n`;
  return `${head}${lines.join("\n")}\n  },\n} as const satisfies StructLayout;\n`;
}

/** The enumerators with their values as literals, as wide as the enum is. */
function valuesOf(type: BtfType): { name: string; value: string }[] {
  return (type.values ?? []).map(({ name, val }) => {
    const value = BigInt.asUintN((type.size ?? 4) * 8, val);
    return { name, value: value > BigInt(Number.MAX_SAFE_INTEGER) ? `${value}n` : `${value}` };
  });
}

/** ACTION_ALLOW of enum action becomes Action.ALLOW, "allow" in ACTION_NAMES. A value without the common prefix is a plain constant. */
function enumText(type: BtfType): string {
  const values = valuesOf(type);
  const prefix = `${values[0]?.name.split("_")[0] ?? ""}_`;
  const named = values
    .filter((value) => value.name.startsWith(prefix))
    .map(({ name, value }) => ({ name: name.slice(prefix.length), value }));
  const plain = values.filter((value) => !value.name.startsWith(prefix));
  const title = pascal(type.name ?? "");
  const names = `${(type.name ?? "").toUpperCase()}_NAMES`;
  return [
    `export const ${title} = {`,
    ...named.map(({ name, value }) => `  ${name}: ${value},`),
    "} as const;",
    `export type ${title} = (typeof ${title})[keyof typeof ${title}];`,
    `export const ${names} = {`,
    ...named.map(({ name, value }) => `  ${value}: ${JSON.stringify(camel(name))},`),
    `} as const satisfies Readonly<Record<${title}, string>>;`,
    ...plain.map(({ name, value }) => `export const ${name} = ${value};`),
    "",
  ].join("\n");
}

/** Whatever the shared headers define must be named in layout.bpf.c. */
function checkComplete(types: readonly BtfType[], constants: readonly { name: string }[]): void {
  for (const header of HEADERS) {
    const source = readFileSync(join(ROOT, header), "utf8");
    for (const [, name] of source.matchAll(/^#define\s+([A-Z]\w*)[ \t]+\S/gm))
      if (!constants.some((constant) => constant.name === name))
        throw new Error(`Cannot share "${name}" of ${header}: add CONSTANT(${name}) to bpf/layout.bpf.c`);
    for (const [, kind, name] of source.matchAll(/^(struct|enum)\s+(\w+)\s*\{/gm))
      if (!types.some((type) => type.name === name))
        throw new Error(`Cannot share "${kind} ${name}" of ${header}: add SHARED(${kind}, ${name}) to bpf/layout.bpf.c`);
  }
}

function constantsOf(type: BtfType): { name: string; value: string }[] {
  return valuesOf(type).map(({ name, value }) => ({ name: name.replace(/^CONSTANT_/, ""), value }));
}

/** A struct stands after the structs it contains. */
function inOrder(btf: Btf, structs: readonly BtfType[]): BtfType[] {
  const ordered = new Map<number, BtfType>();
  const add = (type: BtfType): void => {
    for (const member of type.members ?? []) {
      const outer = resolve(btf, member.type_id);
      const inner = outer.kind === "ARRAY" ? resolve(btf, outer.type_id ?? 0) : outer;
      if (inner.kind === "STRUCT") add(inner);
    }
    ordered.set(type.id, type);
  };
  structs.forEach(add);
  return [...ordered.values()];
}

function layoutText(btf: Btf): string {
  const types = sharedTypes(btf);
  const constantsType = types.find((type) => type.name === "constants");
  if (constantsType === undefined) throw new Error("Cannot find the constants: bpf/layout.bpf.c has no SHARED(enum, constants)");
  const constants = constantsOf(constantsType);
  checkComplete(types, constants);
  const enums = types.filter((type) => type.kind.startsWith("ENUM") && type !== constantsType);
  const structs = inOrder(
    btf,
    types.filter((type) => type.kind === "STRUCT"),
  );
  return [
    "// SPDX-License-Identifier: Apache-2.0\n// Generated by tools/gen-layout.ts from bpf/layout.bpf.c. Do not edit.\n",
    'import type { StructLayout } from "./codec.ts";\n\n',
    ...constants.map(({ name, value }) => `export const ${name} = ${value};\n`),
    ...enums.map((type) => `\n${enumText(type)}`),
    ...structs.map((type) => `\n${structText(btf, type)}`),
  ].join("");
}

function main(): void {
  execFileSync(join(ROOT, "tools/build-bpf.sh"), ["layout"], { stdio: ["ignore", "inherit", "inherit"] });
  const text = layoutText(readBtf(join(ROOT, "build/layout.bpf.o")));
  if (!process.argv.includes("--check")) writeFileSync(join(ROOT, OUTPUT), text);
  else if (readFileSync(join(ROOT, OUTPUT), "utf8") !== text)
    throw new Error(`${OUTPUT} does not fit bpf/layout.bpf.c: run node_modules/.bin/node tools/gen-layout.ts`);
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
