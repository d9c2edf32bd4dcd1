// SPDX-License-Identifier: Apache-2.0
/** The interpreters users meet, and which of their options take a value, hold the program, or name it. Sources: each one's --help and manual. */

/** How an interpreter's command line is read, up to its first argument that is no option: that one is the script. */
export type Syntax = {
  /** "sh" shells start as launchers; the rest are told apart only by their syntax. */
  readonly family: "python" | "node" | "deno" | "bun" | "ruby" | "perl" | "php" | "lua" | "shell" | "java" | "tcl" | "r" | "awk";
  /** Letters of one-letter options, which may stand together (`-Ic`). `value`: what follows, in the same or the next argument, is a value. */
  readonly letters: {
    readonly value?: string;
    /** The rest of the argument, possibly empty, is a value. */
    readonly rest?: string;
    /** The program itself follows. */
    readonly inline?: string;
    /** The file of the program follows. */
    readonly file?: string;
    /** The name of a module follows. */
    readonly module?: string;
    /** The program is read from standard input. */
    readonly stdin?: string;
  };
  /** Whole options (`--require`, `-cp`) that take the next argument as a value. With "=value" they never do. */
  readonly values?: readonly string[];
  readonly inlines?: readonly string[];
  readonly files?: readonly string[];
  readonly modules?: readonly string[];
  /** Options begin with one dash and are words (java): letters never stand together. */
  readonly wholeWords?: boolean;
  /** `+o` is an option too. */
  readonly plus?: boolean;
  /** An inline program does not exclude a script after it (lua -e "…" script). */
  readonly inlineThenScript?: boolean;
  /** The first argument is never a script; only `files` are (awk). */
  readonly onlyFiles?: boolean;
  /** First arguments that are commands: `script` ones are followed by a script, the others run none of a path. */
  readonly commands?: { readonly script: readonly string[]; readonly other: readonly string[] };
  /** What may be left off a script's name. */
  readonly suffixes?: readonly string[];
};

const NODE_VALUES = [
  ...["--require", "--import", "--loader", "--experimental-loader", "--conditions", "--input-type", "--icu-data-dir", "--title"],
  ...["--env-file", "--env-file-if-exists", "--diagnostic-dir", "--unhandled-rejections", "--watch-path", "--dns-result-order"],
  ...["--openssl-config", "--redirect-warnings", "--trace-event-categories", "--report-dir", "--report-directory", "--report-filename"],
  ...["--heapsnapshot-signal", "--tls-cipher-list", "--inspect-port", "--cpu-prof-dir", "--cpu-prof-name", "--heap-prof-dir"],
  ...["--disable-warning", "--test-name-pattern", "--test-reporter", "--test-reporter-destination", "--localstorage-file"],
  ...["--experimental-config-file", "--max-http-header-size", "--stack-trace-limit", "--secure-heap", "--secure-heap-min"],
];
const SHELL: Syntax = {
  family: "shell",
  letters: { value: "oO", inline: "c", stdin: "s" },
  values: ["--rcfile", "--init-file"],
  plus: true,
};

