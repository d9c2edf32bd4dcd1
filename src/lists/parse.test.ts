// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test, { suite } from "node:test";
import fc from "fast-check";
import { hostName } from "../contract/name.ts";
import type { Reach } from "./classes.ts";
import type { Entries } from "./entries.ts";
import { entryText, NameCollector, nameText } from "./names.ts";
import { detectFormat, FORMAT_NAMES, type FormatName, parseList } from "./parse.ts";
import { fromWords, printRange } from "./words.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Entries as text: names in the order of the list, then ranges in ascending order. */
function texts({ names, ranges }: Entries): string[] {
  const all = Array.from({ length: names.count }, (_, n) => entryText(nameText(names, n), (names.reaches[n] ?? 0) as Reach));
  const range = (family: 4 | 6, words: Uint32Array, at: number, size: number): string => {
    const [first, last] = [fromWords(family, words.slice(at, at + size)), fromWords(family, words.slice(at + size, at + 2 * size))];
    return printRange({ family, first: first.value, last: last.value });
  };
  for (let at = 0; at < ranges.v4.length; at += 2) all.push(range(4, ranges.v4, at, 1));
  for (let at = 0; at < ranges.v6.length; at += 8) all.push(range(6, ranges.v6, at, 4));
  return all;
}

type Sample = {
  readonly format: FormatName;
  readonly text: string;
  readonly entries: readonly string[];
  readonly exceptions?: readonly string[];
  readonly duplicates?: number;
  readonly notApplicable?: number;
  /** Line and why, as far as it matters. */
  readonly junk?: readonly (readonly [number, RegExp])[];
};

