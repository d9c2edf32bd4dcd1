// SPDX-License-Identifier: Apache-2.0
import package_ from "../../package.json" with { type: "json" };

/** The program's version (semver). */
export const VERSION: string = package_.version;