/** By the name of the executable file. */
export const INTERPRETERS: readonly (readonly [RegExp, Syntax])[] = [
  [
    /^(?:python|pypy)(?:\d+(?:\.\d+)*)?t?(?:-dbg)?$/,
    { family: "python", letters: { value: "WX", inline: "c", module: "m" }, values: ["--check-hash-based-pycs"] },
  ],
  [
    /^node(?:js)?(?:-\d+)?$/,
    {
      family: "node",
      letters: { value: "rC", inline: "ep" },
      values: NODE_VALUES,
      inlines: ["--eval", "--print"],
      modules: ["--run"],
      commands: { script: ["inspect", "debug"], other: [] },
      suffixes: [".js"],
    },
  ],
  [
    /^bun(?:-profile)?$/,
    {
      family: "bun",
      letters: { value: "rcd", inline: "ep" },
      values: [
        "--preload",
        "--require",
        "--import",
        "--config",
        "--cwd",
        "--define",
        "--port",
        "--env-file",
        "--conditions",
        "--tsconfig-override",
        "--loader",
        "--shell",
        "--filter",
        "--target",
      ],
      inlines: ["--eval", "--print"],
      commands: {
        script: ["run"],
        other: [
          "install",
          "i",
          "add",
          "a",
          "remove",
          "rm",
          "update",
          "link",
          "unlink",
          "pm",
          "x",
          "create",
          "init",
          "build",
          "upgrade",
          "test",
          "repl",
          "exec",
          "publish",
          "outdated",
          "audit",
          "info",
          "why",
          "patch",
        ],
      },
      suffixes: [".ts", ".tsx", ".js"],
    },
  ],
  [
    /^deno$/,
    {
      family: "deno",
      letters: { value: "cL" },
      values: ["--config", "--import-map", "--cert", "--seed", "--location", "--log-level", "--ext", "--host", "--port"],
      commands: {
        script: ["run", "serve"],
        other: [
          "eval",
          "repl",
          "task",
          "test",
          "install",
          "i",
          "add",
          "remove",
          "uninstall",
          "cache",
          "check",
          "compile",
          "fmt",
          "lint",
          "doc",
          "upgrade",
          "publish",
          "jupyter",
          "lsp",
          "info",
          "init",
          "outdated",
          "x",
          "bench",
          "coverage",
          "types",
          "vendor",
          "bundle",
        ],
      },
    },
  ],
  [
    /^(?:j?ruby)\d*(?:\.\d+)*$/,
    {
      family: "ruby",
      letters: { value: "IrCE", rest: "FiKWx0T", inline: "e", module: "S" },
      values: ["--encoding", "--external-encoding", "--internal-encoding"],
    },
  ],
  [/^perl(?:5[\d.]*)?$/, { family: "perl", letters: { value: "I", rest: "MmxiFCDdV", inline: "eE" } }],
  [
    /^php(?:-cgi)?\d*(?:\.\d+)*$/,
    {
      family: "php",
      letters: { value: "cdztS", inline: "rBRE", file: "fF" },
      values: ["--php-ini", "--define", "--zend-extension", "--docroot", "--server"],
      inlines: ["--run", "--process-begin", "--process-code", "--process-end"],
      files: ["--file", "--process-file"],
    },
  ],
  [
    /^lua(?:jit)?(?:-?\d+(?:\.\d+)*)?(?:-beta\d+)?$/,
    { family: "lua", letters: { value: "l", rest: "jO", inline: "e" }, inlineThenScript: true },
  ],
  [/^(?:r?bash|bash-static|dash|sh|ash|zsh(?:5|-?\d+(?:\.\d+)*)?|mksh|ksh|ksh93|ksh2020|csh|tcsh|busybox)$/, SHELL],
  [
    /^fish$/,
    {
      family: "shell",
      letters: { value: "CdoDfp", inline: "c" },
      values: ["--init-command", "--debug", "--debug-output", "--features", "--profile", "--profile-startup"],
      inlines: ["--command"],
    },
  ],
  [
    /^java$/,
    {
      family: "java",
      wholeWords: true,
      letters: {},
      values: [
        "-cp",
        "-classpath",
        "--class-path",
        "-p",
        "--module-path",
        "--upgrade-module-path",
        "--add-modules",
        "--limit-modules",
        "--add-exports",
        "--add-opens",
        "--add-reads",
        "--patch-module",
        "--enable-native-access",
        "--source",
      ],
      modules: ["-m", "--module"],
    },
  ],
  [/^(?:tclsh|wish|expect)[\d.]*$/, { family: "tcl", letters: { inline: "c", file: "f" }, values: ["-encoding"] }],
  [/^(?:Rscript|littler|r)$/, { family: "r", letters: { inline: "e" } }],
  [/^R$/, { family: "r", letters: { inline: "e", file: "f" }, files: ["--file"], onlyFiles: true }],
  /* The one awk that can talk to the network by itself (/inet/tcp/…). */
  [
    /^gawk(?:-\d+(?:\.\d+)*)?$/,
    {
      family: "awk",
      letters: { value: "vFil", inline: "e", file: "fE" },
      values: ["--assign", "--field-separator", "--include", "--load"],
      files: ["--file", "--exec"],
      inlines: ["--source"],
      onlyFiles: true,
    },
  ],
];

/** The syntax of an interpreter, by the base name of its real executable; null for anything else. */
export function syntaxOf(executable: string): Syntax | null {
  return INTERPRETERS.find(([pattern]) => pattern.test(executable))?.[1] ?? null;
}