/** Each begins like a published list of its kind, and has junk. */
const SAMPLES: readonly Sample[] = [
  {
    format: "hosts",
    text: `\ufeff# Title: Sample hosts\r
#####################\r
127.0.0.1 localhost\r
::1 ip6-localhost ip6-loopback\r
ff02::1 ip6-allnodes\r
0.0.0.0 0.0.0.0\r
0.0.0.0 Ads.Example.COM.\r
0.0.0.0\tads.example.com # again\r
127.0.0.1  a.example.net b.example.net#two\r
0 short.example.net\r
:: six.example.net\r
192.168.1.10 nas.home\r
0.0.0.0 bad_-.example.net\r
0.0.0.0 b\u00fccher.example\r
ads.example.org\r
0.0.0.0 1.2.3.4\r
0.0.0.0 -x.example.net\r
`,
    entries: ["ads.example.com", "a.example.net", "b.example.net", "short.example.net", "six.example.net", "xn--bcher-kva.example"],
    duplicates: 1,
    notApplicable: 6,
    junk: [
      [13, /^not a host name: expected one like/],
      [15, /^not a line of a hosts file/],
      [16, /^not a host name/],
      [17, /^not a host name/],
    ],
  },
  {
    format: "domains",
    text: "# Title: Sample domains\n! and so\nads.example.com\nTracker.Example.com.\n203.0.113.7\n*.wild.example\n\nmünchen.example # Bavaria\nads.example.com\nhttp://x.example/\ntwo words\n_dmarc.example.com\n",
    entries: ["ads.example.com", "tracker.example.com", ".wild.example", "xn--mnchen-3ya.example", "_dmarc.example.com", "203.0.113.7"],
    duplicates: 1,
    junk: [
      [10, /^not a host name/],
      [11, /^not a host name/],
    ],
  },
  {
    format: "wildcards",
    text: "# Title: Sample (Wildcards *)\n*.ads.example\n*.tracker.example\n.squid.example\nplain.example\n*ads.example\n*.\n*.example.*\n",
    entries: [".ads.example", ".tracker.example", ".squid.example", "plain.example"],
    junk: [
      [6, /^not a host name/],
      [7, /^not a host name/],
      [8, /^not a host name/],
    ],
  },
  {
    format: "dnsmasq",
    text: "# Title: Sample dnsmasq\nlocal=/ads.example/\naddress=/a.example/b.example/0.0.0.0\naddress=/six.example/::\naddress=/hash.example/#\nserver=/block.example/\nserver=/corp.example/10.0.0.53\nserver=/good.ads.example/#\naddress=/nas.home/192.168.1.10\naddress=/*.only.example/\nlocal=/ads.example/\naddress=/#/0.0.0.0\ncache-size=1000\ndomain-needed\naddress=/not a name/\naddress ads.example\n",
    entries: [".ads.example", ".a.example", ".b.example", ".six.example", ".hash.example", ".block.example", "*.only.example"],
    exceptions: [".good.ads.example"],
    duplicates: 1,
    notApplicable: 5,
    junk: [
      [15, /^not a host name/],
      [16, /^not an option of dnsmasq/],
    ],
  },
  {
    format: "unbound",
    text: 'server:\n# Title: Sample unbound\n  local-zone: "ads.example" always_nxdomain\n  local-zone: "b.example." redirect # comment\n  local-data: "b.example A 0.0.0.0"\n  local-data: "host.example. 3600 IN A 127.0.0.1"\n  local-data: \'v6.example AAAA ::\'\n  local-data: "nas.home A 192.168.1.10"\n  local-zone: "good.ads.example" always_transparent\n  local-zone: bare.example always_null\n  local-zone: "x.example" sometimes\n  local-zone: "two names" deny\n  verbosity: 1\nnonsense\n',
    entries: [".ads.example", ".b.example", "host.example", "v6.example", ".bare.example"],
    exceptions: [".good.ads.example"],
    duplicates: 1,
    notApplicable: 3,
    junk: [
      [11, /^"sometimes" is no type of a local zone/],
      [12, /^not a host name/],
      [14, /^not an option of unbound/],
    ],
  },
  {
    format: "adblock",
    text: `[Adblock Plus 2.0]
! Title: Sample filter
# a comment
||ads.example^
||Important.example^$important
||all.example^$all
||page.example^$doc,important
||third.example^$third-party
||script.example^$script,domain=x.example
||prefix.example
||path.example/ads/*
||star*.example^
||*.below.example^
||203.0.113.9^
@@||good.ads.example^
@@||page.good.example^$document
@@||*.cdn.example^|
@@/banner/
example.com##.ad-banner
##.sponsored
###ad
/ads/banner.
||ads.example^
||bad..name^
||-x.example^
`,
    entries: [".ads.example", ".important.example", ".all.example", ".page.example", "*.below.example", "203.0.113.9"],
    exceptions: [".good.ads.example", "*.cdn.example"],
    duplicates: 1,
    notApplicable: 11,
    junk: [
      [24, /^not a host name/],
      [25, /^not a host name/],
    ],
  },
  {
    format: "lsrules",
    text: `{
  "name": "Sample",
  "description": "denied",
  "denied-remote-hosts": ["ads.example.com", "bad name",
    7],
  "denied-remote-domains": ["tracker.example", "tracker.example"],
  "denied-remote-addresses": ["203.0.113.1", "198.51.100.0/24",
    "192.0.2.1-192.0.2.9", "2001:db8::/32", "nowhere"],
  "rules": [{ "action": "deny", "process": "any", "remote": "any" }]
}`,
    entries: ["ads.example.com", ".tracker.example", "192.0.2.1-192.0.2.9", "198.51.100.0/24", "203.0.113.1", "2001:db8::/32"],
    duplicates: 1,
    notApplicable: 1,
    junk: [
      [4, /^not a host name/],
      [5, /^not a text: expected a name or an address in quotes/],
      [8, /^not an address: expected one like 192\.0\.2\.1, /],
    ],
  },
  {
    format: "addresses",
    text: "; Spamhaus DROP style\n203.0.113.0/24 ; SBL1\n198.51.100.7\n192.0.2.1 - 192.0.2.9\n2001:db8::/32 # six\n::ffff:198.51.100.7\n203.0.113.77/24\n192.0.2.9-192.0.2.1\n1.2.3\n10.0.0.0/33\n256.0.0.1\nads.example\n",
    entries: ["192.0.2.1-192.0.2.9", "198.51.100.7", "203.0.113.0/24", "2001:db8::/32"],
    duplicates: 2,
    junk: [
      [8, /^not an address/],
      [9, /^not an address/],
      [10, /^not an address/],
      [11, /^not an address/],
      [12, /^not an address/],
    ],
  },
];

