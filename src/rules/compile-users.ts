// SPDX-License-Identifier: Apache-2.0
/** The dimension of users: for each uid that some rule names, the rules that hold for it. */
import type { Environment } from "../contract/environment.ts";
import { MAX_USERS, UserRow } from "../contract/layout.gen.ts";
import { uidOf } from "./match.ts";
import type { Part } from "./parts.ts";
import { Bits, type RowTable } from "./rows.ts";
import { pack, TableFullError } from "./table.ts";

/** struct user_row, by uid. `anyUser`: the rules that name no user. Throws TableFullError. */
export function compileUsers(parts: readonly Part[], anyUser: Bits, environment: Environment, rows: RowTable): Uint8Array {
  const byUid = new Map<number, number[]>();
  parts.forEach(({ placed }, bit) => {
    const { user } = placed.rule.who;
    const uid = user === null ? null : uidOf(user, environment);
    if (uid === null || uid > 0xffffffff) return;
    const bits = byUid.get(uid);
    if (bits === undefined) byUid.set(uid, [bit]);
    else bits.push(bit);
  });
  if (byUid.size > MAX_USERS) throw new TableFullError(`Cannot use rules about ${byUid.size} users: the limit is ${MAX_USERS}`);
  const sorted = [...byUid].sort(([a], [b]) => a - b);
  const row = new Bits();
  return pack(
    UserRow,
    sorted.map(([uid, bits]) => {
      row.become(anyUser);
      for (const bit of bits) row.add(bit);
      return { uid, row: rows.indexOf(row) };
    }),
  );
}
