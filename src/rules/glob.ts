// SPDX-License-Identifier: Apache-2.0
/** Path patterns: `*` stays within one folder, `**` does not. No backtracking that grows with the number of stars: paths come from outside. */

/** Whether `path` matches `glob`. Both may hold lone surrogates: compared code unit by code unit. */
export function globMatches(glob: string, path: string): boolean {
  let g = 0;
  let p = 0;
  // Where to go on when the rest does not fit: let the last * (the last **) take one more character.
  let star = -1;
  let starFrom = 0;
  let deep = -1;
  let deepFrom = 0;
  while (true) {
    if (glob[g] === "*") {
      if (glob[g + 1] === "*") {
        while (glob[g] === "*") g++;
        deep = g;
        deepFrom = p;
        star = -1;
      } else {
        g++;
        star = g;
        starFrom = p;
      }
    } else if (p === path.length && g === glob.length) return true;
    else if (p < path.length && glob[g] === path[p]) {
      g++;
      p++;
    } else if (star >= 0 && starFrom < path.length && path[starFrom] !== "/") {
      starFrom++;
      g = star;
      p = starFrom;
    } else if (deep >= 0 && deepFrom < path.length) {
      deepFrom++;
      g = deep;
      p = deepFrom;
      star = -1;
    } else return false;
  }
}
