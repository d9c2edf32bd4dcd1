// SPDX-License-Identifier: Apache-2.0
/** `doctor`: whether this machine can run Holdfast, and what stands in the way. Looks only: mounts nothing, attaches nothing. */
import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { basename, join } from "node:path";
import { DEFAULT_RULES, DEFAULT_STATE, type DoctorReport, type ScopeOptions } from "../contract/local.ts";
import { Destroyer } from "../kernel/destroy.ts";
import { BpfObject, libbpfVersion } from "../kernel/libbpf.ts";
import { mountPoints, type Scope, scopeOf } from "../kernel/pins.ts";
import { API_GROUP } from "./auth.ts";
import { OBJECT_FILE } from "./object-file.ts";
import { daemonOf, pinnedScopes } from "./remove.ts";
import { changeableByOthers } from "./trusted.ts";

type Check = DoctorReport["checks"][number];

/** The oldest kernel all programs load on (kernel-facts.md, "The 6.1 floor"). */
const OLDEST = [6, 1] as const;
const BTF = "/sys/kernel/btf/vmlinux";

const ok = (code: string, text: string): Check => ({ code, severity: "ok", text });
const warning = (code: string, text: string): Check => ({ code, severity: "warning", text });
const error = (code: string, text: string): Check => ({ code, severity: "error", text });
const sentenceOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

function mountOf(type: string): string | null {
  return mountPoints(readFileSync("/proc/mounts", "utf8")).find((point) => point.type === type)?.target ?? null;
}

