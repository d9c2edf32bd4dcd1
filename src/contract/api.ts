// SPDX-License-Identifier: Apache-2.0
/** The API: every request and reply with its schema, and the stream. The server, the client and docs/openapi.json are made from `ROUTES`. */
import { z } from "zod";
import * as replies from "./replies.ts";
import { PATHS, type RouteName, type RoutePath, TOPICS } from "./routes.ts";
import { Count, Flow, FlowVerdict, HealthItem, Id, Mode, Question, Scope, SettingValue, Time } from "./shapes.ts";

const none = z.strictObject({});
const text = z.string().max(4096);
const optional = <T extends z.ZodType>(schema: T) => schema.nullable().default(null);

/** A list's text, as gzip and base64 write it. */
const content = z.string();

/** Filters of `flows`; null = do not filter. `to` is an address, a name, or `.domain` (it and everything below). */
export const FlowFilter = z.strictObject({
  app: optional(text),
  to: optional(text),
  verdict: optional(FlowVerdict),
  undecided: z.boolean().default(false),
  since: optional(Time),
});

/** `scope` null = the default (host where a name is known, else exact). */
const AnswerRequest = z.strictObject({
  id: Id,
  action: z.enum(["allow", "deny"]),
  scope: optional(Scope),
  anyPort: z.boolean().default(false),
  lifetime: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("ever") }),
      z.strictObject({ kind: z.literal("once") }),
      z.strictObject({ kind: z.literal("quit") }),
      z.strictObject({ kind: z.literal("restart") }),
      z.strictObject({ kind: z.literal("for"), seconds: z.int().min(1) }),
    ])
    .default({ kind: "ever" }),
});

/** `to` is a name or an address; `protocol` a name of rules.md ("tcp") or a number in decimal. */
const ExplainRequest = z.strictObject({
  app: text,
  via: optional(text),
  script: optional(text),
  user: optional(text),
  to: text,
  port: z.int().min(0).max(65535),
  protocol: text.default("tcp"),
  direction: z.enum(["out", "in"]).default("out"),
});

/** `content` null: downloaded from `source`, a URL, with the last three. `every`: seconds between downloads, null for none by itself. */
const AddListRequest = z.strictObject({
  name: text,
  source: text,
  content: optional(content),
  format: optional(text),
  rule: z.boolean().default(true),
  every: optional(z.int().min(60)),
  allowHttp: z.boolean().default(false),
  allowLocal: z.boolean().default(false),
});

export type Route = RoutePath & {
  readonly summary: string;
  readonly request: z.ZodObject;
  readonly reply: z.ZodObject;
};

