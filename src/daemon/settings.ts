// SPDX-License-Identifier: Apache-2.0
/** The settings there are, what they may be, and what they are when nobody said anything. */
import { Failure } from "../contract/failure.ts";
import type { SettingValue, Store } from "../store/store.ts";

type Known = {
  readonly default: SettingValue;
  /** What it does, and the values it takes. */
  readonly text: string;
  readonly allowed: readonly string[] | { readonly min: number; readonly max: number };
};

export const SETTINGS = {
  mode: {
    default: "allow",
    text: "What happens to a connection no rule matches: allow, deny or ask",
    allowed: ["allow", "deny", "ask"],
  },
  "when-away": {
    default: "deny",
    text: "What happens to a connection that would be asked about while the daemon is away: allow or deny",
    allowed: ["allow", "deny"],
  },
  "when-unknown": {
    default: "deny",
    text: "What happens to a connection of a program that cannot be identified while the daemon is away: allow or deny",
    allowed: ["allow", "deny"],
  },
  "keep-flows": {
    default: 100_000,
    text: "How many flow records are kept: 1,000 to 1,000,000",
    allowed: { min: 1000, max: 1_000_000 },
  },
  "keep-days": { default: 30, text: "For how many days flow records are kept: 1 to 3650", allowed: { min: 1, max: 3650 } },
} as const satisfies Record<string, Known>;
export type SettingKey = keyof typeof SETTINGS;

/** Whether there is such a setting; throws `Failure` with those there are when not. */
export function settingKey(key: string): SettingKey {
  if (Object.hasOwn(SETTINGS, key)) return key as SettingKey;
  throw new Failure("bad-input", `Cannot find setting "${key}"; there are ${Object.keys(SETTINGS).join(", ")}`);
}

/** A value a setting takes, read from what was given; throws `Failure` with what would be right. */
export function settingValue(key: SettingKey, given: SettingValue): SettingValue {
  const { allowed, text }: Known = SETTINGS[key];
  if (Array.isArray(allowed)) {
    if (allowed.includes(given)) return given;
  } else if ("min" in allowed) {
    const number = typeof given === "string" && /^\d+$/.test(given) ? Number(given) : given;
    if (typeof number === "number" && Number.isInteger(number) && number >= allowed.min && number <= allowed.max) return number;
  }
  throw new Failure("bad-input", `Cannot set "${key}" to "${given}". ${text}`);
}

/** A setting among those stored. */
export function settingIn(stored: ReadonlyMap<string, SettingValue>, key: SettingKey): SettingValue {
  return stored.get(key) ?? SETTINGS[key].default;
}

/** A setting as it is now. */
export function settingOf(store: Store, key: SettingKey): SettingValue {
  return settingIn(store.settings(), key);
}
