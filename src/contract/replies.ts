// SPDX-License-Identifier: Apache-2.0
/** Every reply, as cli.md says it: `"schema": 1` first. */
import { z } from "zod";
import {
  AppSummary,
  Count,
  DecidedBy,
  Flow,
  Group,
  HealthItem,
  Id,
  ListedRule,
  ListShape,
  Mode,
  ProblemShape,
  Question,
  Setting,
  SettingValue,
  Time,
  WhenAway,
} from "./shapes.ts";

const schema = z.literal(1);
const edit = { revision: Count, generation: Count };

/** With no daemon (`pid` null) whatever only a daemon knows is null. `inForce`: the kernel was read back and decides by `revision`. */
export const Status = z.strictObject({
  schema,
  version: z.string(),
  pid: Id.nullable(),
  mode: Mode.nullable(),
  whenAway: WhenAway.nullable(),
  scope: z.string().nullable(),
  state: z.string().nullable(),
  socket: z.string(),
  rulesDir: z.string().nullable(),
  revision: Count.nullable(),
  generation: Count.nullable(),
  inForce: z.boolean().nullable(),
  rules: z.strictObject({ total: Count, enabled: Count, limit: Count }).nullable(),
  questions: Count.nullable(),
  clients: Count.nullable(),
  kernel: z.strictObject({
    release: z.string(),
    missing: z.array(z.string()).nullable(),
  }),
  health: z.array(HealthItem),
  counters: z
    .strictObject({
      eventsLost: Count,
      heldFlows: Count,
      heldDropped: Count,
      released: Count,
      refused: Count,
      unknownHeld: Count,
      tableFull: z.record(z.string(), Count),
      helperFailed: z.record(z.string(), Count),
    })
    .nullable(),
});

export const ModeReply = z.strictObject({ schema, mode: Mode, ...edit });
export const Rules = z.strictObject({
  schema,
  revision: Count,
  limit: Count,
  rules: z.array(ListedRule),
});

/** One edit of the rules. `id` and `text` are null when an undo touched several; `position` when the rule takes no part any more. */
export const Edit = z.strictObject({
  schema,
  id: Id.nullable(),
  text: z.string().nullable(),
  position: Id.nullable(),
  ...edit,
  coveredBy: Id.nullable(),
});

export const Imported = z.strictObject({
  schema,
  ...edit,
  rules: z.array(
    z.strictObject({
      id: Id,
      line: Id,
      text: z.string(),
      position: Id.nullable(),
      coveredBy: Id.nullable(),
    }),
  ),
});
/** What became of the entries of a file of another program's. `rules`: indices into the rules of the reply. */
export const ImportReport = z.strictObject({
  format: z.enum(["lsrules", "opensnitch"]),
  carried: Count,
  changed: Count,
  leftOut: Count,
  remarks: z.array(z.string()),
  lines: z.array(
    z.strictObject({
      at: z.string(),
      outcome: z.enum(["carried", "changed", "left-out"]),
      rules: z.array(Count),
      sentences: z.array(z.string()),
    }),
  ),
});
export type ImportReport = z.infer<typeof ImportReport>;

/** `rules import` on the command line. With --dry-run nothing was added: no revision, and rules without id. `report` is null for a rule file. */
export const ImportedFile = z.strictObject({
  schema,
  dryRun: z.boolean(),
  revision: Count.nullable(),
  generation: Count.nullable(),
  rules: z.array(
    z.strictObject({
      id: Id.nullable(),
      line: Id,
      text: z.string(),
      position: Id.nullable(),
      coveredBy: Id.nullable(),
    }),
  ),
  /** Lists that rules of it name, and how many entries each has. */
  lists: z.array(z.strictObject({ name: z.string(), entries: Count })),
  report: ImportReport.nullable(),
});
export type ImportedFile = z.infer<typeof ImportedFile>;

