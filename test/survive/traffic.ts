// SPDX-License-Identifier: Apache-2.0
/** Traffic that goes on while something breaks. */
import type { Running, World } from "../world.ts";

/** Sends a datagram a millisecond until told to stop. */
export class Prober {
  readonly #process: Running;

  private constructor(process: Running) {
    this.#process = process;
  }

  static async start(world: World, port: number): Promise<Prober> {
    const process = world.start([world.probe, "prober", "--to", world.peer.address4, "--port", String(port)], { timeoutMs: null });
    await process.line((line) => line.includes('"tick"'));
    return new Prober(process);
  }

  /** Returns after (at least) that many more datagrams were tried. */
  async more(datagrams: number): Promise<void> {
    const wanted = this.#ticks() + Math.ceil(datagrams / 100);
    while (this.#ticks() < wanted) {
      if (this.#process.ended) throw new Error(`The prober has ended: ${this.#process.stderr}`);
      await this.#process.changed();
    }
  }

  /** How many it has tried. */
  async stop(): Promise<number> {
    await this.#process.kill("SIGTERM");
    return this.#ticks() * 100;
  }

  #ticks(): number {
    return this.#process.lines().filter((line) => line.includes('"tick"')).length;
  }
}

/** A TCP connection that talks all the time. */
export class Stream {
  readonly #process: Running;

  private constructor(process: Running) {
    this.#process = process;
  }

  static async start(world: World, port: number, timeoutMs = 30_000): Promise<Stream> {
    const args = ["tcp-stream", "--to", world.peer.address4, "--port", String(port), "--timeout", String(timeoutMs)];
    const stream = new Stream(world.start([world.probe, ...args], { timeoutMs: null }));
    await stream.more(3);
    return stream;
  }

  /** Returns after that many more messages came back. Throws when the connection broke. */
  async more(messages: number): Promise<void> {
    const wanted = this.#echoes() + messages;
    while (this.#echoes() < wanted) {
      if (this.#process.ended) throw new Error(`The stream broke: ${this.#process.stdout.split("\n").at(-2)}`);
      await this.#process.changed();
    }
  }

  #echoes(): number {
    return this.#process.lines().length;
  }
}

/** Perl: connects once (and is known by then), says ready, waits for a line, then connects ADDRESS PORT TIMES; says how many were refused. */
export const CONNECTS = `use Socket; use Errno qw(ECONNREFUSED); $| = 1;
my ($address, $port, $times) = @ARGV; my $to = pack_sockaddr_in($port, inet_aton($address)); my $refused = 0;
sub try { socket(my $s, PF_INET, SOCK_STREAM, 0) or die; connect($s, $to); my $r = $! == ECONNREFUSED; close $s; return $r; }
try(); print "ready\\n"; <STDIN>;
for (1 .. $times) { $refused++ if try(); }
print "refused $refused of $times\\n";`;

/** Perl: from one socket, for each of TIMES ports from 20001 on, a datagram there and one to PORT, refused or not. */
export const DATAGRAMS = `use Socket; my ($address, $port, $times) = @ARGV; my $ip = inet_aton($address);
socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
for my $n (1 .. $times) { send($s, "x", 0, pack_sockaddr_in($_, $ip)) for 20000 + $n, $port; }`;

/** Perl: connects to ADDRESS PORT and says "connected"; then, for each line, sends a word and says "echo" when it comes back within 3 s. */
export const TALKS = `use Socket; $| = 1; my ($address, $port) = @ARGV;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
connect($s, pack_sockaddr_in($port, inet_aton($address))) or do { print "$!\\n"; exit };
print "connected\\n"; setsockopt($s, SOL_SOCKET, SO_RCVTIMEO, pack("l!l!", 3, 0));
while (<STDIN>) { print defined syswrite($s, "word") && sysread($s, my $back, 4) ? "echo\\n" : "broke: $!\\n" }`;
