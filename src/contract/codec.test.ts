// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { ContractError, type Decoded, decode, encode, encodeInto, type StructLayout, zero } from "./codec.ts";

const Inner = {
  name: "inner",
  size: 8,
  fields: { port: { offset: 0, type: "u16", count: null }, flag: { offset: 2, type: "u8", count: 6 } },
} as const satisfies StructLayout;

const Outer = {
  name: "outer",
  size: 40,
  fields: {
    id: { offset: 0, type: "u64", count: null },
    pair: { offset: 8, type: Inner, count: 2 },
    words: { offset: 24, type: "u64", count: 2 },
  },
} as const satisfies StructLayout;

const value: Decoded<typeof Outer> = {
  id: 2n ** 64n - 1n,
  pair: [
    { port: 65535, flag: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    { port: 1, flag: Uint8Array.of(6, 5, 4, 3, 2, 1) },
  ],
  words: [1n, 2n],
};

test("decode() gives back what encode() wrote, at any offset and in a view that does not start its buffer", () => {
  const bytes = new Uint8Array(100).subarray(3);
  encodeInto(Outer, value, bytes, 5);
  assert.deepEqual(decode(Outer, bytes, 5), value);
  assert.deepEqual(bytes.subarray(5, 45), encode(Outer, value));
  assert.ok(bytes.subarray(0, 5).every((byte) => byte === 0) && bytes.subarray(45).every((byte) => byte === 0));
});

test("decode() writes integers in little-endian order", () => {
  assert.deepEqual([...encode(Inner, { port: 0x1234, flag: new Uint8Array(6) })], [0x34, 0x12, 0, 0, 0, 0, 0, 0]);
});

test("decode() shares no memory with the bytes", () => {
  const bytes = encode(Inner, { port: 1, flag: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  const inner = decode(Inner, bytes);
  bytes.fill(0);
  assert.deepEqual([...inner.flag], [1, 2, 3, 4, 5, 6]);
});

test("zero() is a struct of zeros", () => {
  assert.deepEqual(zero(Inner), { port: 0, flag: new Uint8Array(6) });
});

test("decode() refuses too few bytes", () => {
  assert.throws(() => decode(Outer, new Uint8Array(39)), new ContractError("Cannot read or write outer in 39 bytes: it takes 40"));
  assert.throws(
    () => decode(Outer, new Uint8Array(41), 2),
    new ContractError("Cannot read or write outer in 41 bytes from offset 2 on: it takes 40"),
  );
  assert.throws(() => decode(Outer, new Uint8Array(80), -1), ContractError);
});

test("encode() refuses what does not fit a field, and names it", () => {
  const inner = { port: 1, flag: new Uint8Array(6) };
  const cases: readonly [unknown, string][] = [
    [{ ...inner, port: 65536 }, 'Cannot write "65536" as inner.port: expected an integer of 16 bits'],
    [{ ...inner, port: -1 }, 'Cannot write "-1" as inner.port: expected an integer of 16 bits'],
    [{ ...inner, port: 1.5 }, 'Cannot write "1.5" as inner.port: expected an integer of 16 bits'],
    [{ ...inner, port: 1n }, 'Cannot write "1" as inner.port: expected an integer of 16 bits'],
    [{ flag: inner.flag }, 'Cannot write "undefined" as inner.port: expected an integer of 16 bits'],
    [{ ...inner, flag: [1, 2] }, 'Cannot write "2 values" as inner.flag: expected 6 values of u8'],
  ];
  for (const [bad, message] of cases) assert.throws(() => encode(Inner, bad as Decoded<typeof Inner>), new ContractError(message));
  for (const id of [-1n, 2n ** 64n, 1 as unknown as bigint]) assert.throws(() => encode(Outer, { ...value, id }), ContractError);
});