export const Exported = z.strictObject({
  schema,
  rules: Count,
  text: z.string(),
});
export const Checked = z.strictObject({
  schema,
  ok: z.boolean(),
  rules: Count,
  problems: z.array(ProblemShape),
});
export const Questions = z.strictObject({
  schema,
  questions: z.array(Question),
});
/** `rule` is null for `--for once`, which makes none; `text` is what was answered, as a rule. */
export const Answered = z.strictObject({
  schema,
  rule: Id.nullable(),
  text: z.string(),
  released: Count,
  refused: Count,
});
export const Flows = z.strictObject({ schema, flows: z.array(Flow) });
export const Apps = z.strictObject({ schema, apps: z.array(AppSummary) });
/** The programs X names (a path or name may stand for several), each with the rules about it. */
export const AppDetails = z.strictObject({
  schema,
  apps: z
    .array(
      z.strictObject({
        ...AppSummary.shape,
        rules: z.array(z.strictObject({ id: Id, text: z.string() })),
      }),
    )
    .min(1),
});
export const Explained = z.strictObject({
  schema,
  verdict: z.enum(["allow", "deny", "ask"]),
  by: DecidedBy,
  rule: Id.nullable(),
  text: z.string().nullable(),
  position: Id.nullable(),
  next: z
    .strictObject({
      rule: Id,
      text: z.string(),
      step: z.int().min(0).max(9),
      stepName: z.string(),
    })
    .nullable(),
  candidates: z.array(
    z.strictObject({
      name: z.string(),
      verdict: z.enum(["allow", "deny", "ask"]),
      rule: Id.nullable(),
    }),
  ),
});
export const Settings = z.strictObject({ schema, settings: z.array(Setting) });
export const SettingReply = z.strictObject({ schema, ...Setting.shape });
export const Groups = z.strictObject({ schema, groups: z.array(Group) });
export const GroupReply = z.strictObject({
  schema,
  name: z.string(),
  enabled: z.boolean(),
  ...edit,
});

export const Lists = z.strictObject({ schema, lists: z.array(ListShape) });
/** `rule`: the rule that came with the list; null when none was wanted, or there is a `warning` that says why there is none. */
export const ListAdded = z.strictObject({ schema, list: ListShape, rule: Id.nullable(), warning: z.string().nullable() });
/** `entries`: the first thousand of `total`. `match`: the entry that what was searched for, a name or an address, is on. `junk`: the first hundred lines. */
export const ListContent = z.strictObject({
  schema,
  list: ListShape,
  junk: z.array(z.strictObject({ line: Id, text: z.string(), why: z.string() })),
  total: Count,
  entries: z.array(z.string()),
  match: z.string().nullable(),
});
/** `rule`: the rule that had come with the list, removed too. */
export const ListRemoved = z.strictObject({ schema, name: z.string(), rule: Id.nullable() });
export const ListReply = z.strictObject({ schema, list: ListShape });
/** `lists presets` on the command line. `licence`: an SPDX identifier, or where the terms stand. */
export const Presets = z.strictObject({
  schema,
  presets: z.array(
    z.strictObject({ name: z.string(), about: z.string(), url: z.url(), home: z.url(), licence: z.string(), format: z.string() }),
  ),
});
const listOutcome = { outcome: z.enum(["updated", "unchanged", "kept"]), before: Count };
/** `kept`: the new version was not taken; `problem` of the list says why. `before`: entries there were. */
export const ListUpdated = z.strictObject({ schema, list: ListShape, ...listOutcome });
/** Also what `lists update` prints. */
export const ListsUpdated = z.strictObject({ schema, lists: z.array(z.strictObject({ list: ListShape, ...listOutcome })) });

/** The whole of what a person configured; also the file `backup` writes. `until` is when a rule with a time limit ends. */
export const Backup = z.strictObject({
  schema,
  kind: z.literal("holdfast-backup"),
  created: Time,
  rules: z.array(
    z.strictObject({
      text: z.string(),
      enabled: z.boolean(),
      until: Time.nullable(),
      created: Time.nullable(),
    }),
  ),
  settings: z.record(z.string(), SettingValue),
  groups: z.array(z.strictObject({ name: z.string(), enabled: z.boolean() })),
  /** Where each comes from and how it is read; not what is on it. `every`: seconds, null when it comes anew only when somebody asks. */
  lists: z.array(
    z.strictObject({
      name: z.string(),
      source: z.string(),
      format: z.string(),
      every: z.int().min(1).nullable(),
      allowHttp: z.boolean(),
      allowLocal: z.boolean(),
      exceptions: z.array(z.string()),
    }),
  ),
});
/** Lists are not part of it: their texts are to be had anew, with addList. */
export const Restored = z.strictObject({
  schema,
  rules: Count,
  settings: Count,
  groups: Count,
  ...edit,
});
/** What `restore` prints. `there`: a list of that name and source was there before, and has its text still. `missing`: `problem` says why. */
export const RestoredAll = z.strictObject({
  ...Restored.shape,
  lists: z.array(z.strictObject({ name: z.string(), outcome: z.enum(["added", "there", "missing"]), problem: z.string().nullable() })),
});

export const ErrorReply = z.strictObject({
  schema,
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    problems: z.array(ProblemShape).optional(),
  }),
});
