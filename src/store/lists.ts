// SPDX-License-Identifier: Apache-2.0
/**
 * STATE/lists: which blocklists there are (`index.json`), and the text of each as it was read last, byte for byte (`ID-VERSION.list`). A new
 * text is there under its own name before the index names it, and the index is changed by rename: a list is the old one or the new one.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { setAside } from "./aside.ts";
import { temporaryName, writeDurably } from "./durable.ts";
import { messageOf, type StoreProblem } from "./problem.ts";

const Count = z.int().min(0);

const KeptList = z.strictObject({
  /** Never given again. */
  id: z.int().min(1),
  name: z.string(),
  /** A URL, or the path of the file it came from, as its owner named it. */
  source: z.string(),
  /** How it is downloaded, and what the server said of the version there is; null for a file. */
  download: z
    .strictObject({
      etag: z.string().nullable(),
      lastModified: z.string().nullable(),
      allowHttp: z.boolean(),
      allowLocal: z.boolean(),
      /** How often; null: when somebody asks for it. */
      everySeconds: z.int().min(1).nullable(),
    })
    .nullable(),
  /** Counts the texts it has had. */
  version: z.int().min(1),
  addedMs: Count,
  /** When its text last became another. */
  updatedMs: Count,
  /** When its source was last looked at. */
  checkedMs: Count,
  /** What a person took out of it, as rules write places. */
  exceptions: z.array(z.string()),
  /** Why the last update was not taken; null when it was. */
  problem: z.string().nullable(),
  /** What its text holds (lists/parse.ts). `format`: what it was read as. */
  report: z.strictObject({
    format: z.string(),
    entries: Count,
    duplicates: Count,
    exceptions: Count,
    notApplicable: Count,
    junk: z.array(z.strictObject({ line: z.int().min(1), text: z.string(), why: z.string() })),
    junkCount: Count,
  }),
});
export type KeptList = z.infer<typeof KeptList>;

const Index = z.strictObject({
  schema: z.literal(1),
  /** The highest id given so far; 0 = none. */
  lastId: Count,
  lists: z.array(KeptList),
});
export type ListIndex = Omit<z.infer<typeof Index>, "schema">;

const INDEX = "index.json";
const SUFFIX = ".list";
const DOWNLOAD = ".download";
const NONE: ListIndex = { lastId: 0, lists: [] };

/** Where a version of a list's text is. */
export function textFile(folder: string, { id, version }: Pick<KeptList, "id" | "version">): string {
  return join(folder, `${id}-${version}${SUFFIX}`);
}

/** Where download number n of a daemon goes until it is read. */
export function downloadFile(folder: string, n: number): string {
  return join(folder, `${n}${DOWNLOAD}`);
}

/**
 * What is kept in `folder`, which is made (0700) where there is none. With an index that cannot be read the whole folder is set aside, and
 * `problem` says so. Throws what the file system says.
 */
export function openLists(folder: string): { readonly index: ListIndex; readonly problem: string | null } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, INDEX);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { index: NONE, problem: null };
    throw error;
  }
  try {
    const { schema: _, ...index } = Index.parse(JSON.parse(text));
    for (const name of readdirSync(folder)) if (name.endsWith(DOWNLOAD)) rmSync(join(folder, name), { force: true });
    sweepTexts(folder, index);
    return { index, problem: null };
  } catch (error) {
    const aside = setAside(folder, Date.now());
    mkdirSync(folder, { mode: 0o700 });
    const [why] = error instanceof z.ZodError ? error.issues.map(({ path, message }) => `"${path.join(".")}": ${message}`) : [];
    return {
      index: NONE,
      problem: `Cannot read "${path}": ${why ?? messageOf(error)}; what is there was renamed to "${aside}", and no list is in use`,
    };
  }
}

/** Keeps an index, durably. Returns what prevented it, or null; then the old one is still there. */
export function writeIndex(folder: string, index: ListIndex): StoreProblem | null {
  return writeDurably(join(folder, INDEX), `${JSON.stringify({ schema: 1, ...index })}\n`);
}

/** Removes the texts that an index does not name: older ones, and what an update that did not come to its end has left. */
export function sweepTexts(folder: string, { lists }: ListIndex): void {
  const wanted = new Set(lists.map((list) => textFile(folder, list)));
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const text = name.endsWith(SUFFIX) || name.endsWith(temporaryName(SUFFIX));
    if (text && !wanted.has(path)) rmSync(path, { force: true });
  }
}
