// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageKeyFields } from "../kernel/kernel.ts";
import { type FlowRing, keyText, Unnamed } from "./unnamed.ts";

const keyOf = (inode: bigint): ImageKeyFields =>
  ({ device: 1, inode, ctimeNs: 0n, cgroup: 1n, argsHash: 0n, salt: 1n, responsible: 0, flags: 0 }) as ImageKeyFields;
const flowOf = (key: ImageKeyFields): FlowRing => ({ kind: "flow", event: { key } }) as unknown as FlowRing;
const nobody = (): number => 0;

test("takeOf() gives an image's records once it has a class, and leaves the others", () => {
  const unnamed = new Unnamed();
  const [first, second] = [keyOf(1n), keyOf(2n)];
  for (const key of [first, second, first]) unnamed.keep(flowOf(key));
  assert.deepEqual(unnamed.takeOf(first, nobody), []);
  assert.deepEqual(
    unnamed.takeOf(first, () => 7),
    [first, first].map((key) => ({ record: flowOf(key), classId: 7 })),
  );
  assert.deepEqual([unnamed.has(first), unnamed.has(second)], [false, true]);
});

test("take() gives up on an image after a while, but not while it stands in line to be identified", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 0 });
  const unnamed = new Unnamed();
  const [inLine, lost] = [keyOf(1n), keyOf(2n)];
  for (const key of [inLine, lost]) unnamed.keep(flowOf(key));
  const stands = (text: string): boolean => text === keyText(inLine);
  assert.deepEqual(unnamed.take(nobody, stands), []);
  t.mock.timers.setTime(60_000);
  assert.deepEqual(unnamed.take(nobody, stands), [{ record: flowOf(lost), classId: 0 }]);
  assert.deepEqual(
    unnamed.take((key) => Number(key.inode) + 4, stands),
    [{ record: flowOf(inLine), classId: 5 }],
  );
});