export const ROUTES = {
  status: {
    ...PATHS.status,
    summary: "The state of the firewall",
    request: none,
    reply: replies.Status,
  },
  setMode: {
    ...PATHS.setMode,
    summary: "What happens where no rule matches",
    request: z.strictObject({ mode: Mode }),
    reply: replies.ModeReply,
  },
  listRules: {
    ...PATHS.listRules,
    summary: "All rules, in precedence order",
    request: none,
    reply: replies.Rules,
  },
  addRule: {
    ...PATHS.addRule,
    summary: "Add a rule of your own",
    request: z.strictObject({ text: z.string() }),
    reply: replies.Edit,
  },
  removeRule: {
    ...PATHS.removeRule,
    summary: "Remove a rule of your own",
    request: z.strictObject({ id: Id }),
    reply: replies.Edit,
  },
  setRuleEnabled: {
    ...PATHS.setRuleEnabled,
    summary: "Enable or disable a rule",
    request: z.strictObject({ id: Id, enabled: z.boolean() }),
    reply: replies.Edit,
  },
  undo: {
    ...PATHS.undo,
    summary: "Take back the last edit of your own rules",
    request: none,
    reply: replies.Edit,
  },
  importRules: {
    ...PATHS.importRules,
    summary: "Add the rules of a file to your own: all or none",
    request: z.strictObject({ file: text, text: z.string() }),
    reply: replies.Imported,
  },
  exportRules: {
    ...PATHS.exportRules,
    summary: "Your own rules as a rule file",
    request: none,
    reply: replies.Exported,
  },
  listQuestions: {
    ...PATHS.listQuestions,
    summary: "Open questions, oldest first",
    request: none,
    reply: replies.Questions,
  },
  answer: {
    ...PATHS.answer,
    summary: "Answer a question; returns when held packets have been sent or refused",
    request: AnswerRequest,
    reply: replies.Answered,
  },
  listFlows: {
    ...PATHS.listFlows,
    summary: "Recent flows, oldest first",
    request: FlowFilter,
    reply: replies.Flows,
  },
  listApps: {
    ...PATHS.listApps,
    summary: "Programs seen",
    request: none,
    reply: replies.Apps,
  },
  showApp: {
    ...PATHS.showApp,
    summary: "The programs with this path or name",
    request: z.strictObject({ name: text }),
    reply: replies.AppDetails,
  },
  explain: {
    ...PATHS.explain,
    summary: "What would decide a connection, and why",
    request: ExplainRequest,
    reply: replies.Explained,
  },
  listSettings: {
    ...PATHS.listSettings,
    summary: "All settings",
    request: none,
    reply: replies.Settings,
  },
  getSetting: {
    ...PATHS.getSetting,
    summary: "One setting",
    request: z.strictObject({ key: text }),
    reply: replies.SettingReply,
  },
  setSetting: {
    ...PATHS.setSetting,
    summary: "Change a setting; a string is read as the setting's type",
    request: z.strictObject({ key: text, value: SettingValue }),
    reply: replies.SettingReply,
  },
  listGroups: {
    ...PATHS.listGroups,
    summary: "Rule groups",
    request: none,
    reply: replies.Groups,
  },
  setGroupEnabled: {
    ...PATHS.setGroupEnabled,
    summary: "Enable or disable a rule group",
    request: z.strictObject({ name: text, enabled: z.boolean() }),
    reply: replies.GroupReply,
  },
  listLists: {
    ...PATHS.listLists,
    summary: "Blocklists",
    request: none,
    reply: replies.Lists,
  },
  addList: {
    ...PATHS.addList,
    summary: "Add a blocklist, and the rule that denies what is on it",
    request: AddListRequest,
    reply: replies.ListAdded,
  },
  showList: {
    ...PATHS.showList,
    summary: "What is on a blocklist",
    request: z.strictObject({ name: text, search: optional(text) }),
    reply: replies.ListContent,
  },
  removeList: {
    ...PATHS.removeList,
    summary: "Remove a blocklist, and the rule that came with it",
    request: z.strictObject({ name: text }),
    reply: replies.ListRemoved,
  },
  exceptList: {
    ...PATHS.exceptList,
    summary: "Take an entry out of a blocklist, across updates",
    request: z.strictObject({ name: text, entry: text }),
    reply: replies.ListReply,
  },
  updateList: {
    ...PATHS.updateList,
    summary: "Put a new text of a blocklist in the place of the one there is",
    request: z.strictObject({ name: text, content }),
    reply: replies.ListUpdated,
  },
  downloadLists: {
    ...PATHS.downloadLists,
    summary: "Download blocklists anew, several at once",
    request: z.strictObject({ names: z.array(text) }),
    reply: replies.ListsUpdated,
  },
  backup: {
    ...PATHS.backup,
    summary: "Rules, settings and lists as one object",
    request: none,
    reply: replies.Backup,
  },
  restore: {
    ...PATHS.restore,
    summary: "Put the rules, settings and groups of a backup in the place of what there is; lists are added with addList",
    request: replies.Backup,
    reply: replies.Restored,
  },
} as const satisfies { readonly [R in RouteName]: Route };

/** What a caller writes: fields with a default may be left out. */
export type RequestInput<R extends RouteName> = z.input<(typeof ROUTES)[R]["request"]>;
/** What the backend gets: every field there, null where nothing was said. */
export type RequestOf<R extends RouteName> = z.output<(typeof ROUTES)[R]["request"]>;
export type ReplyOf<R extends RouteName> = z.output<(typeof ROUTES)[R]["reply"]>;
export type FlowFilter = z.output<typeof FlowFilter>;

/** `undecided`: nobody has decided the flow, or it goes on as it was after its rule became ask. `resync`: this reader was too slow and events are missing; ask for the lists again. */
export const ApiEvent = z.discriminatedUnion("kind", [
  z.strictObject({ schema: z.literal(1), kind: z.literal("flow"), undecided: z.boolean(), flow: Flow }),
  z.strictObject({
    schema: z.literal(1),
    kind: z.literal("question"),
    question: Question,
  }),
  z.strictObject({
    schema: z.literal(1),
    kind: z.literal("question-closed"),
    id: Id,
    answer: z.enum(["allow", "deny"]).nullable(),
    rule: Id.nullable(),
  }),
  z.strictObject({
    schema: z.literal(1),
    kind: z.literal("health"),
    health: z.array(HealthItem),
  }),
  z.strictObject({
    schema: z.literal(1),
    kind: z.literal("rules"),
    revision: Count,
    generation: Count,
    inForce: z.boolean(),
  }),
  z.strictObject({ schema: z.literal(1), kind: z.literal("resync") }),
]);
export type ApiEvent = z.output<typeof ApiEvent>;

export const EventsRequest = z.strictObject({
  topics: z
    .string()
    .transform((list) => list.split(","))
    .pipe(z.array(z.enum(TOPICS)).min(1)),
});

export type Status = z.output<typeof replies.Status>;
export type Checked = z.output<typeof replies.Checked>;
export type Backup = z.output<typeof replies.Backup>;
export type {
  AppShape,
  AppSummary,
  Flow,
  Group,
  HealthItem,
  ListedRule,
  ListShape,
  Question,
  Setting,
} from "./shapes.ts";
