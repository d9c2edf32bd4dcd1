// SPDX-License-Identifier: Apache-2.0
/** Well-known lists, for people who want one and do not know which. None is on by default, and none of their text is ours. */
import type { FormatName } from "./parse.ts";

export type Preset = {
  /** What to call it. */
  readonly name: string;
  /** What is on it. */
  readonly about: string;
  readonly url: string;
  readonly home: string;
  /** An SPDX identifier where there is one; else where its terms stand. */
  readonly licence: string;
  readonly format: FormatName;
};

const HAGEZI = { home: "https://github.com/hagezi/dns-blocklists", licence: "GPL-3.0", format: "suffixes" } as const;
const hagezi = (file: string): string => `https://raw.githubusercontent.com/hagezi/dns-blocklists/main/wildcard/${file}-onlydomains.txt`;
const OISD = { home: "https://oisd.nl", licence: "GPL-3.0", format: "wildcards" } as const;

export const PRESETS: readonly Preset[] = [
  {
    name: "stevenblack",
    about: "advertising and malware, put together from several lists",
    url: "https://raw.githubusercontent.com/StevenBlack/hosts/master/hosts",
    home: "https://github.com/StevenBlack/hosts",
    licence: "MIT",
    format: "hosts",
  },
  { name: "oisd-small", about: "advertising; made not to break anything", url: "https://small.oisd.nl/domainswild", ...OISD },
  { name: "oisd-big", about: "advertising, trackers, malware, phishing", url: "https://big.oisd.nl/domainswild", ...OISD },
  { name: "hagezi-light", about: "advertising, trackers; the cautious one", url: hagezi("light"), ...HAGEZI },
  { name: "hagezi-pro", about: "advertising, trackers, telemetry, malware", url: hagezi("pro"), ...HAGEZI },
  { name: "hagezi-tif", about: "malware, phishing, scams; large", url: hagezi("tif"), ...HAGEZI },
  { name: "hagezi-doh", about: "public resolvers that are spoken to over HTTPS", url: hagezi("doh"), ...HAGEZI },
  {
    name: "adguard-dns",
    about: "advertising and trackers",
    url: "https://adguardteam.github.io/AdGuardSDNSFilter/Filters/filter.txt",
    home: "https://github.com/AdguardTeam/AdGuardSDNSFilter",
    licence: "GPL-3.0",
    format: "adblock",
  },
  {
    name: "peter-lowe",
    about: "advertising and trackers; small, kept by hand",
    url: "https://pgl.yoyo.org/adservers/serverlist.php?hostformat=hosts&showintro=0&mimetype=plaintext",
    home: "https://pgl.yoyo.org/adservers/",
    licence: "https://pgl.yoyo.org/license/",
    format: "hosts",
  },
  {
    name: "spamhaus-drop",
    about: "networks in the hands of criminals",
    url: "https://www.spamhaus.org/drop/drop.txt",
    home: "https://www.spamhaus.org/blocklists/do-not-route-or-peer/",
    licence: "https://www.spamhaus.org/blocklists/drop-fair-use-policy/",
    format: "addresses",
  },
];
