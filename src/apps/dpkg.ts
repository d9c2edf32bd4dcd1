// SPDX-License-Identifier: Apache-2.0
/** The formats of /var/lib/dpkg (deb-md5sums(5), dpkg-divert(1), dpkg's lib/dpkg/db-fsys-*.c). */

const NEWLINE = 10;

const LINES = 2000;

/**
 * Calls `each` with the bounds of every line that is a file, from offset `start` on, and answers where to go on after some thousand lines
 * (the length of `bytes` at the end). A folder stands directly before its first entry and is left out.
 */
export function filesOfList(bytes: Uint8Array, start: number, each: (from: number, to: number) => void): number {
  let from = start;
  for (let line = 0; line < LINES && from < bytes.length; line++) {
    const newline = bytes.indexOf(NEWLINE, from);
    const to = newline < 0 ? bytes.length : newline;
    const next = to + 1;
    const isFolder = bytes[next + (to - from)] === 0x2f && sameBytes(bytes, from, next, to - from);
    if (!isFolder && to > from) each(from, to);
    from = next;
  }
  return Math.min(from, bytes.length);
}

function sameBytes(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

/** Whether a whole line of `text` is `line`. */
export function hasLine(text: string, line: string): boolean {
  for (let at = text.indexOf(line); at >= 0; at = text.indexOf(line, at + 1)) {
    const end = text[at + line.length];
    if ((at === 0 || text[at - 1] === "\n") && (end === undefined || end === "\n")) return true;
  }
  return false;
}

/** The sum of `path` (absolute) in an md5sums file, whose paths have no leading slash; null when it has none. */
export function md5Of(md5sums: string, path: string): string | null {
  const ending = `  ${path.slice(1)}`;
  for (let at = md5sums.indexOf(ending); at >= 0; at = md5sums.indexOf(ending, at + 1)) {
    const end = md5sums[at + ending.length];
    const sum = md5sums.slice(Math.max(0, at - 32), at);
    if ((end === undefined || end === "\n") && /^[0-9a-f]{32}$/.test(sum)) return sum;
  }
  return null;
}

/** The sum of a configuration file as shipped, from the Conffiles field of its package in the status file; null when it has none. */
export function conffileMd5Of(status: string, name: string, path: string): string | null {
  const [bare = "", architecture] = name.split(":");
  for (let at = 0; at >= 0; ) {
    const start = at === 0 && status.startsWith(`Package: ${bare}\n`) ? 0 : status.indexOf(`\nPackage: ${bare}\n`, at);
    if (start < 0) return null;
    const end = status.indexOf("\n\n", start + 1);
    const stanza = status.slice(start, end < 0 ? undefined : end);
    if (architecture === undefined || stanza.includes(`\nArchitecture: ${architecture}\n`)) {
      const at = stanza.indexOf(`\n ${path} `);
      return at < 0 ? null : (/^[0-9a-f]{32}/.exec(stanza.slice(at + path.length + 3))?.[0] ?? null);
    }
    at = end;
  }
  return null;
}

/** `from` is kept at `to` because `by` (a package; null: the administrator) has its own file at `from`. */
export type Diversion = { readonly from: string; readonly to: string; readonly by: string | null };

/** The diversions file: three lines each. */
export function diversionsOf(text: string): readonly Diversion[] {
  const lines = text.split("\n");
  const out: Diversion[] = [];
  for (let i = 0; i + 2 < lines.length; i += 3) {
    const by = lines[i + 2] ?? ":";
    out.push({ from: lines[i] ?? "", to: lines[i + 1] ?? "", by: by === ":" ? null : by });
  }
  return out;
}