suite("parseList()", () => {
  for (const sample of SAMPLES) {
    test(`parseList() reads ${sample.format}, and says which lines are junk`, () => {
      const { entries, exceptions, report } = parseList(bytes(sample.text));
      assert.equal(report.format, sample.format);
      assert.deepEqual(texts(entries), sample.entries);
      assert.deepEqual(texts(exceptions), sample.exceptions ?? []);
      const { duplicates, notApplicable } = report;
      assert.deepEqual({ duplicates, notApplicable }, { duplicates: sample.duplicates ?? 0, notApplicable: sample.notApplicable ?? 0 });
      assert.deepEqual(
        report.junk.map(({ line }) => line),
        (sample.junk ?? []).map(([line]) => line),
      );
      for (const [i, [, why]] of (sample.junk ?? []).entries()) assert.match(report.junk[i]?.why ?? "", why);
      assert.equal(report.junkCount, report.junk.length);
      assert.equal(report.entries, sample.entries.length);
      assert.equal(report.exceptions, sample.exceptions?.length ?? 0);
    });
  }

  test("parseList() reads plain names as domains when it is told to", () => {
    const { entries, report } = parseList(bytes("a.example\nb.example\n"), { format: "suffixes" });
    assert.deepEqual(texts(entries), [".a.example", ".b.example"]);
    assert.equal(report.format, "suffixes");
  });

  test("parseList() unites what a name takes", () => {
    const { entries, report } = parseList(bytes("a.example\n*.a.example\n"));
    assert.deepEqual(texts(entries), [".a.example"]);
    assert.equal(report.duplicates, 1);
  });

  test("parseList() keeps a hundred junk lines and counts the others", () => {
    const { report } = parseList(bytes("ads.example\n".concat("?\u202e bad\n".repeat(1000))));
    assert.equal(report.junk.length, 100);
    assert.equal(report.junkCount, 1000);
    assert.deepEqual(report.junk[0], {
      line: 2,
      text: "?\\xe2\\x80\\xae bad",
      why: "not a host name: expected one like ads.example.com",
    });
  });

  test("parseList() numbers lines across pieces of the file, and finds the last one without a newline", () => {
    const { report } = parseList(bytes(`${"name.example\n".repeat(100_000)}?`));
    assert.equal(report.entries, 1);
    assert.equal(report.duplicates, 99_999);
    assert.equal(report.junk[0]?.line, 100_001);
  });

  test("parseList() says why JSON cannot be read", () => {
    const { report } = parseList(bytes('{ "denied-remote-hosts": ['));
    assert.equal(report.entries, 0);
    assert.match(report.junk[0]?.why ?? "", /^not JSON \(.*\): expected an \.lsrules file$/);
  });

  test("parseList() throws for no bytes, in any format", () => {
    const line = fc.constantFrom(
      "||",
      "^",
      "$",
      "@@",
      "##",
      "address=/",
      "/",
      "local-zone: ",
      '"',
      "*.",
      "0.0.0.0 ",
      "a.example",
      "{",
      "[",
      " ",
      "\n",
      "#",
    );
    const text = fc.array(line, { maxLength: 30 }).map((parts) => bytes(parts.join("")));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), text), fc.constantFrom(null, ...FORMAT_NAMES), (input, format) => {
        const { report, entries } = parseList(input, { format });
        assert.ok(FORMAT_NAMES.includes(report.format));
        assert.equal(texts(entries).length, report.entries);
      }),
      { numRuns: 2000 },
    );
  });

  test("detectFormat() does not take plain lines for Adblock's because of one of its rules among them", () => {
    const cases: readonly (readonly [text: string, format: FormatName, entries: number, left: number])[] = [
      ["192.0.2.1\n||x.example^\n", "addresses", 1, 1],
      ["a.example\n||x.example^\n192.0.2.1\n", "domains", 2, 1],
      ["||x.example^\n0.0.0.0 a.example\n", "hosts", 1, 1],
      ["||x.example^\n||y.example^\na.example\n", "adblock", 2, 1],
    ];
    for (const [text, format, entries, left] of cases) {
      const { report } = parseList(bytes(text));
      assert.deepEqual([report.format, report.entries, report.junkCount + report.notApplicable], [format, entries, left], text);
    }
  });

  test("detectFormat() takes what it cannot place for names", () => {
    for (const text of ["", "\n\n", "# only a comment\n", "?? ??\n"]) assert.equal(detectFormat(bytes(text)), "domains");
  });
});

suite("NameCollector", () => {
  test("NameCollector takes the names hostName() takes, in the same form", () => {
    const part = fc.constantFrom("a", "B", "0", "9", "-", "_", ".", "é", "ß", " ", "x".repeat(62), "xn--", "/", "\u3002");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = parts.join("");
        const names = new NameCollector();
        const added = names.add(text, 1);
        const list = names.list();
        assert.equal(added === null ? null : nameText(list, 0), hostName(text), JSON.stringify(text));
      }),
      { numRuns: 5000 },
    );
  });

  test("NameCollector keeps each of many names once", () => {
    const names = new NameCollector();
    for (let round = 0; round < 2; round++)
      for (let i = 0; i < 20_000; i++) assert.equal(names.add(`n${i}.example`, 1), round === 0 ? "new" : "known");
    const list = names.list();
    assert.equal(list.count, 20_000);
    for (let i = 0; i < 20_000; i += 777) assert.equal(nameText(list, i), `n${i}.example`);
  });
});
