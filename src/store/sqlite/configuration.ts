// SPDX-License-Identifier: Apache-2.0
/** Settings and disabled groups; and what a restore did to them, so that it can be taken back. */
import type { Configuration, SettingValue } from "../store.ts";
import type { Database } from "./database.ts";

type SettingStep = { readonly key: string; readonly before: SettingValue | null; readonly after: SettingValue | null };
type GroupStep = { readonly name: string; readonly before: boolean; readonly after: boolean };

/** What a revision did beside the rules. A setting that is null has its default; a group is enabled (true) or not. */
export type Beside = { readonly settings: readonly SettingStep[]; readonly groups: readonly GroupStep[] };

export function settings(database: Database): ReadonlyMap<string, SettingValue> {
  const rows = database.all<{ key: string; value: string }>("SELECT key, value FROM settings ORDER BY key");
  return new Map(rows.map((row) => [row.key, JSON.parse(row.value) as SettingValue]));
}

/** Null = back to the default. */
export function putSetting(database: Database, key: string, value: SettingValue | null): void {
  if (value === null) database.run("DELETE FROM settings WHERE key = ?", key);
  else database.run("INSERT OR REPLACE INTO settings VALUES (?, ?)", key, JSON.stringify(value));
}

export function disabledGroups(database: Database): string[] {
  return database.all<{ name: string }>("SELECT name FROM disabled_groups ORDER BY name").map((row) => row.name);
}

export function putGroup(database: Database, name: string, enabled: boolean): void {
  database.run(enabled ? "DELETE FROM disabled_groups WHERE name = ?" : "INSERT OR IGNORE INTO disabled_groups VALUES (?)", name);
}

function put(database: Database, { settings, groups }: Beside): void {
  for (const { key, after } of settings) putSetting(database, key, after);
  for (const { name, after } of groups) putGroup(database, name, after);
}

/** Puts the settings and groups of `wanted` in the place of what there is. Null when that is what there is. */
export function replaceConfiguration(database: Database, wanted: Configuration): Beside | null {
  const old = settings(database);
  const disabled = [new Set(disabledGroups(database)), new Set(wanted.disabledGroups)] as const;
  const beside = {
    settings: [...new Set([...old.keys(), ...wanted.settings.keys()])]
      .map((key) => ({ key, before: old.get(key) ?? null, after: wanted.settings.get(key) ?? null }))
      .filter(({ before, after }) => before !== after),
    groups: [...disabled[0].symmetricDifference(disabled[1])].map((name) => ({
      name,
      before: !disabled[0].has(name),
      after: !disabled[1].has(name),
    })),
  };
  put(database, beside);
  return beside.settings.length + beside.groups.length > 0 ? beside : null;
}

/** Takes it back, but for what has been changed since. Returns what that did; null for nothing. */
export function takeBack(database: Database, { settings: changed, groups }: Beside): Beside | null {
  const [now, disabled] = [settings(database), new Set(disabledGroups(database))];
  const beside = {
    settings: changed
      .filter(({ key, after }) => (now.get(key) ?? null) === after)
      .map(({ key, before, after }) => ({ key, before: after, after: before })),
    groups: groups
      .filter(({ name, after }) => !disabled.has(name) === after)
      .map(({ name, before, after }) => ({ name, before: after, after: before })),
  };
  put(database, beside);
  return beside.settings.length + beside.groups.length > 0 ? beside : null;
}
