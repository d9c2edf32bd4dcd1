// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { keyedArgsHash } from "./args-hash.ts";
import { FakeSystem } from "./fake-system.ts";
import { identify } from "./identify.ts";

function system(t: TestContext): FakeSystem {
  const made = new FakeSystem();
  t.after(() => made.remove());
  return made;
}

test("identify() names a plain program by its verified path", async (t) => {
  const s = system(t);
  s.file("/usr/bin/curl");
  s.owners.set("/usr/bin/curl", { package: "curl", md5: "aa" });
  s.md5.set("/usr/bin/curl", "aa");
  const image = s.run({ pid: 10, exe: "/usr/bin/curl", args: ["curl", "-s"], cgroup: "/system.slice/fetch.service" });
  const found = await identify(image, s.deps);
  assert.deepEqual(found, {
    identity: {
      path: "/usr/bin/curl",
      claimedPath: "/usr/bin/curl",
      name: "curl",
      script: null,
      args: ["curl", "-s"],
      package: "curl",
      packageIntact: true,
      unit: "fetch.service",
      container: null,
      flatpak: null,
      snap: null,
      appimage: null,
      kernel: false,
      changedSince: null,
    },
    role: "application",
    interpreter: false,
    byArgs: false,
    certain: true,
  });
});

test("identify() keeps paths that are not UTF-8 byte for byte", async (t) => {
  const s = system(t);
  s.file("/opt/caf\udce9");
  const { identity } = await identify(s.run({ pid: 10, exe: "/opt/caf\udce9" }), s.deps);
  assert.equal(identity.path, "/opt/caf\udce9");
});

test("identify() tells two scripts under one python apart", async (t) => {
  const s = system(t);
  s.file("/usr/bin/python3.11");
  s.file("/home/ann/a.py");
  s.file("/home/ann/b.py");
  const a = await identify(
    s.run({ pid: 10, exe: "/usr/bin/python3.11", args: ["python3", "a.py"], cwd: "/home/ann", argsHash: 1n }),
    s.deps,
  );
  const b = await identify(s.run({ pid: 11, exe: "/usr/bin/python3.11", args: ["python3", "/home/ann/b.py"], argsHash: 2n }), s.deps);
  assert.deepEqual([a.identity.script, a.identity.name, a.interpreter, a.byArgs], ["/home/ann/a.py", "a.py", true, false]);
  assert.deepEqual([b.identity.script, b.identity.name], ["/home/ann/b.py", "b.py"]);
  const module = await identify(s.run({ pid: 12, exe: "/usr/bin/python3.11", args: ["python3", "-m", "pip"], argsHash: 3n }), s.deps);
  assert.deepEqual([module.identity.script, module.identity.name], [null, "python3.11 pip"]);
});

test("identify() takes the package of the script, and only as intact as what runs it", async (t) => {
  const s = system(t);
  s.file("/usr/bin/python3.11");
  s.file("/tmp/python3");
  s.file("/usr/bin/apt-listchanges");
  s.owners.set("/usr/bin/python3.11", { package: "python3.11-minimal", md5: "pp" });
  s.owners.set("/usr/bin/apt-listchanges", { package: "apt-listchanges", md5: "ss" });
  s.md5.set("/usr/bin/python3.11", "pp").set("/usr/bin/apt-listchanges", "ss");
  const args = ["python3", "/usr/bin/apt-listchanges"];
  const genuine = await identify(s.run({ pid: 10, exe: "/usr/bin/python3.11", args }), s.deps);
  assert.deepEqual([genuine.identity.package, genuine.identity.packageIntact], ["apt-listchanges", true]);
  const fake = await identify(s.run({ pid: 11, exe: "/tmp/python3", args }), s.deps);
  assert.deepEqual([fake.identity.package, fake.identity.packageIntact], ["apt-listchanges", false]);
  s.md5.set("/usr/bin/apt-listchanges", "other");
  const edited = await identify(s.run({ pid: 12, exe: "/usr/bin/python3.11", args }), s.deps);
  assert.equal(edited.identity.packageIntact, false);
});

test("identify() gives no path to a binary bind-mounted over an allowed one", async (t) => {
  const s = system(t);
  s.file("/usr/bin/curl");
  const evil = s.file("/home/mallory/evil");
  const elsewhere = await identify(s.run({ pid: 10, exe: "/usr/bin/curl", key: evil, otherMounts: true }), s.deps);
  assert.deepEqual([elsewhere.identity.path, elsewhere.identity.claimedPath], [null, "/usr/bin/curl"]);
  assert.equal(elsewhere.identity.name, "curl in a namespace of PID 10");
  const here = await identify(s.run({ pid: 11, exe: "/usr/bin/curl", key: evil }), s.deps);
  assert.deepEqual([here.identity.path, here.identity.name], [null, "curl (not the file at /usr/bin/curl)"]);
  assert.equal(here.role, "application");
});

