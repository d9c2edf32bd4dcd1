// SPDX-License-Identifier: Apache-2.0
import { join, resolve } from "node:path";

/** The folder Holdfast is installed in. */
export const ROOT = resolve(import.meta.dirname, "../..");
/** The kernel part as tools/build-bpf.sh makes it. */
export const OBJECT_FILE = join(ROOT, "build/holdfast.bpf.o");
