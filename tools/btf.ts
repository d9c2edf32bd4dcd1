// SPDX-License-Identifier: Apache-2.0
/** BTF as `bpftool btf dump file OBJECT -j` prints it, narrowed to what shared types are made of. */
import { execFileSync } from "node:child_process";
import { z } from "zod";

const Type = z.object({
  id: z.number(),
  kind: z.string(),
  name: z.string().optional(),
  size: z.number().optional(),
  type_id: z.number().optional(),
  nr_bits: z.number().optional(),
  nr_elems: z.number().optional(),
  encoding: z.string().optional(),
  members: z
    .array(z.object({ name: z.string(), type_id: z.number(), bits_offset: z.number(), bitfield_size: z.number().optional() }))
    .optional(),
  values: z.array(z.object({ name: z.string(), val: z.string().transform(BigInt) })).optional(),
});
export type BtfType = z.infer<typeof Type>;
export type Btf = ReadonlyMap<number, BtfType>;

/** Reads the BTF of an object file; throws when bpftool is missing or fails. */
export function readBtf(object: string): Btf {
  /* Debian has bpftool in /usr/sbin, which is not in everybody's PATH. */
  const env = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` };
  const json = execFileSync("bpftool", ["btf", "dump", "file", object, "-j"], { encoding: "utf8", env, maxBuffer: 1 << 26 });
  /* bpftool sign-extends unsigned 32-bit enumerators to 64 bits: more digits than a number keeps. */
  const parsed: unknown = JSON.parse(json.replaceAll(/"val":(-?\d+)/g, '"val":"$1"'));
  const { types } = z.object({ types: z.array(Type) }).parse(parsed);
  return new Map(types.map((type) => [type.id, type]));
}

/** The type behind typedefs and qualifiers. */
export function resolve(btf: Btf, id: number): BtfType {
  const type = btf.get(id);
  if (type === undefined) throw new Error(`Cannot find BTF type ${id}`);
  const wrapped = type.kind === "TYPEDEF" || type.kind === "CONST" || type.kind === "VOLATILE";
  return wrapped && type.type_id !== undefined ? resolve(btf, type.type_id) : type;
}
