// SPDX-License-Identifier: Apache-2.0
/**
 * unbound.conf(5): `local-zone: "x" always_nxdomain` answers for x and everything below it; a transparent zone lets them through, and is
 * an exception. `local-data: "x A 0.0.0.0"` answers for x alone; data with another address, or of another type, blocks nothing.
 */
import type { Findings } from "./findings.ts";
import { COMMENT_LINE, isNowhere, type LineFormat, withoutComment } from "./format.ts";

/** Zone types (unbound.conf(5), local-zone) that answer without asking anybody. */
const REFUSING = new Set(
  ["always_nxdomain", "always_null", "always_nodata", "always_refuse", "always_deny", "static", "redirect", "deny", "refuse"].concat([
    "inform_deny",
    "inform_redirect",
  ]),
);
/** And those that ask upstream for what has no local data. */
const TRANSPARENT = new Set(["transparent", "typetransparent", "always_transparent", "inform", "nodefault"]);

const OPTION = /^([a-z][a-z0-9-]*):[\t ]*(.*)$/;
const ZONE = /^(?:"([^"]*)"|'([^']*)'|(\S+))[\t ]+"?([a-z_]+)"?$/;
const DATA = /^(\S+)[\t ]+(?:\d+[\t ]+)?(?:IN[\t ]+)?([A-Z]+)[\t ]+(\S+)$/i;

function readZone(value: string, into: Findings): void {
  const [, double, single, bare, type = ""] = ZONE.exec(value) ?? [];
  const name = double ?? single ?? bare;
  if (name === undefined) into.wrong('not a local zone: expected a name and a type, like "ads.example.com" always_nxdomain');
  else if (REFUSING.has(type)) into.domain(name);
  else if (TRANSPARENT.has(type)) into.exceptDomain(name);
  else into.wrong(`"${type}" is no type of a local zone: expected one like always_nxdomain`);
}

function readData(value: string, into: Findings): void {
  const [, name = "", type = "", address = ""] = DATA.exec(value.replace(/^(["'])(.*)\1$/, "$2")) ?? [];
  if (/^a(aaa)?$/i.test(type) && isNowhere(address)) into.host(name);
  else into.skip();
}

export const unbound: LineFormat = {
  comment: COMMENT_LINE,
  claims: (line) => /^local-(zone|data):/.test(line),
  read: (line, into) => {
    const [, option, value = ""] = OPTION.exec(withoutComment(line)) ?? [];
    if (option === "local-zone") readZone(value, into);
    else if (option === "local-data") readData(value, into);
    else if (option !== undefined) into.skip();
    else into.wrong('not an option of unbound: expected one like local-zone: "ads.example.com" always_nxdomain');
  },
};
