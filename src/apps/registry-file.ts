// SPDX-License-Identifier: Apache-2.0
/** What each number stands for, as it is kept for the next daemon. */
import { z } from "zod";

const Text = z.string().nullable();
const Identity = z.strictObject({
  path: Text,
  claimedPath: Text,
  name: z.string(),
  script: Text,
  args: z.array(z.string()),
  package: Text,
  packageIntact: z.boolean().nullable(),
  unit: Text,
  container: Text,
  flatpak: Text,
  snap: Text,
  appimage: Text,
  kernel: z.boolean(),
  changedSince: Text,
});
const Id = z.int().min(1).max(0xffffffff);
const Schema = z.array(
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("app"), id: Id, byArgs: z.boolean(), identity: Identity }),
    z.strictObject({ kind: z.literal("class"), id: Id, app: Id, via: z.int().min(0).max(0xffffffff) }),
  ]),
);

/** What one number stands for. */
export type RegistryRecord = z.infer<typeof Schema>[number];

export type RegistryFileOutcome =
  | { readonly ok: true; readonly records: readonly RegistryRecord[] }
  | { readonly ok: false; readonly problem: string };

/** Checks records: their shape, and that every program a class names is among them (or the kernel, 1). */
export function readRegistryFile(data: readonly unknown[]): RegistryFileOutcome {
  const parsed = Schema.safeParse(data);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return {
      ok: false,
      problem: `Cannot read the table of programs: "${issue?.path.join(".") ?? ""}" is not as it should be (${issue?.message ?? ""})`,
    };
  }
  const apps = new Set([1, ...parsed.data.filter(({ kind }) => kind === "app").map(({ id }) => id)]);
  const stray = parsed.data.find((each) => each.kind === "class" && (!apps.has(each.app) || (each.via !== 0 && !apps.has(each.via))));
  if (stray !== undefined)
    return { ok: false, problem: `Cannot read the table of programs: class "${stray.id}" names a program that is not in it` };
  return { ok: true, records: parsed.data };
}
