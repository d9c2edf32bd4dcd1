// SPDX-License-Identifier: Apache-2.0
/** Who is talking. One `Program identity` per application class; what is particular to a process (pid, uid) stands with the flow. */

/** The kernel-reported key of an executable image. Never computed with stat(2): Btrfs and overlayfs report other numbers than the kernel uses. */
export type FileKey = {
  /** `s_dev` as the kernel encodes it. */
  readonly device: number;
  readonly inode: bigint;
  /** Change time, nanoseconds since the epoch. */
  readonly ctimeNs: bigint;
};

/** What a program is, without for whom it acts. Strings from bytes may hold lone surrogates (contract/bytes.ts). */
export type Identity = {
  /** The host's path of the executable, only when the file the host's mount namespace has there is this very file (by FileKey); else null. */
  readonly path: string | null;
  /** What the process itself shows as its executable; a claim. Null when it is gone. */
  readonly claimedPath: string | null;
  /** What to call it on screen: "curl", or "curl (in a namespace of PID 12)" / "(deleted)" / "in container x" when `path` is null. */
  readonly name: string;
  /** Absolute host path of the script an interpreter runs; null when it runs none (or only a -c/-e program). */
  readonly script: string | null;
  /** Arguments, the program's own name first. Kept for interpreters and for display. */
  readonly args: readonly string[];
  /** Debian package that owns the file (the script where there is one), e.g. "curl". */
  readonly package: string | null;
  /** Whether the file still matches what the package shipped; null when there is no package. `pkg:` rules match only when true. */
  readonly packageIntact: boolean | null;
  /** systemd unit from the cgroup path, e.g. "nginx.service". */
  readonly unit: string | null;
  /** Container name where the engine's files tell it, else its id; null outside containers. */
  readonly container: string | null;
  readonly flatpak: string | null;
  readonly snap: string | null;
  readonly appimage: string | null;
  /** The kernel itself (NFS, WireGuard, …). */
  readonly kernel: boolean;
  /** ISO time at which the file at this path was last seen with another key or content; null when it has not changed. */
  readonly changedSince: string | null;
};

/** An application class: an identity and the app it acts for. */
export type App = Identity & { readonly via: Identity | null };

/** How the kernel treats an image as an ancestor (flags of the images table). */
export type AncestorRole = "application" | "launcher" | "session";
