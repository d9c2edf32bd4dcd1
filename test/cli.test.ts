// SPDX-License-Identifier: Apache-2.0
/** The real command line against the real API on a real socket; only what stands behind the API is a fake. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test as anyTest, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { z } from "zod";
import { ApiEvent, ROUTES } from "../src/contract/api.ts";
import { Checked, ErrorReply, ListsUpdated, Presets, RestoredAll } from "../src/contract/replies.ts";
import { type ApiServer, startApi } from "../src/daemon/api.ts";
import { FLOW, fakeBackend, HOSTILE_SHOWN, QUESTION } from "./fake-backend.ts";

/** The API gives rights to root and the group `holdfast` only. */
const isRoot = process.getuid?.() === 0;
const test: typeof anyTest = isRoot
  ? anyTest
  : (((name: string, run: never) => anyTest(name, { skip: "needs root" }, run)) as typeof anyTest);

const START = fileURLToPath(new URL("../src/start.js", import.meta.url));
const NOBODY = 65534;

const folder = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
const socket = join(folder, "api.sock");
const backend = fakeBackend();
const logged: string[] = [];
let server: ApiServer;

before(async () => {
  if (!isRoot) return;
  server = await startApi(backend, { socket, log: (sentence) => logged.push(sentence) });
});
after(async () => {
  if (isRoot) await server.close();
  rmSync(folder, { recursive: true });
});

type Outcome = { readonly exit: number | null; readonly out: string; readonly err: string };

function start(args: readonly string[], options: { uid?: number } = {}): ChildProcess {
  const who = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  return spawn(process.execPath, [START, ...args], { stdio: ["ignore", "pipe", "pipe"], cwd: folder, ...who });
}

async function holdfast(args: readonly string[], options: { uid?: number } = {}): Promise<Outcome> {
  const child = start(args, options);
  let out = "";
  let err = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    err += text;
  });
  const [exit] = (await once(child, "close")) as [number | null];
  return { exit, out, err };
}

function withSocket(command: string): string[] {
  return [...command.split(" "), "--socket", socket];
}

/** Each command, with the schema of what it prints. */
const COMMANDS: readonly (readonly [string, z.ZodType])[] = [
  ["status", ROUTES.status.reply],
  ["mode ask", ROUTES.setMode.reply],
  ["rules ls", ROUTES.listRules.reply],
  ["rules rm 1", ROUTES.removeRule.reply],
  ["rules enable 1", ROUTES.setRuleEnabled.reply],
  ["rules disable 1", ROUTES.setRuleEnabled.reply],
  ["rules undo", ROUTES.undo.reply],
  ["rules export", ROUTES.exportRules.reply],
  ["ask ls", ROUTES.listQuestions.reply],
  ["ask answer 7 allow --scope exact --any-port --for 15m", ROUTES.answer.reply],
  ["flows --app curl --to .example.org --verdict allow --undecided --since 1d", ROUTES.listFlows.reply],
  ["apps ls", ROUTES.listApps.reply],
  ["apps show curl", ROUTES.showApp.reply],
  ["explain --app /usr/bin/curl --to 192.0.2.7 --port 443 --in", ROUTES.explain.reply],
  ["lists ls", ROUTES.listLists.reply],
  ["lists show ads --search ads.example", ROUTES.showList.reply],
  ["lists update", ListsUpdated],
  ["lists except ads ok.ads.example", ROUTES.exceptList.reply],
  ["lists presets", Presets],
  ["lists rm ads", ROUTES.removeList.reply],
  ["settings ls", ROUTES.listSettings.reply],
  ["settings get history-days", ROUTES.getSetting.reply],
  ["settings set history-days 30", ROUTES.setSetting.reply],
  ["groups ls", ROUTES.listGroups.reply],
  ["groups disable work", ROUTES.setGroupEnabled.reply],
];

test("holdfast --json prints one object of its schema, schema first, and nothing else", async (t) => {
  for (const [command, schema] of COMMANDS) {
    await t.test(command, async () => {
      const { exit, out, err } = await holdfast([...withSocket(command), "--json"]);
      assert.equal(err, "");
      assert.equal(exit, 0);
      assert.match(out, /^\{"schema":1,[^\n]*\}\n$/);
      schema.parse(JSON.parse(out));
    });
  }
});

