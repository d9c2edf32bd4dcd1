// SPDX-License-Identifier: Apache-2.0
/** `rules …`: the local rules. `check` reads a file with no daemon. */

import type { Command } from "commander";
import type { Checked, ListedRule, ReplyOf } from "../../contract/api.ts";
import { count } from "../../contract/count.ts";
import { FAILURES, Failure } from "../../contract/failure.ts";
import { timeWords } from "../../terminal/words.ts";
import type { Context } from "../context.ts";
import { readText } from "../files.ts";
import { problemLines } from "../output.ts";
import { callersPath, idFrom } from "../read.ts";
import { addExchange } from "./exchange.ts";

const id = idFrom("rules ls");
const EXAMPLE = "'allow /usr/bin/curl -> 192.0.2.7 tcp/443'";

export function addRules(program: Command, context: Context): void {
  const { output } = context;
  const rules = program.command("rules").description("Your rules: list, add, remove, import, export, check.");
  const edited = (reply: ReplyOf<"addRule">, verb: string): void => output.reply(reply, () => editLines(reply, verb));

  rules
    .command("ls")
    .description("List all rules in precedence order: the first that matches decides.")
    .action(async () => {
      const reply = await context.client().listRules({});
      output.reply(reply, () => ruleTable(context, reply.rules));
    });
  rules
    .command("add")
    .description("Add a rule. In force when it returns, for running connections too.")
    .argument("<rule>", `the rule in quotes, as in ${EXAMPLE}`)
    .allowExcessArguments()
    .action(async (text: string, _: unknown, { args }: Command) => {
      /* The shell has made a file of what stands behind ">". */
      if (args.length > 1) throw new Failure("bad-input", `Cannot read a rule of ${args.length} words: put it in quotes, as in ${EXAMPLE}`);
      edited(await context.client().addRule({ text }), "Added");
      for (const sentence of await absent(context, text)) output.error(sentence);
    });
  rules
    .command("rm")
    .description("Remove a rule.")
    .argument("<id>", "the rule", id)
    .action(async (rule: number) => edited(await context.client().removeRule({ id: rule }), "Removed"));
  for (const [verb, enabled, done] of [
    ["enable", true, "Enabled"],
    ["disable", false, "Disabled"],
  ] as const) {
    rules
      .command(verb)
      .description(`${verb === "enable" ? "Enable" : "Disable"} a rule.`)
      .argument("<id>", "the rule", id)
      .action(async (rule: number) => edited(await context.client().setRuleEnabled({ id: rule, enabled }), done));
  }
  rules
    .command("undo")
    .description("Take back the last edit of your rules.")
    .action(async () => edited(await context.client().undo({}), "Took back the last edit of"));
  addExchange(rules, context);
  rules
    .command("check")
    .description("Read a rule file and say what is wrong with it. Needs no daemon.")
    .argument("<file>", "a rule file")
    .action(async (file: string) => {
      const reply = await check(file);
      output.reply(reply, () => (reply.ok ? `${file}: ${count(reply.rules, "rule")}, no problem` : problemLines(reply.problems)));
      if (!reply.ok) context.exit = FAILURES["bad-input"].exit;
    });
}

/** What a rule names and is not here: in force all the same. Nothing of a text the daemon alone can read. */
async function absent(context: Context, text: string): Promise<string[]> {
  const [{ parseRule }, { absentWords, listsOf }] = await Promise.all([import("../../rules/parse.ts"), import("../absent.ts")]);
  const parsed = parseRule(text);
  if (!parsed.ok) return [];
  const lists = listsOf(parsed.rule).length === 0 ? [] : (await context.client().listLists({})).lists;
  return absentWords(
    parsed.rule,
    lists.map(({ name }) => name),
  );
}

/** What the daemon would say to the same file: rules that cannot be read, and those this version cannot enforce. */
async function check(file: string): Promise<Checked> {
  const text = readText(callersPath(file));
  const [{ parseFile }, { unsupported }] = await Promise.all([import("../../rules/file.ts"), import("../../rules/unsupported.ts")]);
  const parsed = parseFile(text, file);
  const problems = parsed.ok
    ? parsed.rules.flatMap(({ rule, line }) => {
        const message = unsupported(rule);
        return message === null ? [] : [{ file, line, column: 1, message }];
      })
    : parsed.problems.map((problem) => ({ file, ...problem }));
  return { schema: 1, ok: problems.length === 0, rules: parsed.ok ? parsed.rules.length : 0, problems };
}

function editLines(reply: ReplyOf<"addRule">, verb: string): string[] {
  const which = reply.id === null ? "your rules" : `rule ${reply.id}${reply.text === null ? "" : `: ${reply.text}`}`;
  const place = reply.position === null ? "" : `, position ${reply.position}`;
  const lines = [`${verb} ${which} (revision ${reply.revision}${place})`];
  if (reply.coveredBy !== null && verb !== "Disabled") lines.push(`It can never win: rule ${reply.coveredBy} decides all it would`);
  return lines;
}

function ruleTable(context: Context, rules: readonly ListedRule[]): string[] {
  if (rules.length === 0) return ["There are no rules: the mode decides"];
  const rows = rules.map((rule) => [
    String(rule.id),
    rule.position === null ? "-" : String(rule.position),
    rule.text,
    /* A group may be called as an author is. */
    rule.author === "file" ? `${rule.group}.rules` : (rule.group ?? rule.author),
    state(rule),
    String(rule.hits),
    timeWords(rule.lastUsed),
  ]);
  const right = true;
  return context.output.table(
    [
      { title: "ID", right },
      { title: "POS", right },
      { title: "RULE", shrink: true },
      { title: "FROM" },
      { title: "STATE" },
      { title: "HITS", right },
      { title: "LAST USED" },
    ],
    rows,
  );
}

function state(rule: ListedRule): string {
  const words = [
    ...(rule.enabled ? [] : ["disabled"]),
    ...(rule.protected ? ["protected"] : []),
    ...(rule.lifetime.kind === "ever"
      ? []
      : [rule.lifetime.kind === "until" ? `until ${timeWords(rule.lifetime.until)}` : `until ${rule.lifetime.kind}`]),
    ...(rule.coveredBy === null ? [] : [`covered by ${rule.coveredBy}`]),
  ];
  return words.length === 0 ? "-" : words.join(", ");
}
