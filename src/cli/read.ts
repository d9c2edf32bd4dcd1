// SPDX-License-Identifier: Apache-2.0
/** Readers of what stands on the command line. Each throws `Failure("bad-input")` with a sentence. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { domainToASCII } from "node:url";
import { parseAddress, printAddress } from "../contract/address.ts";
import { Failure } from "../contract/failure.ts";

/** A reader of one word out of a few. */
export function oneOf<const T extends string>(what: string, values: readonly T[]): (text: string) => T {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found === undefined) throw new Failure("bad-input", `Cannot read ${what} "${text}": expected ${listed(values)}`);
    return found;
  };
}

/** "allow, deny or ask". */
export function listed(values: readonly string[]): string {
  return values.length < 2 ? values.join("") : `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
}

/** An id: 1 or more. `where` names the command that shows ids. */
export function idFrom(where: string): (text: string) => number {
  return (text) => {
    const id = /^\d{1,15}$/.test(text) ? Number(text) : 0;
    if (id < 1) throw new Failure("bad-input", `Cannot read id "${text}": expected a number shown by "holdfast ${where}"`);
    return id;
  };
}

/** A port number. */
export function port(text: string): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) throw new Failure("bad-input", `Cannot read port "${text}": expected a number from 0 to 65535`);
  if (number > 65535) throw new Failure("bad-input", `Cannot read port "${text}": the highest port is 65535`);
  return number;
}

/** An absolute path, as rules and flows have them. */
export function absolutePath(text: string): string {
  if (!text.startsWith("/")) throw new Failure("bad-input", `Cannot read path "${text}": expected an absolute path, as in /usr/bin/curl`);
  return text;
}

/** A peer as `flows` finds it: an address in its shortest form, a name, or `.domain`, in lower case. */
export function peer(text: string): string {
  const address = parseAddress(text);
  if (address !== null) return printAddress(address);
  const name = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
  const dot = text.startsWith(".") ? "." : "";
  const wanted = domainToASCII(text.slice(dot.length).replace(/\.$/, ""));
  if (!name.test(wanted) || /^[\d.]+$/.test(wanted))
    throw new Failure("bad-input", `Cannot read peer "${text}": expected an address, a name such as example.org, or .example.org`);
  return dot + wanted;
}

/** A path of the caller's, made absolute before anything changes the working folder. */
export function callersPath(text: string): string {
  if (text === "") throw new Failure("bad-input", `Cannot use path "": expected the name of a file or folder`);
  return resolve(text);
}

/** An existing folder. */
export function folder(text: string): string {
  const path = callersPath(text);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new Failure("bad-input", `Cannot use folder "${text}": there is none; expected an existing cgroup`);
  if (!found.isDirectory()) throw new Failure("bad-input", `Cannot use folder "${text}": it is a file; expected an existing cgroup`);
  return path;
}
