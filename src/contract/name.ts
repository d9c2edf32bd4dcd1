// SPDX-License-Identifier: Apache-2.0
/** Host names in the one form in which they are compared: lower case, A-labels (IDNA), without the final dot. */

/** Letters, digits, hyphens inside (RFC 1035, 2.3.1), and the underscore that service names have (RFC 8552). */
const LABEL = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/;
/** What an international name is written with: no character that would end the host of a URL or be decoded in one. */
const INTERNATIONAL = /^[\p{L}\p{M}\p{N}_.\u3002\uff0e\uff61\u00b7\p{Join_Control}-]+$/u;

/** The A-labels of a name that is not ASCII (UTS 46, as in the WHATWG URL Standard); null when it has none. */
function toAscii(name: string): string | null {
  if (!INTERNATIONAL.test(name)) return null;
  const url = `http://${name}/`;
  return URL.canParse(url) ? new URL(url).hostname : null;
}

/** The comparable form of `text`, or null when it is no host name: an address is none. Length limits: RFC 1035, 2.3.4. */
export function hostName(text: string): string | null {
  const ascii = /[^\u0000-\u007f]/.test(text) ? toAscii(text) : text;
  if (ascii === null) return null;
  const name = ascii.toLowerCase().replace(/\.$/, "");
  const labels = name.split(".");
  if (name.length > 253 || !labels.every((label) => label.length <= 63 && LABEL.test(label))) return null;
  return /^\d+$/.test(labels.at(-1) ?? "") ? null : name;
}
