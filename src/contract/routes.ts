// SPDX-License-Identifier: Apache-2.0
/**
 * Where each request goes and the right it needs. Apart from api.ts so that the client can go without the schemas.
 * `:name` in a path is a field of the request; the other fields go into the query (GET) or the JSON body.
 */
export type Right = "read" | "change";

export type RoutePath = {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly right: Right;
};

export const PATHS = {
  status: { method: "GET", path: "/v1/status", right: "read" },
  setMode: { method: "PUT", path: "/v1/mode", right: "change" },
  listRules: { method: "GET", path: "/v1/rules", right: "read" },
  addRule: { method: "POST", path: "/v1/rules", right: "change" },
  removeRule: { method: "DELETE", path: "/v1/rules/:id", right: "change" },
  setRuleEnabled: {
    method: "PUT",
    path: "/v1/rules/:id/enabled",
    right: "change",
  },
  undo: { method: "POST", path: "/v1/undo", right: "change" },
  importRules: { method: "POST", path: "/v1/import", right: "change" },
  exportRules: { method: "GET", path: "/v1/export", right: "read" },
  listQuestions: { method: "GET", path: "/v1/questions", right: "read" },
  answer: { method: "POST", path: "/v1/questions/:id/answer", right: "change" },
  listFlows: { method: "GET", path: "/v1/flows", right: "read" },
  listApps: { method: "GET", path: "/v1/apps", right: "read" },
  showApp: { method: "GET", path: "/v1/app", right: "read" },
  explain: { method: "POST", path: "/v1/explain", right: "read" },
  listSettings: { method: "GET", path: "/v1/settings", right: "read" },
  getSetting: { method: "GET", path: "/v1/settings/:key", right: "read" },
  setSetting: { method: "PUT", path: "/v1/settings/:key", right: "change" },
  listGroups: { method: "GET", path: "/v1/groups", right: "read" },
  setGroupEnabled: {
    method: "PUT",
    path: "/v1/groups/:name/enabled",
    right: "change",
  },
  listLists: { method: "GET", path: "/v1/lists", right: "read" },
  addList: { method: "POST", path: "/v1/lists", right: "change" },
  showList: { method: "GET", path: "/v1/lists/:name", right: "read" },
  removeList: { method: "DELETE", path: "/v1/lists/:name", right: "change" },
  exceptList: { method: "POST", path: "/v1/lists/:name/exceptions", right: "change" },
  updateList: { method: "POST", path: "/v1/lists/:name/update", right: "change" },
  downloadLists: { method: "POST", path: "/v1/downloads", right: "change" },
  backup: { method: "GET", path: "/v1/backup", right: "read" },
  restore: { method: "POST", path: "/v1/restore", right: "change" },
} as const satisfies Record<string, RoutePath>;

export type RouteName = keyof typeof PATHS;

/** The stream of events: newline-delimited JSON, `?topics=` with commas. */
export const EVENTS_PATH = "/v1/events";
export const TOPICS = ["flows", "questions", "health", "rules"] as const;
export type Topic = (typeof TOPICS)[number];

/** Names of the `:fields` of a path. */
export function pathFields(path: string): string[] {
  return Array.from(path.matchAll(/:([a-z]+)/g), (match) => match[1] ?? "");
}
