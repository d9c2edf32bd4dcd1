// SPDX-License-Identifier: Apache-2.0
/** Why a file or folder cannot be used, in words; what Node says where the kernel's error is a rare one. */

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "you may not",
  EPERM: "you may not",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is no folder",
  ENOSPC: "the disk is full",
  EROFS: "the file system is read-only",
};

export function fileReason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause ? String(cause.code) : "";
  return REASONS[code] ?? cause.message;
}