test("holdfast prints text for people without --json", async (t) => {
  for (const [command] of COMMANDS) {
    await t.test(command, async () => {
      const { exit, out } = await holdfast(withSocket(command));
      assert.equal(exit, 0);
      assert.doesNotMatch(out, /undefined|\[object|NaN/);
      assert.ok(out.length > 1);
    });
  }
});

test("holdfast sends what was said", async () => {
  backend.calls.length = 0;
  await holdfast(["ask", "--socket", socket, "answer", "7", "deny", "--scope", "any", "--any-port", "--for", "2h"]);
  await holdfast(withSocket("ask answer 7 allow"));
  await holdfast(withSocket("flows --to .Example.ORG. --undecided"));
  await holdfast(["rules", "add", 'deny any -> any note "--json"', "--socket", socket]);
  assert.deepEqual(backend.calls, [
    { name: "answer", request: { id: 7, action: "deny", scope: "any", anyPort: true, lifetime: { kind: "for", seconds: 7200 } } },
    { name: "answer", request: { id: 7, action: "allow", scope: null, anyPort: false, lifetime: { kind: "ever" } } },
    { name: "listFlows", request: { app: null, to: ".example.org", verdict: null, undecided: true, since: null } },
    { name: "addRule", request: { text: 'deny any -> any note "--json"' } },
  ]);
});

test("holdfast groups ls tells groups whose file cannot be used, with and without the rules of before", async () => {
  const { out } = await holdfast(withSocket("groups ls"));
  for (const line of [/^work +enabled +2 /m, /^bad +refused +0 /m, /^edited +enabled, as before +3 /m]) assert.match(out, line);
});

test("holdfast up --help says nothing of a console, which there is not", async () => {
  const { exit, out } = await holdfast(["up", "--help"]);
  assert.equal(exit, 0);
  assert.match(out, /--detach/);
  assert.doesNotMatch(out, /console/);
});

test("holdfast lists add sends the file compressed, under the name it has", async () => {
  writeFileSync(join(folder, "My ads!.txt"), "0.0.0.0 ads.example\n");
  backend.calls.length = 0;
  const add = (...more: string[]) => holdfast(["lists", "add", "My ads!.txt", "--socket", socket, ...more]);
  assert.equal((await add()).out.split("\n")[0], "Added list my-ads and rule 2: 1,204 entries as hosts, 3 duplicates, 1 line of junk");
  backend.calls.length = 0;
  assert.match(
    (await add("--name", "mixed")).out,
    /^More was left out than taken, since it was read as adblock: "lists add --format" says/m,
  );
  backend.calls.splice(0);
  await add();
  await add("--name", "a", "--format", "hosts", "--no-rule");
  const sent = backend.calls.map(({ request }) => {
    const { content, ...rest } = request as { content: string };
    return { ...rest, text: gunzipSync(Buffer.from(content, "base64")).toString() };
  });
  const both = { source: join(folder, "My ads!.txt"), every: null, allowHttp: false, allowLocal: false, text: "0.0.0.0 ads.example\n" };
  assert.deepEqual(sent, [
    { ...both, name: "my-ads", format: null, rule: true },
    { ...both, name: "a", format: "hosts", rule: false },
  ]);
});

test("holdfast lists add leaves a URL to the daemon", async () => {
  backend.calls.length = 0;
  await holdfast(withSocket("lists add https://example.org/x/Ads.txt?a=b --every 12h --allow-local"));
  await holdfast(withSocket("lists add http://lists.example.org/ --allow-http --no-rule"));
  const both = { content: null, format: null };
  assert.deepEqual(
    backend.calls.map(({ request }) => request),
    [
      { ...both, name: "ads", source: "https://example.org/x/Ads.txt?a=b", rule: true, every: 43200, allowHttp: false, allowLocal: true },
      {
        ...both,
        name: "lists.example.org",
        source: "http://lists.example.org/",
        rule: false,
        every: null,
        allowHttp: true,
        allowLocal: false,
      },
    ],
  );
});

test("holdfast rules import adds the lists its rules name first, and takes them away when the rules are refused", async () => {
  const importing = async (name: string) => {
    const domains = Array.from({ length: 40 }, (_, i) => `d${i}.example`);
    writeFileSync(join(folder, "many.lsrules"), JSON.stringify({ name, "denied-remote-domains": domains }));
    backend.calls.length = 0;
    const { exit } = await holdfast(withSocket(`rules import ${join(folder, "many.lsrules")}`));
    return { exit, calls: backend.calls.map((call) => [call.name, (call.request as { name?: string }).name]) };
  };
  assert.deepEqual(await importing("Taken"), {
    exit: 0,
    calls: [
      ["addList", "taken"],
      ["importRules", undefined],
    ],
  });
  const [content] = backend.calls.map(({ request }) => (request as { content?: string }).content ?? "");
  assert.match(gunzipSync(Buffer.from(content ?? "", "base64")).toString(), /^\.d0\.example\n\.d1\.example\n/);
  assert.deepEqual(await importing("Refused"), {
    exit: 2,
    calls: [
      ["addList", "refused"],
      ["importRules", undefined],
      ["removeList", "refused"],
    ],
  });
});

test("holdfast shows text from outside escaped, as text and as JSON", async () => {
  const json = await holdfast(withSocket("ask ls --json"));
  assert.equal(JSON.parse(json.out).questions[0].app.path, HOSTILE_SHOWN);
  for (const command of ["ask ls", "flows", "apps ls", "apps show curl"]) {
    const { out } = await holdfast(withSocket(command));
    assert.ok(out.includes(HOSTILE_SHOWN), command);
    assert.doesNotMatch(out, /[\u0000-\u0009\u000b-\u001f\u202e]/, command);
  }
});

test("holdfast exits 2 on bad usage or input, with one sentence that says what would be right", async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["mode alow", /^Cannot read mode "alow": expected allow, deny or ask$/m],
    ["mode", /^Missing required argument "mode"$/m],
    ["rules rm x", /^Cannot read id "x": expected a number shown by "holdfast rules ls"$/m],
    ["rules add alow", /^Cannot read the rule$/m],
    ["rules add allow any -", /^Cannot read a rule of 3 words: put it in quotes, as in 'allow .*'$/m],
    ["rules nonsense", /nonsense/],
    ["nonsense", /^Unknown command "nonsense"/m],
    ["status --nonsense", /^Unknown option "--nonsense"$/m],
    ["ask answer 7 allow --scope domain", /expected exact or any/],
    ["ask answer 7 allow --port --any-port", /--any-port/],
    ["ask answer 7 allow --for 5x", /^Cannot read duration "5x"/m],
    ["ask answer 7 allow --for soon", /^Cannot read time "soon"/m],
    ["flows --verdict ask", /^Cannot read verdict "ask": expected allow, deny or held$/m],
    ["flows --to 10.77.0.0/24", /^Cannot read peer "10.77.0.0\/24": expected an address, a name/m],
    ["flows --to bad..name", /^Cannot read peer "bad..name"/m],
    ["rules import /bin/true", /^Cannot read "\/bin\/true": it is no text, it has bytes that are zero$/m],
    ["explain --app curl --to 192.0.2.7 --port 443", /^Cannot read path "curl": expected an absolute path/m],
    ["explain --app /bin/curl --to 192.0.2.7 --port 70000", /^Cannot read port "70000": the highest port is 65535$/m],
    ["rules import /nonexistent/x.rules", /^Cannot read "\/nonexistent\/x.rules": there is no such file/m],
    ["restore /dev/null", /it is no JSON/],
    ["up --scope /nonexistent", /^Cannot use folder "\/nonexistent"/m],
    ["up --state /proc/nope", /^Cannot use state folder "\/proc\/nope"/m],
    ["up --scope /tmp", /^Cannot use scope "\/tmp": it is no cgroup v2 folder/m],
    ["up --mode maybe", /^Cannot read mode "maybe"/m],
    ["lists add https://example.org/x --every 5s", /^Cannot download a list every 5s: expected 1m or more$/m],
    ["lists add /etc/hosts --every 1d", /^Cannot download "\/etc\/hosts" now and then: it is a file/m],
    ["lists add /nonexistent/ads.txt", /^Cannot read "\/nonexistent\/ads.txt": there is no such file/m],
    ["capture --anything", /^Cannot run "holdfast capture": it comes in a later version$/m],
  ];
  for (const [command, sentence] of cases) {
    await t.test(command, async () => {
      const text = await holdfast(withSocket(command));
      assert.match(text.err, sentence);
      assert.equal(text.out, "");
      assert.equal(text.exit, 2);
      const json = await holdfast([...withSocket(command), "--json"]);
      assert.equal(ErrorReply.parse(JSON.parse(json.out)).error.code, "bad-input");
      assert.equal(json.exit, 2);
    });
  }
});