/** Whether a kernel release ("6.1.0-18-amd64") is as new as the programs need. */
export function newEnough(kernelRelease: string): boolean {
  const [major = 0, minor = 0] = kernelRelease.split(/[.-]/).map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

function kernelCheck(): Check {
  if (newEnough(release())) return ok("kernel", `Linux ${release()} is new enough (${OLDEST.join(".")})`);
  return error("kernel", `Linux ${release()} is too old: needs ${OLDEST.join(".")} or newer`);
}

function btfCheck(): Check {
  if (existsSync(BTF)) return ok("btf", `The kernel describes its types in ${BTF}`);
  return error("btf", `There is no ${BTF}: needs a kernel built with CONFIG_DEBUG_INFO_BTF`);
}

function mountCheck(type: "cgroup2" | "bpf", name: string): Check {
  const target = mountOf(type);
  if (target !== null) return ok(type, `${name} is mounted at ${target}`);
  if (new RegExp(`\\t${type}$`, "m").test(readFileSync("/proc/filesystems", "utf8")))
    return ok(type, `${name} is not mounted; "holdfast up" mounts it`);
  return error(type, `This kernel has no ${name}: needs one built with ${type === "bpf" ? "CONFIG_BPF_SYSCALL" : "CONFIG_CGROUPS"}`);
}

function libbpfCheck(): Check {
  const version = libbpfVersion();
  if (/^v?[1-9]/.test(version)) return ok("libbpf", `libbpf ${version} is new enough (1.0)`);
  return error("libbpf", `libbpf ${version} is too old: needs 1.0 or newer`);
}

/** Loads every program, which has the verifier look at it and at each helper it calls, and lets go of it again. */
function programsCheck(): Check {
  if (!existsSync(OBJECT_FILE))
    return error("programs", `The kernel part has not been built: there is no "${OBJECT_FILE}"; run ./holdfast doctor`);
  let object: BpfObject | null = null;
  try {
    object = new BpfObject(OBJECT_FILE);
    object.load();
    return ok("programs", "The kernel takes all of Holdfast's programs");
  } catch (cause) {
    return error("programs", `The kernel refuses Holdfast's programs: ${sentenceOf(cause)}; what it says stands above`);
  } finally {
    object?.close();
  }
}

function destroyCheck(): Check {
  const destroyer = new Destroyer(null);
  try {
    if (destroyer.supported()) return ok("destroy", "The kernel can end connections that become denied");
  } catch (cause) {
    return warning("destroy", `Cannot find out whether the kernel can end connections: ${sentenceOf(cause)}`);
  } finally {
    destroyer.close();
  }
  return warning(
    "destroy",
    "The kernel cannot end connections (CONFIG_INET_DIAG_DESTROY, tcp_diag): one that becomes denied sends nothing more, but its program is not told",
  );
}

function fileChecks(): Check[] {
  const wrong = changeableByOthers({ rules: DEFAULT_RULES, state: DEFAULT_STATE }).map((text) => warning("files", text));
  return wrong.length > 0 ? wrong : [ok("files", "Only root can change Holdfast, its rule files and its state")];
}

/** Who is in a group, by /etc/group and as the first group of a user in /etc/passwd; null when there is no such group. */
export function membersOf(group: string, files: { readonly group: string; readonly passwd: string }): string[] | null {
  const fields = (text: string): string[][] => text.split("\n").map((line) => line.split(":"));
  const found = fields(files.group).find(([name]) => name === group);
  if (!found) return null;
  const [, , gid, members = ""] = found;
  const first = fields(files.passwd).filter(([, , , own]) => own === gid);
  return [...new Set([...members.split(","), ...first.map(([name = ""]) => name)])].filter((name) => name !== "");
}

function groupCheck(): Check {
  const members = membersOf(API_GROUP, { group: readFileSync("/etc/group", "utf8"), passwd: readFileSync("/etc/passwd", "utf8") });
  if (members === null) return ok("group", `There is no group "${API_GROUP}": only root may talk to the daemon`);
  if (members.length === 0) return ok("group", `The group "${API_GROUP}" has no members: only root may talk to the daemon`);
  return warning(
    "group",
    `Members of the group "${API_GROUP}" may change the rules: ${members.join(", ")}. That means trusting every program they run`,
  );
}

function scopeCheck(path: string | null, root: string): { check: Check; scope: Scope | null } {
  try {
    const scope = scopeOf(path ?? root);
    const pid = existsSync(join(mountOf("bpf") ?? "", "holdfast", `${scope.id}`)) ? daemonOf(scope) : undefined;
    if (pid === undefined) return { scope, check: ok("scope", `Nothing of Holdfast is in force for "${scope.path}"`) };
    if (pid !== null) return { scope, check: ok("scope", `Holdfast is in force for "${scope.path}", with daemon ${pid}`) };
    return {
      scope,
      check: warning(
        "scope",
        `Rules are in force for "${scope.path}" without a daemon: what would be asked about gets the verdict for that; "holdfast up" takes over, "holdfast down" takes them away`,
      ),
    };
  } catch (cause) {
    return { scope: null, check: error("scope", sentenceOf(cause)) };
  }
}

/** Pins of other scopes: fine while their cgroup is there, left behind when it is gone. */
function otherScopes(own: Scope | null): Check[] {
  return (pinnedScopes() ?? [])
    .filter(({ pins }) => basename(pins) !== own?.id.toString())
    .map(({ path, pins }) =>
      path !== null
        ? ok("other-scope", `Holdfast is also in force for "${path}"`)
        : warning("other-scope", `"${pins}" is left of a cgroup that is gone; remove it with rm -r`),
    );
}

/** `holdfast doctor`. `missing`: what this kernel lacks and Holdfast cannot do without. */
export async function doctor(options: ScopeOptions): Promise<DoctorReport> {
  const kernel = [kernelCheck(), btfCheck(), mountCheck("cgroup2", "The cgroup v2 file system"), mountCheck("bpf", "The bpf file system")];
  const fit = kernel.every(({ severity }) => severity === "ok");
  const library = libbpfCheck();
  const programs = fit && library.severity === "ok" ? [programsCheck()] : [];
  const root = mountOf("cgroup2");
  const scope = root === null ? null : scopeCheck(options.scope, root);
  const lacking = [...kernel, ...programs].filter(
    ({ severity, code }) => severity === "error" && (code !== "programs" || existsSync(OBJECT_FILE)),
  );
  return {
    kernel: { release: release(), missing: lacking.map(({ code }) => code) },
    checks: [
      ...kernel,
      library,
      ...programs,
      destroyCheck(),
      ...(scope && root ? [scope.check, ...otherScopes(scope.scope)] : []),
      ...fileChecks(),
      groupCheck(),
    ],
  };
}
