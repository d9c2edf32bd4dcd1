// SPDX-License-Identifier: Apache-2.0
/** Programs of other systems: what a macOS path is called here, if it is installed. */
import type { Program } from "../../contract/rule.ts";
import { type Entry, quoted } from "./draft.ts";

/** What is asked of this machine. */
export type Machine = { readonly exists: (path: string) => boolean };

/** Where a Linux system may have the program of a macOS bundle; the executable itself before what starts it. */
const BUNDLES: Readonly<Record<string, readonly string[]>> = {
  "1password": ["/opt/1Password/1password"],
  bitwarden: ["/opt/Bitwarden/bitwarden-app", "/opt/Bitwarden/bitwarden"],
  "brave browser": ["/opt/brave.com/brave/brave"],
  calibre: ["/usr/bin/calibre"],
  chromium: ["/usr/lib/chromium/chromium", "/usr/lib64/chromium-browser/chromium-browser"],
  discord: ["/usr/share/discord/Discord", "/opt/discord/Discord"],
  docker: ["/usr/bin/dockerd"],
  dropbox: ["/usr/bin/dropbox"],
  element: ["/opt/Element/element-desktop"],
  evolution: ["/usr/bin/evolution"],
  filezilla: ["/usr/bin/filezilla"],
  firefox: [
    "/opt/firefox/firefox",
    "/usr/lib/firefox/firefox",
    "/usr/lib64/firefox/firefox",
    "/usr/lib/firefox-esr/firefox-esr",
    "/usr/lib64/firefox/firefox-bin",
  ],
  gimp: ["/usr/bin/gimp"],
  "google chrome": ["/opt/google/chrome/chrome"],
  joplin: ["/opt/Joplin/joplin"],
  keepassxc: ["/usr/bin/keepassxc"],
  libreoffice: ["/usr/lib/libreoffice/program/soffice.bin", "/usr/lib64/libreoffice/program/soffice.bin"],
  "microsoft edge": ["/opt/microsoft/msedge/msedge"],
  "mullvad vpn": ["/usr/bin/mullvad-daemon"],
  nextcloud: ["/usr/bin/nextcloud"],
  obsidian: ["/opt/Obsidian/obsidian"],
  opera: ["/usr/lib/x86_64-linux-gnu/opera/opera", "/usr/lib64/opera/opera"],
  postman: ["/opt/Postman/app/Postman"],
  qbittorrent: ["/usr/bin/qbittorrent"],
  signal: ["/opt/Signal/signal-desktop"],
  skype: ["/usr/share/skypeforlinux/skypeforlinux"],
  slack: ["/usr/lib/slack/slack", "/opt/slack/slack"],
  spotify: ["/usr/share/spotify/spotify", "/opt/spotify/spotify"],
  steam: ["/usr/lib/steam/bin_steam.sh", "/usr/bin/steam"],
  "sublime text": ["/opt/sublime_text/sublime_text"],
  syncthing: ["/usr/bin/syncthing"],
  telegram: ["/usr/bin/telegram-desktop", "/opt/telegram/Telegram"],
  thunderbird: ["/usr/lib/thunderbird/thunderbird", "/usr/lib64/thunderbird/thunderbird", "/opt/thunderbird/thunderbird"],
  "tor browser": ["/opt/tor-browser/Browser/firefox.real"],
  transmission: ["/usr/bin/transmission-gtk", "/usr/bin/transmission-qt", "/usr/bin/transmission-daemon"],
  "visual studio code": ["/usr/share/code/code", "/opt/visual-studio-code/code"],
  vivaldi: ["/opt/vivaldi/vivaldi-bin"],
  vlc: ["/usr/bin/vlc"],
  vscodium: ["/usr/share/codium/codium"],
  wireshark: ["/usr/bin/wireshark"],
  "zoom.us": ["/opt/zoom/zoom"],
};

/** Programs of macOS itself that do what one of ours does. */
const SYSTEM: Readonly<Record<string, readonly string[]>> = {
  mDNSResponder: ["/usr/lib/systemd/systemd-resolved", "/usr/sbin/avahi-daemon"],
  timed: ["/usr/lib/systemd/systemd-timesyncd", "/usr/sbin/chronyd", "/usr/sbin/ntpd"],
  cupsd: ["/usr/sbin/cupsd"],
  "git-remote-http": ["/usr/lib/git-core/git-remote-http", "/usr/libexec/git-core/git-remote-http"],
  "git-remote-https": ["/usr/lib/git-core/git-remote-https", "/usr/libexec/git-core/git-remote-https"],
};

/** Where package managers of macOS put what a Linux system has in /usr. */
const PACKAGED = /^\/(?:opt\/homebrew|opt\/local|usr\/local|usr)\/(?:s?bin|libexec)\/(?:.*\/)?/;

/** What `path` of macOS may be called here, likeliest first. */
function equivalents(path: string): readonly string[] {
  const bundle = /\/([^/]+)\.app(?:\/|$)/
    .exec(path)?.[1]
    ?.toLowerCase()
    .replace(/ (beta|nightly|developer edition)$/, "");
  if (bundle !== undefined) return BUNDLES[bundle] ?? [];
  const name = path.slice(path.lastIndexOf("/") + 1);
  const usual = PACKAGED.test(path) ? ["/usr/bin", "/usr/sbin", "/usr/local/bin"].map((folder) => `${folder}/${name}`) : [];
  return [...(SYSTEM[name] ?? []), ...usual];
}

/** A program by its path, and whether it is here. One that is not keeps its path, for whoever looks at the disabled rule. */
export function programAt(path: string, machine: Machine, entry: Entry): { readonly program: Program; readonly found: boolean } {
  if (machine.exists(path)) return { program: { kind: "path", value: path }, found: true };
  const here = equivalents(path).find(machine.exists);
  if (here === undefined) {
    entry.changed(`${quoted(path)} is not installed here, nor a program known to be the same: the rule is disabled`);
    return { program: { kind: "path", value: path }, found: false };
  }
  entry.changed(`${quoted(path)} became ${here}`);
  return { program: { kind: "path", value: here }, found: true };
}
