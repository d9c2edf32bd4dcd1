// SPDX-License-Identifier: Apache-2.0
/** What cgroup paths and paths say: unit, container, Flatpak, Snap, AppImage, and the role of an executable. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { appImageOf, insideAppImage } from "./appimage.ts";
import { containerName, containerOf } from "./container.ts";
import { flatpakOfCgroup, flatpakOfInfo } from "./flatpak.ts";
import { ancestorRole } from "./role.ts";
import { snapOf } from "./snap.ts";
import { unitOf } from "./unit.ts";

const ID = "0123456789abcdef".repeat(4);
const USER = "/user.slice/user-1000.slice/user@1000.service";

test("unitOf() names the system's unit, and what a user's manager calls a unit only below it", () => {
  const cases: readonly (readonly [string | null, string | null])[] = [
    ["/system.slice/nginx.service", "nginx.service"],
    ["/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"],
    ["/init.scope", "init.scope"],
    ["/user.slice/user-1000.slice/session-2.scope", "session-2.scope"],
    [`${USER}/app.slice/app-foo.scope`, "user@1000.service/app-foo.scope"],
    [`${USER}/init.scope`, "user@1000.service/init.scope"],
    [USER, "user@1000.service"],
    /* Folders a user or a delegate may name as he likes. */
    [`${USER}/nginx.service`, "user@1000.service/nginx.service"],
    ["/system.slice/ci.service/nginx.service", "ci.service"],
    [`/system.slice/docker-${ID}.scope/user.slice/user@0.service/ssh.service`, `docker-${ID}.scope`],
    ["/", null],
    ["/user.slice", null],
    [null, null],
  ];
  for (const [cgroup, expected] of cases) assert.equal(unitOf(cgroup), expected, cgroup ?? "null");
});

test("containerOf() knows the engines' cgroups, and the outermost counts", () => {
  const cases: readonly (readonly [string, string | null])[] = [
    [`/system.slice/docker-${ID}.scope`, `docker ${ID}`],
    [`/docker/${ID}/init`, `docker ${ID}`],
    [`/machine.slice/libpod-${ID}.scope/container`, `podman ${ID}`],
    [`/libpod_parent/libpod-${ID}`, `podman ${ID}`],
    [`/machine.slice/libpod-conmon-${ID}.scope`, null],
    [`/kubepods.slice/kubepods-pod1.slice/cri-containerd-${ID}.scope`, `kubernetes ${ID}`],
    [`/kubepods/besteffort/pod12/${ID}`, `kubernetes ${ID}`],
    [`/kubepods.slice/kubepods-pod1.slice/crio-${ID}.scope/x`, `kubernetes ${ID}`],
    ["/lxc.payload.web/system.slice/ssh.service", "lxc web"],
    ["/lxc/web", "lxc web"],
    ["/machine.slice/systemd-nspawn@my\\x2dbox.service/payload", "nspawn my-box"],
    ["/machine.slice/machine-web.scope", "nspawn web"],
    ["/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", null],
    ["/system.slice/docker.service", null],
    [`/lxc.payload.web/system.slice/docker-${ID}.scope`, "lxc web"],
  ];
  for (const [cgroup, expected] of cases) {
    const ref = containerOf(cgroup);
    assert.equal(ref && `${ref.engine} ${ref.id}`, expected, cgroup);
  }
});

test("containerName() reads root's engine files, and never lets a user's manager borrow such a name", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "holdfast-containers-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const put = (folder: string, file: string, value: unknown): void => {
    mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, folder, file), JSON.stringify(value));
  };
  put(`var/lib/docker/containers/${ID}`, "config.v2.json", { Name: "/web" });
  put("var/lib/containers/storage/overlay-containers", "containers.json", [{ id: "x" }, { id: ID, names: ["pod"] }]);
  put(`run/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}`, "config.json", {
    annotations: { "io.kubernetes.cri.container-name": "app", "io.kubernetes.cri.sandbox-name": "shop-1" },
  });
  const name = async (cgroup: string, at = root): Promise<string> => {
    const ref = containerOf(cgroup);
    assert.ok(ref);
    return containerName(ref, at);
  };
  assert.equal(await name(`/docker/${ID}`), "web");
  assert.equal(await name(`/machine.slice/libpod-${ID}.scope`), "pod");
  assert.equal(await name(`/kubepods/pod1/${ID}`), "shop-1/app");
  assert.equal(await name("/lxc/web"), "web");
  assert.equal(await name(`/docker/${ID}`, join(root, "nothing")), "0123456789ab");
  assert.equal(await name(`${USER}/docker-${ID}.scope`), "user@1000.service/0123456789ab");
});

test("flatpakOfCgroup() and flatpakOfInfo() read the id", () => {
  assert.equal(flatpakOfCgroup(`${USER}/app.slice/app-flatpak-org.mozilla.firefox-2411.scope`), "org.mozilla.firefox");
  assert.equal(flatpakOfCgroup(`${USER}/app.slice/app-flatpak-org.a\\x2db.App-2411.scope`), "org.a-b.App");
  assert.equal(flatpakOfCgroup(`${USER}/app.slice/app-gnome-firefox-2411.scope`), null);
  assert.equal(flatpakOfCgroup(null), null);
  assert.equal(flatpakOfInfo("[Application]\nname=org.a.App\n"), "org.a.App");
  assert.equal(flatpakOfInfo("[Runtime]\nname=org.a.Runtime\n"), null);
});

test("snapOf() trusts the mounted path first, and a cgroup only for a process in a namespace of its own", () => {
  const cgroup = `${USER}/app.slice/snap.firefox.firefox-0a1b.scope`;
  assert.equal(snapOf("/snap/firefox/42/usr/bin/firefox", null, false), "firefox");
  assert.equal(snapOf("/var/lib/snapd/snap/code/1/code", null, false), "code");
  assert.equal(snapOf("/snap/core22/1/usr/bin/python3", cgroup, true), "firefox");
  assert.equal(snapOf(null, cgroup, true), "firefox");
  assert.equal(snapOf("/usr/bin/curl", cgroup, false), null);
  assert.equal(snapOf(null, "/system.slice/snap.lxd.daemon.service", true), "lxd");
  assert.equal(snapOf("/snap/firefox", null, false), null);
});

test("appImageOf() takes the file itself, or what the process says from inside", () => {
  assert.equal(insideAppImage("/tmp/.mount_FooAbCdEf/AppRun"), true);
  assert.equal(insideAppImage("/usr/bin/foo"), false);
  assert.equal(insideAppImage(null), false);
  assert.equal(appImageOf("/home/ann/Foo.AppImage", null), "Foo.AppImage");
  assert.equal(appImageOf(null, "/home/ann/Foo.AppImage"), "Foo.AppImage");
  assert.equal(appImageOf("/usr/bin/foo", null), null);
});

test("ancestorRole() goes by the name of a verified path only", () => {
  const role = (path: string | null, runsScript = false) => ancestorRole({ path, runsScript });
  for (const name of ["bash", "sudo", "env", "xargs", "strace", "bwrap", "snap-confine", "runc"])
    assert.equal(role(`/usr/bin/${name}`), "launcher");
  for (const name of ["systemd", "cron", "sshd", "gnome-shell", "konsole", "tmux", "dockerd", "Xorg"])
    assert.equal(role(`/usr/bin/${name}`), "session");
  for (const name of ["curl", "git", "make", "npm", "firefox", "bashful"]) assert.equal(role(`/usr/bin/${name}`), "application");
  assert.equal(role(null), "application");
  assert.equal(role("/usr/bin/bash", true), "application");
});
