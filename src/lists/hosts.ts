// SPDX-License-Identifier: Apache-2.0
/**
 * Hosts files (hosts(5)): `0.0.0.0 ads.example.com www.ads.example.com`. Each name is a host, nothing below it: that is what the file
 * means to a resolver, and how Pi-hole and AdGuard Home ("/etc/hosts-style syntax", wiki Hosts-Blocklists) read such lists.
 */
import { parseAddress } from "../contract/address.ts";
import type { Findings } from "./findings.ts";
import { COMMENT_LINE, isNowhere, type LineFormat } from "./format.ts";

/** Names of the machine itself with which hosts files begin (Debian's, Red Hat's and macOS' own; StevenBlack/hosts has them all). */
const OWN_NAME =
  /^(?:local|localhost[46]?|localhost\.localdomain|broadcasthost|ip6-(?:localhost|loopback|localnet|mcastprefix|allnodes|allrouters|allhosts)|0\.0\.0\.0)$/i;

/** Where the first blank is, or the end. */
function firstBlank(text: string): number {
  const [space, tab] = [text.indexOf(" "), text.indexOf("\t")];
  const first = space < 0 || (tab >= 0 && tab < space) ? tab : space;
  return first < 0 ? text.length : first;
}

function readName(name: string, into: Findings): void {
  if (OWN_NAME.test(name)) into.skip();
  else into.host(name);
}

function readNames(names: string, into: Findings): void {
  if (firstBlank(names) === names.length) readName(names, into);
  else for (const name of names.split(/[\t ]+/)) readName(name, into);
}

export const hosts: LineFormat = {
  comment: COMMENT_LINE,
  claims: (line) => {
    const end = firstBlank(line);
    const address = line.slice(0, end);
    return (isNowhere(address) || parseAddress(address) !== null) && /^[\t ]+[^#;]/.test(line.slice(end));
  },
  read: (line, into) => {
    const comment = line.indexOf("#");
    const text = comment < 0 ? line : line.slice(0, comment).trimEnd();
    const end = firstBlank(text);
    const address = text.slice(0, end);
    if (end < text.length && isNowhere(address)) readNames(text.slice(end).trimStart(), into);
    /* Any other address is an answer, not a block: multicast names of the machine, or somebody's own server. */ else if (
      end < text.length &&
      parseAddress(address) !== null
    )
      into.skip();
    else into.wrong('not a line of a hosts file: expected one like "0.0.0.0 ads.example.com"');
  },
};