test("holdfast says where a rule is wrong", async () => {
  const { out } = await holdfast(withSocket("rules add alow --json"));
  const message = `"alow" is not an action; expected allow, deny or ask`;
  assert.deepEqual(JSON.parse(out).error.problems, [{ file: null, line: 1, column: 1, message }]);
});

test("holdfast exits 1 when it fails", async () => {
  const rule = await holdfast(withSocket("rules rm 99"));
  assert.deepEqual(rule, { exit: 1, out: "", err: "There is no rule 99\n" });
  const app = await holdfast(withSocket("apps show nothing --json"));
  assert.equal(app.exit, 1);
  assert.equal(JSON.parse(app.out).error.code, "not-found");
});

test("holdfast exits 3 with no daemon", async () => {
  const gone = join(folder, "gone.sock");
  const { exit, err } = await holdfast(["rules", "ls", "--socket", gone]);
  assert.equal(exit, 3);
  assert.equal(err, `No daemon answers on "${gone}": start one with "holdfast up"\n`);
});

test("holdfast exits 4 for another user: the socket is closed to him", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  chmodSync(folder, 0o755);
  const { exit, err } = await holdfast(withSocket("rules ls"), { uid: NOBODY });
  assert.equal(exit, 4);
  assert.match(err, /^Not permitted to use /);
});

