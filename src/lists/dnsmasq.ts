// SPDX-License-Identifier: Apache-2.0
/**
 * dnsmasq.conf (dnsmasq(8)): `address=/x/`, `address=/x/0.0.0.0`, `server=/x/`, `local=/x/` answer for x and everything below it; several
 * names may stand between slashes, and `*.x` means below only (since 2.86). With another address, or a server to ask, nothing is blocked.
 * `server=/x/#` asks the usual servers: an exception.
 */
import type { Findings } from "./findings.ts";
import { COMMENT_LINE, isNowhere, type LineFormat, withoutComment } from "./format.ts";

const LINE = /^(address|server|local)=\/(.*)\/([^/]*)$/;

function readName(name: string, into: Findings): void {
  if (name === "#" || name === "") into.skip();
  else if (name.startsWith("*.")) into.below(name.slice(2));
  else into.domain(name.startsWith(".") ? name.slice(1) : name);
}

export const dnsmasq: LineFormat = {
  comment: COMMENT_LINE,
  claims: (line) => LINE.test(withoutComment(line)),
  read: (line, into) => {
    const [, option = "", names = "", target = ""] = LINE.exec(withoutComment(line)) ?? [];
    const blocks = target === "" || (option === "address" && (target === "#" || isNowhere(target)));
    if (option === "")
      if (/^[a-z][a-z0-9-]*(=|$)/.test(line)) into.skip();
      else into.wrong('not an option of dnsmasq: expected one like "address=/ads.example.com/"');
    else if (blocks) for (const name of names.split("/")) readName(name, into);
    else if (target === "#") for (const name of names.split("/")) into.exceptDomain(name);
    else into.skip();
  },
};
