// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { interpret, scriptPath } from "./interpreter.ts";
import { syntaxOf } from "./interpreters.ts";

/** Executable, arguments after the program's name, expected: a script's claim, "-m NAME", "inline", "none". */
const CASES: readonly (readonly [string, string, string])[] = [
  ["python3.11", "/home/ann/sync.py --fast", "/home/ann/sync.py"],
  ["python3.11", "-u -W ignore -Xdev sync.py -m x", "sync.py"],
  ["python3.11", "-IWignore sync.py", "sync.py"],
  ["python3.11", "-m pip install x", "-m pip"],
  ["python3.11", "-Im http.server", "-m http.server"],
  ["python3.11", "-mvenv x", "-m venv"],
  ["python3.11", "-c pass /home/ann/sync.py", "inline"],
  ["python3.11", "-Ic pass", "inline"],
  ["python3.11", "--check-hash-based-pycs always sync.py", "sync.py"],
  ["python3.11", "-- -odd.py", "-odd.py"],
  ["python3.11", "- a", "none"],
  ["python3.11", "", "none"],
  ["pypy3", "x.py", "x.py"],
  ["python2.7", "x.py", "x.py"],
  ["node", "server.js", "server.js"],
  ["node", "--require ./hook.js --max-old-space-size=4096 server.js", "server.js"],
  ["node", "-r hook server.js", "server.js"],
  ["node", "--import=x server.js", "server.js"],
  ["node", "-e fetch(1) server.js", "inline"],
  ["node", "--eval fetch(1)", "inline"],
  ["node", "-pe 1", "inline"],
  ["node", "inspect server.js", "server.js"],
  ["node", "--run build", "-m build"],
  ["nodejs", "/usr/bin/npm install", "/usr/bin/npm"],
  ["bun", "run server.ts", "server.ts"],
  ["bun", "server.ts", "server.ts"],
  ["bun", "install", "-m install"],
  ["bun", "-e 1", "inline"],
  ["deno", "run --allow-net --config d.json main.ts", "main.ts"],
  ["deno", "run -A https://example.org/main.ts", "-m https://example.org/main.ts"],
  ["deno", "eval 1", "inline"],
  ["ruby3.1", "-w -I lib -rjson app.rb", "app.rb"],
  ["ruby", "-ne puts app.rb", "inline"],
  ["ruby", "-S rake", "-m rake"],
  ["perl", "-w -Mstrict -I lib fetch.pl", "fetch.pl"],
  ["perl", "-lane print x", "inline"],
  ["perl", "-0777ne print", "inline"],
  ["perl", "-i.orig fix.pl", "fix.pl"],
  ["perl5.36.0", "fetch.pl", "fetch.pl"],
  ["php8.2", "-d memory_limit=1G -f job.php", "job.php"],
  ["php8.2", "artisan serve", "artisan"],
  ["php", "-r echo(1);", "inline"],
  ["lua5.4", "-e x=1 job.lua", "job.lua"],
  ["lua5.4", "-e x=1", "none"],
  ["lua5.4", "-lsocket job.lua", "job.lua"],
  ["bash", "/usr/local/bin/backup.sh x", "/usr/local/bin/backup.sh"],
  ["bash", "-euo pipefail backup.sh", "backup.sh"],
  ["bash", "--rcfile x +o posix backup.sh", "backup.sh"],
  ["bash", "-lc curl backup.sh", "inline"],
  ["bash", "-s x", "none"],
  ["bash", "-i", "none"],
  ["dash", "-e backup.sh", "backup.sh"],
  ["sh", "-c curl", "inline"],
  ["sh", "- backup.sh", "backup.sh"],
  ["zsh", "-f -o errexit backup.zsh", "backup.zsh"],
  ["ksh93", "x.ksh", "x.ksh"],
  ["fish", "--command ls", "inline"],
  ["fish", "-C setup x.fish", "x.fish"],
  ["java", "-Xmx1g -jar app.jar -x", "app.jar"],
  ["java", "-jar -Dx=y app.jar", "app.jar"],
  ["java", "-cp a:b org.example.Main", "-m org.example.Main"],
  ["java", "-p mods -m org.x/org.x.Main", "-m org.x/org.x.Main"],
  ["java", "@options Hello.java", "Hello.java"],
  ["tclsh8.6", "-encoding utf-8 x.tcl", "x.tcl"],
  ["Rscript", "--vanilla x.R", "x.R"],
  ["R", "--no-echo --no-restore --file=x.R --args 1", "x.R"],
  ["gawk", "-F : -f x.awk data", "x.awk"],
  ["gawk", "{print} data", "inline"],
];

function outcome(executable: string, line: string): string {
  const program = interpret(executable, [executable, ...line.split(" ").filter((each) => each !== "")]);
  assert.ok(program, `"${executable}" is an interpreter`);
  return program.kind === "script" ? program.claim : program.kind === "module" ? `-m ${program.name}` : program.kind;
}

test("interpret() finds the script in the arguments", () => {
  for (const [executable, line, expected] of CASES) assert.equal(outcome(executable, line), expected, `${executable} ${line}`);
});

test("interpret() takes busybox for a shell only when it is called as one", () => {
  assert.deepEqual(interpret("busybox", ["/bin/sh", "x.sh"]), { kind: "script", claim: "x.sh", suffixes: [] });
  assert.deepEqual(interpret("busybox", ["busybox", "ash", "-c", "x"]), { kind: "inline" });
  assert.deepEqual(interpret("busybox", ["wget", "x.sh"]), { kind: "none" });
});

test("syntaxOf() knows what is no interpreter", () => {
  for (const name of ["curl", "python3-config", "bashful", "nodemon", "javac", "perldoc", "mawk", "shfmt"])
    assert.equal(syntaxOf(name), null, name);
});

const TREE: Readonly<Record<string, string>> = {
  "/home": "",
  "/home/ann": "",
  "/home/ann/sync.py": "",
  "/home/ann/link.py": "../ann/sync.py",
  "/home/ann/round": "round",
  "/home/ann/server.js": "",
  "/usr": "",
  "/usr/bin": "",
  "/usr/bin/tool": "",
  "/bin": "usr/bin",
  "/dev": "",
  "/dev/fd": "/proc/self/fd",
  "/proc": "",
  "/proc/self": "77",
};
const link = (path: string): string | null => TREE[path] ?? null;
const script = (claim: string, suffixes: readonly string[] = []) => ({ kind: "script", claim, suffixes }) as const;

test("scriptPath() resolves relative paths, links and what may be left off", () => {
  assert.equal(scriptPath(script("sync.py"), "/home/ann", link), "/home/ann/sync.py");
  assert.equal(scriptPath(script("../ann/./link.py"), "/home/ann", link), "/home/ann/sync.py");
  assert.equal(scriptPath(script("/bin/tool"), null, link), "/usr/bin/tool");
  assert.equal(scriptPath(script("server", [".js"]), "/home/ann", link), "/home/ann/server.js");
});

test("scriptPath() answers null for what is not there and for what only the process itself can open", () => {
  assert.equal(scriptPath(script("none.py"), "/home/ann", link), null);
  assert.equal(scriptPath(script("sync.py"), null, link), null);
  assert.equal(scriptPath(script("round"), "/home/ann", link), null);
  assert.equal(scriptPath(script("/dev/fd/63"), "/", link), null);
  assert.equal(scriptPath(script("/proc/self/cwd/home/ann/sync.py"), "/", link), null);
});