test("holdfast exits 4 for another user who can connect: his connection has no rights", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  chmodSync(folder, 0o755);
  const mode = statSync(socket).mode;
  chmodSync(socket, 0o666);
  backend.calls.length = 0;
  try {
    for (const command of ["rules ls", "flows --follow", "status"]) {
      const { exit, err, out } = await holdfast(withSocket(command), { uid: NOBODY });
      assert.equal(err, `Not permitted: only root and members of the group "holdfast" may talk to the daemon\n`);
      assert.equal(out, "");
      assert.equal(exit, 4);
    }
    assert.deepEqual(backend.calls, []);
  } finally {
    chmodSync(socket, mode);
  }
});

test("holdfast rules check needs no daemon", async () => {
  const good = join(folder, "good.rules");
  const bad = join(folder, "bad.rules");
  writeFileSync(good, "# group: Work\nallow /usr/bin/curl -> 192.0.2.7 tcp/443\n");
  writeFileSync(bad, "allow any -> any\nalow any -> any\nallow any -> api.example.org\n");
  const fine = await holdfast(["rules", "check", good, "--json"]);
  assert.deepEqual(Checked.parse(JSON.parse(fine.out)), { schema: 1, ok: true, rules: 1, problems: [] });
  assert.equal(fine.exit, 0);
  const wrong = await holdfast(["rules", "check", bad, "--json"]);
  const { ok, problems } = Checked.parse(JSON.parse(wrong.out));
  assert.equal(ok, false);
  assert.equal(problems[0]?.file, bad);
  assert.equal(problems[0]?.line, 2);
  assert.equal(wrong.exit, 2);
});

test("holdfast rules import, rules export, backup and restore use files as the caller", async () => {
  const rules = join(folder, "mine.rules");
  const file = join(folder, "backup.json");
  assert.equal((await holdfast(withSocket(`rules export ${rules}`))).exit, 0);
  assert.equal(readFileSync(rules, "utf8"), "allow any -> any\ndeny any <- any\n");
  assert.equal((await holdfast(withSocket("rules export"))).out, "allow any -> any\ndeny any <- any\n");
  assert.equal(JSON.parse((await holdfast(withSocket("rules export --json"))).out).text, "allow any -> any\ndeny any <- any\n");
  backend.calls.length = 0;
  assert.equal((await holdfast(withSocket("rules import mine.rules"))).exit, 0);
  assert.deepEqual(backend.calls[0]?.request, { file: "mine.rules", text: "allow any -> any\ndeny any <- any\n" });
  const little = await holdfast(withSocket("rules export --format lsrules"));
  assert.deepEqual(JSON.parse(little.out).rules[1], { action: "deny", process: "any", direction: "incoming", remote: "any" });
  writeFileSync(join(folder, "mine.lsrules"), little.out);
  backend.calls.length = 0;
  assert.equal((await holdfast(withSocket("rules import mine.lsrules"))).exit, 0);
  assert.deepEqual(backend.calls[0]?.request, { file: "mine.lsrules", text: "allow any -> any\ndeny any <- any\n" });
  assert.equal((await holdfast(withSocket(`backup ${file}`))).exit, 0);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  backend.calls.length = 0;
  const restored = await holdfast(withSocket(`restore ${file} --json`));
  const { rules: restoredRules, lists } = RestoredAll.parse(JSON.parse(restored.out));
  assert.equal(restoredRules, 1);
  assert.deepEqual(lists, [
    { name: "ads", outcome: "there", problem: null },
    { name: "far", outcome: "added", problem: null },
    { name: "gone", outcome: "missing", problem: 'Cannot read "/nonexistent/l": there is no such file or folder' },
  ]);
  assert.equal(restored.exit, 1);
  assert.equal(restored.err, 'List gone is not there: Cannot read "/nonexistent/l": there is no such file or folder\n');
  const far = { source: "https://example.org/l", format: "domains", rule: false, every: 60, allowHttp: false, allowLocal: true };
  assert.deepEqual(
    backend.calls.filter(({ name }) => name === "addList" || name === "exceptList"),
    [
      { name: "exceptList", request: { name: "ads", entry: "ok.example" } },
      { name: "addList", request: { name: "far", content: null, ...far } },
    ],
  );
});

