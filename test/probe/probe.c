// SPDX-License-Identifier: Apache-2.0
/* probe SUBCOMMAND [flags] [-- SUBCOMMAND...]: start reading at the table below.
 *
 * Prints one JSON line {"op","step","result":0|-1,"errno":NAME|null,"unsupported":bool,"sent":n,"ms":n,"pid":n} and exits 0 when the
 * operation was made, refused or not; 2 when it could not be tried at all.
 */
#include "probe.h"

#include <getopt.h>
#include <signal.h>

static const struct {
	const char *name;
	operation *run;
} operations[] = {
	{ "tcp", tcp },
	{ "tcp-stream", tcp_stream },
	{ "tcp-listen", tcp_listen },
	{ "udp", udp },
	{ "udp-listen", udp_listen },
	{ "prober", prober },
	{ "icmp", icmp },
	{ "ping", ping },
	{ "forge-syn", forge_syn },
	{ "raw-protocol", raw_protocol },
	{ "raw-fragments", raw_fragments },
	{ "raw-extension", raw_extension },
	{ "packet", packet },
	{ "xdp", xdp },
	{ "multicast", multicast },
	{ "join-group", join_group },
	{ "tun-carry", tun_carry },
	{ "tun-inject", tun_inject },
	{ "pass-socket", pass_socket },
	{ "receive-socket", receive_socket },
	{ "inherit", inherit },
	{ "use-fd", use_fd },
	{ "thread", in_thread },
	{ "fork", fork_once },
	{ "exec", exec_now },
	{ "spawn", spawn_many },
	{ "netns", in_netns },
	{ "mounts", in_new_mounts },
	{ "pids", in_new_pids },
};

enum flag { TEXT, NUMBER, SWITCH };

#define FIELD(flag, kind, member) { flag, kind, offsetof(struct options, member) }

static const struct {
	const char *name;
	enum flag kind;
	size_t offset;
} flags[] = {
	FIELD("to", TEXT, to),
	FIELD("from", TEXT, from),
	FIELD("payload", TEXT, payload),
	FIELD("device", TEXT, device),
	FIELD("mac", TEXT, mac),
	FIELD("group", TEXT, group),
	FIELD("path", TEXT, path),
	FIELD("netns", TEXT, netns),
	FIELD("cgroup", TEXT, cgroup),
	FIELD("port", NUMBER, port),
	FIELD("source-port", NUMBER, source_port),
	FIELD("protocol", NUMBER, protocol),
	FIELD("ethertype", NUMBER, ethertype),
	FIELD("timeout", NUMBER, timeout_ms),
	FIELD("interval-us", NUMBER, interval_us),
	FIELD("count", NUMBER, count),
	FIELD("size", NUMBER, size),
	FIELD("fd", NUMBER, fd),
	FIELD("nonblocking", SWITCH, nonblocking),
	FIELD("fastopen", SWITCH, fastopen),
	FIELD("mptcp", SWITCH, mptcp),
	FIELD("uring", SWITCH, uring),
	FIELD("connected", SWITCH, connected),
	FIELD("sendmmsg", SWITCH, mmsg),
	FIELD("gso", SWITCH, gso),
	FIELD("reply", SWITCH, reply),
	FIELD("wait-start", SWITCH, wait_start),
	FIELD("wait-socket", SWITCH, wait_socket),
	FIELD("wait-stdin", SWITCH, wait_stdin),
	FIELD("stay", SWITCH, stay),
	FIELD("again", SWITCH, again),
	FIELD("dgram", SWITCH, dgram),
	FIELD("bypass", SWITCH, bypass),
	FIELD("mcast-join", SWITCH, mcast_join),
	FIELD("extension", SWITCH, extension),
};

#define FLAGS (sizeof(flags) / sizeof(flags[0]))

static void set_flag(struct options *options, int index)
{
	void *field = (char *)options + flags[index].offset;

	if (flags[index].kind == TEXT)
		*(const char **)field = optarg;
	else if (flags[index].kind == NUMBER)
		*(int *)field = atoi(optarg);
	else
		*(bool *)field = true;
}

static bool parse(int argc, char **argv, struct options *options)
{
	struct option known[FLAGS + 1] = {};
	int at, index;

	*options = (struct options){ .op = argv[0], .payload = "holdfast", .timeout_ms = 3000, .count = 1, .fd = -1, .protocol = 253 };
	for (size_t i = 0; i < FLAGS; i++)
		known[i] = (struct option){ flags[i].name, flags[i].kind == SWITCH ? no_argument : required_argument, NULL, 0 };
	optind = 0; /* start over: run() may call us again for what stands behind "--" */
	while ((at = getopt_long(argc, argv, "+", known, &index)) == 0)
		set_flag(options, index);
	if (at != -1)
		return false;
	options->rest = argv + optind;
	options->rest_count = argc - optind;
	return true;
}

static void print_outcome(const struct options *options, const struct outcome *outcome, double ms)
{
	const char *name = outcome->error ? strerrorname_np(outcome->error) : NULL;

	printf("{\"op\":\"%s\",\"step\":\"%s\",\"result\":%d,\"errno\":%s%s%s,\"unsupported\":%s,\"sent\":%ld,\"ms\":%.1f,\"pid\":%d}\n",
	       options->op, outcome->step, outcome->error ? -1 : 0, name ? "\"" : "", name ? name : "null", name ? "\"" : "",
	       outcome->unsupported ? "true" : "false", outcome->sent, ms, getpid());
	fflush(stdout);
}

int run(int argc, char **argv)
{
	struct options options;

	for (size_t i = 0; argc > 0 && i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(operations[i].name, argv[0]))
			continue;
		if (!parse(argc, argv, &options))
			return 2;
		if (options.wait_start)
			wait_line(&options, "started");
		double start = now_ms();
		struct outcome outcome = operations[i].run(&options);
		print_outcome(&options, &outcome, now_ms() - start);
		return 0;
	}
	fprintf(stderr, "probe: \"%s\" is not a subcommand; see the table in probe.c\n", argc > 0 ? argv[0] : "");
	return 2;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 1 << 12);
	return run(argc - 1, argv + 1);
}