test("identify() gives a path to the host's own file seen from another mount namespace, but believes no script there", async (t) => {
  const s = system(t);
  s.file("/usr/sbin/nginx");
  const nginx = await identify(s.run({ pid: 10, exe: "/usr/sbin/nginx", otherMounts: true }), s.deps);
  assert.deepEqual([nginx.identity.path, nginx.identity.name], ["/usr/sbin/nginx", "nginx"]);
  s.file("/usr/bin/python3.11");
  s.file("/usr/bin/good.py");
  const args = ["python3", "/usr/bin/good.py"];
  const python = await identify(s.run({ pid: 11, exe: "/usr/bin/python3.11", args, otherMounts: true }), s.deps);
  assert.deepEqual([python.identity.path, python.identity.script, python.byArgs], ["/usr/bin/python3.11", null, true]);
  const jailed = await identify(s.run({ pid: 12, exe: "/usr/bin/python3.11", args, root: "/srv/jail" }), s.deps);
  assert.equal(jailed.identity.script, null);
});

test("identify() never takes a path below /proc: there it would find itself", async (t) => {
  const s = system(t);
  const node = s.file("/proc/self/exe");
  s.links.set("/proc/self", "77");
  const found = await identify(s.run({ pid: 10, exe: "/proc/self/exe", key: node, otherMounts: true }), s.deps);
  assert.equal(found.identity.path, null);
});

test("identify() calls memfd and deleted executables what they are", async (t) => {
  const s = system(t);
  const memory = await identify(s.run({ pid: 10, exe: "/memfd:x (deleted)", unlinked: true, kernelPath: null }), s.deps);
  assert.deepEqual([memory.identity.path, memory.identity.name, memory.certain], [null, "memfd:x (not a file)", true]);
  const gone = await identify(s.report({ pid: 11, exe: "memfd", unlinked: true, kernelPath: null, comm: "3" }), s.deps);
  assert.deepEqual([gone.identity.name, gone.certain], ["3 (not a file)", false]);
  const old = s.file("/usr/bin/curl");
  s.file("/usr/bin/curl");
  const replaced = await identify(s.run({ pid: 12, exe: "/usr/bin/curl (deleted)", key: old, unlinked: true }), s.deps);
  assert.deepEqual([replaced.identity.path, replaced.identity.name], [null, "curl (deleted)"]);
  s.file("/tmp/odd (deleted)");
  const odd = await identify(s.run({ pid: 13, exe: "/tmp/odd (deleted)" }), s.deps);
  assert.deepEqual([odd.identity.path, odd.identity.name], ["/tmp/odd (deleted)", "odd (deleted)"]);
});

test("identify() names a process that is gone from the kernel's path, checked", async (t) => {
  const s = system(t);
  s.file("/usr/bin/curl");
  const found = await identify(s.report({ pid: 10, exe: "/usr/bin/curl", cgroup: "/system.slice/a.service" }), s.deps);
  assert.deepEqual(
    [found.identity.path, found.identity.unit, found.identity.claimedPath, found.certain],
    ["/usr/bin/curl", "a.service", null, true],
  );
  s.links.set("/bin", "usr/bin");
  const linked = await identify(s.report({ pid: 10, exe: "/usr/bin/curl", kernelPath: "/bin/curl" }), s.deps);
  assert.equal(linked.identity.path, "/usr/bin/curl");
  const cut = await identify(s.report({ pid: 10, exe: "/usr/bin/curl", kernelPath: "/cut/curl" }), s.deps);
  assert.equal(cut.identity.path, "/usr/bin/curl", "found again where this very file was seen before");
  const lost = await identify(s.report({ pid: 10, exe: "/nowhere/tool", comm: "tool" }), s.deps);
  assert.deepEqual([lost.identity.path, lost.identity.name, lost.certain], [null, "tool (file out of reach)", false]);
});

test("identify() believes nothing of a process that took over the pid, or became another program", async (t) => {
  const s = system(t);
  s.file("/usr/bin/python3.11");
  s.file("/home/ann/a.py");
  const args = ["python3", "/home/ann/a.py"];
  const image = s.run({ pid: 10, exe: "/usr/bin/python3.11", args });
  const later = await identify({ ...image, startNs: (image.startNs + 50_000_000n) as typeof image.startNs }, s.deps);
  assert.deepEqual([later.identity.claimedPath, later.identity.script, later.certain], [null, null, false]);
  const other = s.file("/usr/bin/other");
  const became = await identify({ ...image, path: "/usr/bin/other", key: { ...image.key, ...other } }, s.deps);
  assert.deepEqual([became.identity.path, became.identity.args], ["/usr/bin/other", []]);
});