/** Lines of a child's standard output, one at a time. */
async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of child.stdout ?? []) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

async function nextEvent(lines: AsyncGenerator<string>): Promise<ApiEvent> {
  const { value, done } = await lines.next();
  assert.ok(!done, "the stream has ended");
  return ApiEvent.parse(JSON.parse(value));
}

test("holdfast ask watch --json prints the open questions, then each change", async () => {
  const child = start([...withSocket("ask watch"), "--json"]);
  try {
    const lines = linesOf(child);
    assert.equal((await nextEvent(lines)).kind, "question");
    backend.emit({ kind: "question", question: { ...QUESTION, id: 8 } });
    const second = await nextEvent(lines);
    assert.ok(second.kind === "question" && second.question.id === 8);
    backend.emit({ kind: "question-closed", id: 8, answer: "deny", rule: 4 });
    assert.deepEqual(await nextEvent(lines), { schema: 1, kind: "question-closed", id: 8, answer: "deny", rule: 4 });
    assert.equal(server.clients(), 1);
  } finally {
    child.kill();
    await once(child, "close");
  }
});

test("holdfast ask watch in a terminal takes keys that come at once, and none for a question that has just come up", async () => {
  const line = [process.execPath, START, "ask", "watch", "--socket", socket].join(" ");
  const child = spawn("script", ["-qec", line, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    shown += text;
  });
  const showing = async (text: string): Promise<void> => {
    while (!shown.includes(text)) await once(child.stdout, "data");
  };
  backend.calls.length = 0;
  try {
    await showing("[a]llow");
    child.stdin.write("spta");
    await showing("press the key again");
    assert.deepEqual(
      backend.calls.filter(({ name }) => name === "answer"),
      [],
    );
    await sleep(800);
    child.stdin.write("a");
    await showing("held packet");
    child.stdin.write("q");
    await once(child, "close");
    const lifetime = { kind: "quit" };
    assert.deepEqual(backend.calls.at(-1), { name: "answer", request: { id: 7, action: "allow", scope: "any", anyPort: true, lifetime } });
  } finally {
    child.kill();
  }
});

test("holdfast flows --follow prints what there is, then what comes and passes the filter", async () => {
  const child = start([...withSocket("flows --follow --verdict deny"), "--json"]);
  try {
    const lines = linesOf(child);
    await nextEvent(lines);
    backend.emit({ kind: "flow", undecided: false, flow: { ...FLOW, id: 4 } });
    backend.emit({ kind: "flow", undecided: false, flow: { ...FLOW, id: 5, verdict: "deny" } });
    const event = await nextEvent(lines);
    assert.ok(event.kind === "flow" && event.flow.id === 5);
  } finally {
    child.kill();
    await once(child, "close");
  }
});

test("holdfast flows --follow exits 3 when the daemon ends", async () => {
  const other = join(folder, "other.sock");
  const short = await startApi(fakeBackend(), { socket: other, log: () => {} });
  const child = start(["flows", "--follow", "--socket", other]);
  const closed = once(child, "close");
  await linesOf(child).next();
  await short.close();
  assert.equal((await closed)[0], 3);
});

test("the daemon has logged nothing about replies that do not fit", () => {
  assert.deepEqual(logged, []);
});

test("holdfast rules add says on standard error what a rule names and is not here; its JSON stays what it is", async () => {
  const add = (rule: string) => holdfast(["rules", "add", rule, "--json", "--socket", socket]);
  const absent = await add("deny /nonexistent/x -> any");
  assert.deepEqual([absent.exit, absent.err], [0, 'There is no file "/nonexistent/x" here: until there is, the rule matches no program\n']);
  assert.equal(ROUTES.addRule.reply.safeParse(JSON.parse(absent.out)).success, true);
  assert.equal((await add("deny /bin/sh -> any")).err, "");
});
