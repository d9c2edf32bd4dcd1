// SPDX-License-Identifier: Apache-2.0
/** What reading a list gathers: entries, exceptions, and what could not be used. */
import { visible } from "../contract/bytes.ts";
import { BELOW, BOTH, type Reach, SELF } from "./classes.ts";
import { EntryCollector } from "./entries.ts";

export type Junk = {
  /** Starts at 1. */
  readonly line: number;
  /** The line, made safe to show and cut to 120 characters. */
  readonly text: string;
  /** What would be right. */
  readonly why: string;
};

/** Junk lines that are kept; the others are only counted. */
const KEPT_JUNK = 100;
const KEPT_TEXT = 120;

export class Findings {
  readonly entries = new EntryCollector();
  readonly exceptions = new EntryCollector();
  readonly junk: Junk[] = [];
  junkCount = 0;
  notApplicable = 0;
  #line = 0;
  #text = "";

  /** The following is about this line. */
  at(line: number, text: string): void {
    this.#line = line;
    this.#text = text;
  }

  host(name: string): void {
    this.#name(this.entries, name, SELF);
  }

  domain(name: string): void {
    this.#name(this.entries, name, BOTH);
  }

  below(name: string): void {
    this.#name(this.entries, name, BELOW);
  }

  exceptDomain(name: string): void {
    this.#name(this.exceptions, name, BOTH);
  }

  exceptBelow(name: string): void {
    this.#name(this.exceptions, name, BELOW);
  }

  /** An address, a prefix or a range, which must be one. */
  range(text: string): void {
    if (!this.entries.range(text)) this.wrong("not an address: expected one like 192.0.2.1, 192.0.2.0/24 or 192.0.2.1-192.0.2.9");
  }

  /** A line that is right, but asks for what a list of names and addresses cannot do. */
  skip(): void {
    this.notApplicable++;
  }

  /** A line nobody can make sense of. */
  wrong(why: string): void {
    this.junkCount++;
    if (this.junk.length < KEPT_JUNK) this.junk.push({ line: this.#line, text: visible(this.#text.slice(0, KEPT_TEXT)), why });
  }

  #name(into: EntryCollector, name: string, reach: Reach): void {
    if (!into.name(name, reach)) this.wrong("not a host name: expected one like ads.example.com");
  }
}
