// SPDX-License-Identifier: Apache-2.0
/** Lists that were built anew come into force: their tables beside those that are, then a policy that goes by them. */
import type { ListBytes } from "../contract/policy.ts";
import type { ListTables } from "../lists/build.ts";
import { putInForce, serially } from "./down.ts";
import type { Engine } from "./engine.ts";

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);

/** As the kernel reads them. */
export function listBytes({ names, v4, v6 }: ListTables): ListBytes {
  return { buckets: bytesOf(names.words), spans4: bytesOf(v4.words), spans6: bytesOf(v6.words) };
}

/** Puts lists in force; list number n is called names[n]. When it throws, the lists that were in force still are. */
export function takeLists(engine: Engine, tables: ListTables, names: readonly string[]): Promise<void> {
  return serially(engine, async () => {
    const { kernel, workspace } = engine;
    const before = workspace.lists;
    const set = await kernel.putLists(listBytes(tables));
    workspace.lists = { tables, numbers: new Map(names.map((name, number) => [name, number])), set };
    try {
      await putInForce(engine);
    } catch (error) {
      workspace.lists = before;
      throw error;
    }
    await kernel.dropLists();
  });
}
