// SPDX-License-Identifier: Apache-2.0
/** Backup and restore: what a person configured, as one document (contract/replies.ts: Backup). */
import { type Backup, ROUTES } from "../contract/api.ts";
import type { KeptList } from "./lists.ts";
import type { Configuration, NewRule, Store } from "./store.ts";

/**
 * The whole configuration. Rules that end with this boot or with a program's last process are left out: nothing would end them elsewhere.
 * Groups are those that are disabled; every other one is enabled. Of lists not their texts: they are had anew from where they came.
 */
export function exportBackup(store: Store, lists: readonly KeptList[], nowMs: number): Backup {
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    schema: 1,
    kind: "holdfast-backup",
    created: iso(nowMs),
    rules: store.rules().flatMap(({ text, enabled, ends, createdMs }) => {
      if (ends.kind === "boot" || ends.kind === "quit") return [];
      return [{ text, enabled, until: ends.kind === "at" ? iso(ends.atMs) : null, created: iso(createdMs) }];
    }),
    settings: Object.fromEntries(store.settings()),
    groups: store.disabledGroups().map((name) => ({ name, enabled: false })),
    lists: lists.map(({ name, source, report, download, exceptions }) => ({
      name,
      source,
      format: report.format,
      every: download?.everySeconds ?? null,
      allowHttp: download?.allowHttp ?? false,
      allowLocal: download?.allowLocal ?? false,
      exceptions: [...exceptions],
    })),
  };
}

/** What `Store.restore` is to be given for a backup. Rule texts are not looked into; rules whose time is over are left out. */
export function configurationOf(backup: Backup, nowMs: number): Configuration {
  return {
    rules: backup.rules.flatMap(({ text, enabled, until, created }) => {
      const ends: NewRule["ends"] = until === null ? { kind: "ever" } : { kind: "at", atMs: Date.parse(until) };
      if (ends.kind === "at" && ends.atMs <= nowMs) return [];
      return [{ text, enabled, ends, createdMs: created === null ? nowMs : Date.parse(created) }];
    }),
    settings: new Map(Object.entries(backup.settings)),
    disabledGroups: backup.groups.filter((group) => !group.enabled).map((group) => group.name),
  };
}

/** Reads a backup's text; what is wrong with it is a sentence that names the field. */
export function parseBackup(
  text: string,
): { readonly ok: true; readonly backup: Backup } | { readonly ok: false; readonly message: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, message: "Cannot read the backup: it is not JSON; expected a file that `holdfast backup` wrote" };
  }
  const parsed = ROUTES.backup.reply.safeParse(json);
  if (parsed.success) return { ok: true, backup: parsed.data };
  const issue = parsed.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? "its outermost object" : `"${issue.path.join(".")}"`;
  return { ok: false, message: `Cannot read the backup: ${where} is wrong (${issue?.message ?? "unknown"})` };
}
