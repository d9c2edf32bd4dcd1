// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { GracePeriods } from "./grace.ts";
import { isRoot } from "./namespaces.fixture.ts";

/** enum bpf_map_type (uapi/linux/bpf.h): what the kernel waits for a grace period with. */
const BPF_MAP_TYPE_ARRAY_OF_MAPS = 12;

function mapTypes(): number[] {
  return readdirSync("/proc/self/fdinfo").flatMap((fd) => {
    try {
      const type = /^map_type:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
      return type === undefined ? [] : [Number(type)];
    } catch {
      return []; // the folder's own descriptor is gone by now
    }
  });
}

test("pass() resolves by an update of a map in a map, again and again, and the event loop turns meanwhile", async (t) => {
  if (!isRoot) return t.skip("needs root");
  const periods = new GracePeriods();
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  try {
    assert.equal(mapTypes().filter((type) => type === BPF_MAP_TYPE_ARRAY_OF_MAPS).length, 1);
    for (let i = 0; i < 5; i++) await periods.pass();
    await Promise.all([periods.pass(), periods.pass()]);
    assert.ok(turns > 0);
  } finally {
    clearInterval(timer);
    periods.close();
  }
  assert.deepEqual(mapTypes(), []);
});
