// SPDX-License-Identifier: Apache-2.0
/** Flow records on disk. */
import { setImmediate } from "node:timers/promises";
import type { App } from "../../contract/app.ts";
import type { FlowBatch, FlowRecord } from "../../contract/flow.ts";
import type { FlowId } from "../../contract/ids.ts";
import type { FlowQuery, Retention } from "../store.ts";
import type { Database } from "./database.ts";

/** Rows deleted in one go: a few milliseconds. */
const SLICE = 2000;

/** Rows read in one go: some 10 ms. */
const PAGE = 2000;

type FlowRow = { id: number; last_ms: number; app_id: number | null; app: string | null; state: string; record: string };

/** See Store.reserveFlowIds. On disk before the ids are used, so that a power cut cannot give them twice. */
export function reserveFlowIds(database: Database, count: number): FlowId {
  return database.durably(() => {
    const next = database.get<{ next: number }>("SELECT next FROM flow_ids")?.next ?? 1;
    database.run("UPDATE flow_ids SET next = ?", next + count);
    return next as FlowId;
  });
}

function appId(database: Database, app: App): number | null {
  const json = JSON.stringify(app);
  const known = database.get<{ id: number }>("SELECT id FROM flow_apps WHERE app = ?", json);
  return known?.id ?? database.run("INSERT INTO flow_apps (app) VALUES (?)", json).id;
}

/** See Store.appendFlows. */
export function appendFlows(database: Database, batch: FlowBatch): void {
  const ids = new Map<App, number | null>();
  database.transaction(() => {
    for (const { app, state, ...record } of batch.flows) {
      if (app !== null && !ids.has(app)) ids.set(app, appId(database, app));
      database.run(
        `INSERT INTO flows (id, app, state, last_ms, record) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET app = excluded.app, state = excluded.state, last_ms = excluded.last_ms, record = excluded.record`,
        ...[record.id, app === null ? null : (ids.get(app) ?? null), state, record.lastMs, JSON.stringify(record)],
      );
    }
    for (const id of batch.removed) database.run("DELETE FROM flows WHERE id = ?", id);
  });
}

/** See Store.flows. */
export async function flows(database: Database, query: FlowQuery): Promise<FlowRecord[]> {
  const found: FlowRecord[] = [];
  const apps = new Map<number, App>();
  let before = { lastMs: Number.MAX_SAFE_INTEGER, id: 0 };
  while (found.length < query.limit) {
    const page = database.all<FlowRow>(
      `SELECT flows.id, last_ms, flows.app AS app_id, flow_apps.app, state, record FROM flows LEFT JOIN flow_apps ON flow_apps.id = flows.app
       WHERE last_ms >= ? AND (last_ms, flows.id) < (?, ?) ORDER BY last_ms DESC, flows.id DESC LIMIT ?`,
      ...[query.sinceMs ?? 0, before.lastMs, before.id, PAGE],
    );
    for (const row of page) {
      const flow = fromRow(row, apps);
      if (found.length < query.limit && query.matches(flow)) found.push(flow);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    before = { lastMs: last.last_ms, id: last.id };
    await setImmediate();
  }
  return found.reverse();
}

/** Many records share an app: it is read once. */
function fromRow(row: FlowRow, apps: Map<number, App>): FlowRecord {
  /* Records of versions that knew no names have none. */
  const { names = [], ...rest } = JSON.parse(row.record) as Omit<FlowRecord, "app" | "state" | "names"> &
    Partial<Pick<FlowRecord, "names">>;
  const record = { ...rest, names };
  const state = row.state as FlowRecord["state"];
  if (row.app === null || row.app_id === null) return { ...record, app: null, state };
  const app = apps.get(row.app_id) ?? (JSON.parse(row.app) as App);
  apps.set(row.app_id, app);
  return { ...record, app, state };
}

/** See Store.closeFlows. */
export function closeFlows(database: Database): void {
  database.run("UPDATE flows SET state = 'closed' WHERE state <> 'closed'");
}

/** See Store.prune: one slice of each. */
export function prune(database: Database, nowMs: number, retention: Retention): boolean {
  const before = nowMs - retention.maxAgeMs;
  return database.transaction(() => {
    const count = database.get<{ n: number }>("SELECT count(*) AS n FROM flows")?.n ?? 0;
    const tooMany = Math.min(SLICE, Math.max(0, count - retention.maxFlows));
    const gone = [
      database.run("DELETE FROM flows WHERE id IN (SELECT id FROM flows ORDER BY last_ms, id LIMIT ?)", tooMany),
      database.run("DELETE FROM flows WHERE id IN (SELECT id FROM flows WHERE last_ms < ? LIMIT ?)", before, SLICE),
      database.run("DELETE FROM questions WHERE id IN (SELECT id FROM questions WHERE answered_ms < ? LIMIT ?)", before, SLICE),
      database.run(
        "DELETE FROM flow_apps WHERE id IN (SELECT id FROM flow_apps WHERE NOT EXISTS (SELECT 1 FROM flows WHERE flows.app = flow_apps.id) LIMIT ?)",
        SLICE,
      ),
    ];
    database.run("DELETE FROM rules WHERE in_group IS NOT NULL AND placed = 0 AND placed_ms < ?", before);
    database.run("DELETE FROM rule_hits WHERE rule NOT IN (SELECT id FROM rules) AND rule NOT IN (SELECT rule FROM revision_changes)");
    return gone.some(({ changes }) => changes === SLICE);
  });
}
