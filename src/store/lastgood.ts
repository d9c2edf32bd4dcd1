// SPDX-License-Identifier: Apache-2.0
/**
 * STATE/rules.last: everything that decides about connections, as text, for a start without the database. A person can read it, and
 * its rules are lines of the rule language; what the language does not say stands in comments of JSON.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Revision, RuleId } from "../contract/ids.ts";
import { SettingValue } from "../contract/shapes.ts";
import { type Beside, writeBeside, writeDurably } from "./durable.ts";
import { messageOf, type StoreProblem } from "./problem.ts";
import type { LastGood, StoredRule } from "./store.ts";

const FIRST_LINE = "# Holdfast rules.last 1. The rules as they were last edited; read when the database cannot be.";

const Head = z.strictObject({
  revision: z.int().min(0),
  time: z.iso.datetime({ precision: 3 }),
  lastRuleId: z.int().min(0),
  settings: z.record(z.string(), SettingValue),
  disabledGroups: z.array(z.string()),
});

const RuleFacts = z.strictObject({
  id: z.int().min(1),
  group: z.string().nullable(),
  enabled: z.boolean(),
  createdMs: z.int(),
  ends: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("ever") }),
    z.strictObject({ kind: z.literal("at"), atMs: z.int() }),
    z.strictObject({ kind: z.literal("boot"), boot: z.string() }),
    z.strictObject({ kind: z.literal("quit"), program: z.string() }),
  ]),
});

function linesOf({ text, ...facts }: StoredRule): string {
  if (/[\r\n]/.test(text) || !text.isWellFormed())
    throw new RangeError(`Cannot write rule ${JSON.stringify(text)}: expected one line of text`);
  return `# rule ${JSON.stringify(facts)}\n${text}\n`;
}

/** Neighbours in the file, printed. */
type Block = { readonly rules: readonly StoredRule[]; readonly bytes: Uint8Array };

/** Blocks as they were printed before, by their first rule: an edit changes one rule of thousands. */
const printed = new WeakMap<StoredRule, Block>();
/** Rules whose ids differ in these bits alone are one block, so that what comes in or goes moves no other block's bounds. */
const BLOCK_BITS = 6;

/** The block that begins at `rules[start]`. */
function blockAt(rules: readonly StoredRule[], start: number): Block {
  const first = rules[start];
  if (first === undefined) throw new RangeError(`Cannot print from rule ${start}: there are ${rules.length}`);
  let end = start + 1;
  for (let next = rules[end]; next !== undefined && next.id >>> BLOCK_BITS === first.id >>> BLOCK_BITS; next = rules[end]) end++;
  const before = printed.get(first);
  if (before?.rules.length === end - start && before.rules.every((rule, i) => rule === rules[start + i])) return before;
  const inside = rules.slice(start, end);
  const block = { rules: inside, bytes: Buffer.from(inside.map(linesOf).join("")) };
  printed.set(first, block);
  return block;
}

/** The file's bytes, in pieces. Throws RangeError on a rule text that is not one line. */
function encodeLastGood(lastGood: LastGood, timeMs: number): Uint8Array[] {
  const { rules } = lastGood;
  const head: z.infer<typeof Head> = {
    revision: lastGood.revision,
    time: new Date(timeMs).toISOString(),
    lastRuleId: lastGood.lastRuleId,
    settings: Object.fromEntries(lastGood.settings),
    disabledGroups: [...lastGood.disabledGroups],
  };
  const pieces: Uint8Array[] = [Buffer.from(`${FIRST_LINE}\n# state ${JSON.stringify(head)}\n`)];
  for (let at = 0; at < rules.length; ) {
    const block = blockAt(rules, at);
    pieces.push(block.bytes);
    at += block.rules.length;
  }
  pieces.push(Buffer.from(`# end ${rules.length}\n`));
  return pieces;
}

/** The file's text. Throws RangeError on a rule text that is not one line. */
export function printLastGood(lastGood: LastGood, timeMs: number): string {
  return Buffer.concat(encodeLastGood(lastGood, timeMs)).toString("utf8");
}

/** Reads the text back. A file that is not whole is refused whole, with a sentence that names the line. */
export function parseLastGood(
  text: string,
): { readonly ok: true; readonly lastGood: LastGood; readonly timeMs: number } | { readonly ok: false; readonly message: string } {
  const lines = text.split("\n");
  const refuse = (line: number, expected: string) =>
    ({ ok: false, message: `Cannot read line ${line} of rules.last: expected ${expected}` }) as const;
  if (lines[0] !== FIRST_LINE) return refuse(1, `"${FIRST_LINE}"`);
  const head = facts(lines[1], "# state ", Head);
  if (head === null) return refuse(2, '"# state" and its JSON');
  const rules: StoredRule[] = [];
  let at = 2;
  for (; lines[at]?.startsWith("# rule ") === true; at += 2) {
    const rule = facts(lines[at], "# rule ", RuleFacts);
    const ruleText = lines[at + 1];
    if (rule === null) return refuse(at + 1, '"# rule" and its JSON');
    if (ruleText === undefined || ruleText === "" || ruleText.startsWith("#")) return refuse(at + 2, "the text of a rule");
    rules.push({ ...rule, id: rule.id as RuleId, text: ruleText });
  }
  if (lines[at] !== `# end ${rules.length}` || lines[at + 1] !== "") return refuse(at + 1, `"# end ${rules.length}" and nothing after it`);
  const { settings, revision, lastRuleId, disabledGroups, time } = head;
  const lastGood = { revision: revision as Revision, lastRuleId, rules, settings: new Map(Object.entries(settings)), disabledGroups };
  return { ok: true, lastGood, timeMs: Date.parse(time) };
}

function facts<T extends z.ZodType>(line: string | undefined, prefix: string, schema: T): z.infer<T> | null {
  if (line?.startsWith(prefix) !== true) return null;
  try {
    return schema.safeParse(JSON.parse(line.slice(prefix.length))).data ?? null;
  } catch {
    return null;
  }
}

/** Writes rules.last. Returns what prevented it, or null; then the file still says what it said before. */
export function writeLastGood(path: string, lastGood: LastGood, timeMs: number): StoreProblem | null {
  return writeDurably(path, encodeLastGood(lastGood, timeMs));
}

/** Begins to write rules.last; what it says becomes true with `place`. Throws RangeError on a rule text that is not one line. */
export function beginLastGood(path: string, lastGood: LastGood, timeMs: number): Beside {
  return writeBeside(path, encodeLastGood(lastGood, timeMs));
}

/** What rules.last says; null when there is none. */
export function readLastGood(path: string): ReturnType<typeof parseLastGood> | null {
  try {
    return parseLastGood(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    return { ok: false, message: `Cannot read "${path}": ${messageOf(error)}` };
  }
}
