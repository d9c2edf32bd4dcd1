// SPDX-License-Identifier: Apache-2.0
/** The table of classes as it is kept for the next daemon. */
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
const Schema = z.strictObject({
  version: z.literal(1),
  nextApp: Id,
  nextClass: Id,
  apps: z.array(z.strictObject({ id: Id, byArgs: z.boolean(), identity: Identity })),
  classes: z.array(z.strictObject({ id: Id, app: Id, via: z.int().min(0).max(0xffffffff) })),
});

export type RegistryFile = z.infer<typeof Schema>;

export type RegistryFileOutcome = { readonly ok: true; readonly table: RegistryFile } | { readonly ok: false; readonly problem: string };

/** Checks a table: its shape, and that every number it uses is there and below the next to be given. */
export function readRegistryFile(data: unknown): RegistryFileOutcome {
  const parsed = Schema.safeParse(data);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return {
      ok: false,
      problem: `Cannot read the table of programs: "${issue?.path.join(".") ?? ""}" is not as it should be (${issue?.message ?? ""})`,
    };
  }
  const table = parsed.data;
  const apps = new Set(table.apps.map((each) => each.id));
  const stray = table.classes.find((each) => !apps.has(each.app) || (each.via !== 0 && !apps.has(each.via)) || each.id >= table.nextClass);
  if (stray !== undefined)
    return { ok: false, problem: `Cannot read the table of programs: class "${stray.id}" names a program that is not in it` };
  if (table.apps.some((each) => each.id >= table.nextApp))
    return { ok: false, problem: `Cannot read the table of programs: "nextApp" is lower than the ids in use` };
  return { ok: true, table };
}
