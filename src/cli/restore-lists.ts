// SPDX-License-Identifier: Apache-2.0
/** The lists of a backup, added as `lists add` would: downloaded by the daemon, or read here as the caller. Their rules are the backup's. */
import type { z } from "zod";
import type { Client } from "../client/client.ts";
import type { Backup } from "../contract/api.ts";
import { Failure } from "../contract/failure.ts";
import type { RestoredAll } from "../contract/replies.ts";
import { isFileSource, isUrl, listContent } from "./list-text.ts";

type Wanted = Backup["lists"][number];
export type RestoredList = z.output<typeof RestoredAll>["lists"][number];

/** One after the other; what fails with one keeps none of the others from being added. */
export async function restoreLists(client: Client, wanted: readonly Wanted[]): Promise<RestoredList[]> {
  if (wanted.length === 0) return [];
  const before = new Map((await client.listLists({})).lists.map(({ name, source }) => [name, source]));
  const done: RestoredList[] = [];
  for (const list of wanted) {
    let outcome: RestoredList["outcome"] = before.get(list.name) === list.source ? "there" : "missing";
    try {
      if (outcome === "missing") await add(client, list, before.has(list.name));
      if (outcome === "missing") outcome = "added";
      for (const entry of list.exceptions) await client.exceptList({ name: list.name, entry });
      done.push({ name: list.name, outcome, problem: null });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      done.push({ name: list.name, outcome, problem: error.message });
    }
  }
  return done;
}

async function add(client: Client, { name, source, format, every, allowHttp, allowLocal }: Wanted, taken: boolean): Promise<void> {
  if (taken) throw new Failure("conflict", `a list of that name comes from elsewhere; "holdfast lists rm ${name}", then restore again`);
  const list = { name, source, format, rule: false };
  if (isUrl(source)) await client.addList({ ...list, every, allowHttp, allowLocal });
  else if (isFileSource(source)) await client.addList({ ...list, content: listContent(source) });
  else throw new Failure("bad-input", `it came with an ${source}; import that anew`);
}