test("identify() believes only the arguments that the kernel saw at exec", async (t) => {
  const s = system(t);
  s.file("/usr/bin/python3.11");
  s.file("/home/ann/a.py");
  const directory = { device: 1, inode: 2n, ctimeNs: 3n };
  const argsHash = keyedArgsHash([0x1234_5678_9abc_def1n, 77n]);
  const fileKeyOf = (path: string) => (path.endsWith("/cwd") ? directory : s.fileKeyOf(path));
  const deps = { ...s.deps, argsHash, fileKeyOf };
  const args = ["python3", "/home/ann/a.py"];
  const hash = argsHash(Buffer.from(args.map((each) => `${each}\0`).join("")), directory);
  const honest = await identify(s.run({ pid: 10, exe: "/usr/bin/python3.11", args, argsHash: hash }), deps);
  assert.deepEqual([honest.identity.script, honest.certain], ["/home/ann/a.py", true]);
  const rewritten = await identify(s.run({ pid: 11, exe: "/usr/bin/python3.11", args, argsHash: hash ^ 1n }), deps);
  assert.deepEqual([rewritten.identity.script, rewritten.certain], [null, false]);
});

test("identify() says since when a program or script is another", async (t) => {
  const s = system(t);
  s.file("/usr/bin/curl");
  assert.equal((await identify(s.run({ pid: 10, exe: "/usr/bin/curl" }), s.deps)).identity.changedSince, null);
  const before = new Date(s.nowMs).toISOString();
  s.nowMs += 3_600_000;
  s.file("/usr/bin/curl");
  assert.equal((await identify(s.run({ pid: 11, exe: "/usr/bin/curl" }), s.deps)).identity.changedSince, before);
  s.nowMs += 3_600_000;
  assert.equal((await identify(s.run({ pid: 12, exe: "/usr/bin/curl" }), s.deps)).identity.changedSince, before);
});

test("identify() takes a shell for a launcher unless it runs a script", async (t) => {
  const s = system(t);
  s.file("/usr/bin/bash");
  s.file("/home/ann/sync.sh");
  const interactive = await identify(s.run({ pid: 10, exe: "/usr/bin/bash", args: ["-bash"] }), s.deps);
  assert.deepEqual([interactive.role, interactive.byArgs], ["launcher", false]);
  const script = await identify(s.run({ pid: 11, exe: "/usr/bin/bash", args: ["bash", "sync.sh"], cwd: "/home/ann" }), s.deps);
  assert.deepEqual([script.role, script.identity.script], ["application", "/home/ann/sync.sh"]);
});

test("identify() reads the markers of containers, Flatpak, Snap and AppImage", async (t) => {
  const s = system(t);
  const id = "0123456789ab".padEnd(64, "c");
  mkdirSync(`${s.folder}/var/lib/docker/containers/${id}`, { recursive: true });
  writeFileSync(`${s.folder}/var/lib/docker/containers/${id}/config.v2.json`, JSON.stringify({ Name: "/web" }));
  const docker = await identify(
    s.run({ pid: 10, exe: "/usr/bin/curl", otherMounts: true, cgroup: `/system.slice/docker-${id}.scope` }),
    s.deps,
  );
  assert.deepEqual([docker.identity.container, docker.identity.name], ["web", "curl in container web"]);

  const root = `${s.folder}/sandbox`;
  mkdirSync(root);
  writeFileSync(`${root}/.flatpak-info`, "[Application]\nname=org.example.App\nruntime=runtime/x\n[Instance]\nname=wrong\n");
  const flatpak = await identify(s.run({ pid: 11, exe: "/app/bin/app", otherMounts: true, root }), s.deps);
  assert.deepEqual([flatpak.identity.flatpak, flatpak.identity.name], ["org.example.App", "app in Flatpak org.example.App"]);
  const cgroup = "/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.example.App-12.scope";
  const outside = await identify(s.run({ pid: 12, exe: "/app/bin/app", cgroup }), s.deps);
  assert.equal(outside.identity.flatpak, null);
  const gone = await identify(s.report({ pid: 13, exe: "/app/bin/app", otherMounts: true, cgroup }), s.deps);
  assert.equal(gone.identity.flatpak, "org.example.App");

  s.file("/snap/firefox/42/usr/lib/firefox/firefox");
  const snap = await identify(s.run({ pid: 14, exe: "/snap/firefox/42/usr/lib/firefox/firefox", otherMounts: true }), s.deps);
  assert.equal(snap.identity.snap, "firefox");

  const exe = "/tmp/.mount_FooAbCdEf/usr/bin/foo";
  const appimage = await identify(s.run({ pid: 15, exe, environment: ["A=b", "APPIMAGE=/home/ann/Foo-1.2.AppImage"] }), s.deps);
  assert.deepEqual([appimage.identity.appimage, appimage.identity.name], ["Foo-1.2.AppImage", "foo in AppImage Foo-1.2.AppImage"]);
});
