// SPDX-License-Identifier: Apache-2.0
/** A virtual machine in software: no KVM, so it runs wherever the tests do, and slowly. */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Line, parseLine } from "./lines.ts";
import { BUILD, type KernelPackage, qemu } from "./packages.ts";

const MEMORY_MB = 2048; // the archive (about 250 MB) is there twice while the kernel unpacks it
const CPUS = 2;

/** What the guest's kernel and programs said; for when something fails. */
export function consoleFile(kernel: KernelPackage): string {
  return join(BUILD, `${kernel.release}.console`);
}

function argumentsFor(kernel: KernelPackage, image: string): string[] {
  const [vmlinuz = ""] = globSync(join(kernel.folder, "boot/vmlinuz-*"));
  return [
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", "pc", "-accel", "tcg,thread=single"],
    ...["-cpu", "max", "-smp", String(CPUS), "-m", String(MEMORY_MB)],
    ...["-kernel", vmlinuz, "-initrd", image, "-append", "console=ttyS0 loglevel=7 panic=-1 random.trust_cpu=on"],
    ...["-serial", `file:${consoleFile(kernel)}`, "-serial", "stdio"],
  ];
}

/** Boots the kernel with the archive and yields what the guest says, until it switches itself off or the signal ends it. */
export async function* run(kernel: KernelPackage, image: string, signal: AbortSignal): AsyncGenerator<Line> {
  const machine = spawn(qemu(), argumentsFor(kernel, image), { stdio: ["ignore", "pipe", "inherit"], signal, killSignal: "SIGKILL" });
  const end = (): void => void machine.kill("SIGKILL");
  process.once("exit", end);
  const failed = new Promise<never>((_, reject) => machine.once("error", reject));
  failed.catch(() => {}); // reported below, once the output has ended
  const ended = new Promise<void>((resolve) => machine.once("close", () => resolve()));
  try {
    for await (const text of createInterface({ input: machine.stdout })) {
      const line = parseLine(text);
      if (line !== null) yield line;
    }
    await Promise.race([ended, failed]);
  } finally {
    process.off("exit", end);
    end();
  }
}
