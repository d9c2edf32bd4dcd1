// SPDX-License-Identifier: Apache-2.0
/** Lists that were built anew come into force: their tables beside those that are, then a policy that goes by them. */
import type { ListBytes } from "../contract/policy.ts";
import type { ListTables } from "../lists/build.ts";
import { putInForce, serially } from "./down.ts";
import type { Engine } from "./engine.ts";
import type { BuiltLists } from "./lists.ts";

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);

/** As the kernel reads them. */
export function listBytes({ names, v4, v6 }: ListTables): ListBytes {
  return { buckets: bytesOf(names.words), spans4: bytesOf(v4.words), spans6: bytesOf(v6.words) };
}

/** Has the next policy go by lists; list number n is called names[n]. */
export async function prepareLists({ kernel, workspace }: Engine, { tables, names }: BuiltLists): Promise<void> {
  const set = await kernel.putLists(listBytes(tables));
  workspace.lists = { tables, numbers: new Map(names.map((name, number) => [name, number])), set };
}

/** Puts lists in force. When it throws, the lists that were in force still are. */
export function takeLists(engine: Engine, lists: BuiltLists): Promise<void> {
  return serially(engine, async () => {
    const { kernel, workspace } = engine;
    const before = workspace.lists;
    await prepareLists(engine, lists);
    try {
      await putInForce(engine);
    } catch (error) {
      workspace.lists = before;
      throw error;
    }
    await kernel.dropLists();
  });
}
