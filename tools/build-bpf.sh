#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles bpf/hooks.bpf.c to build/holdfast.bpf.o, and the never loaded bpf/layout.bpf.c to build/layout.bpf.o for tools/gen-layout.ts.
# Does nothing when the objects are newer than their sources.
#   build-bpf.sh            both
#   build-bpf.sh layout     only the second
#   build-bpf.sh fresh      exit 0 when there is nothing to do
#   build-bpf.sh compiler   names the compiler; exit 1 when there is none. CLANG asks for a certain one
set -eu
cd -- "$(dirname -- "$0")/.."

# clang 15 is the oldest whose BTF has 64-bit enumerations (LLVM D124641); Debian 12's plain `clang` is 14.
compiler() {
	for candidate in ${CLANG:-clang-19 clang}; do
		command -v "$candidate" >/dev/null 2>&1 || continue
		major=$(echo __clang_major__ | "$candidate" -E -P -x c - 2>/dev/null) || continue
		[ "$major" -ge 15 ] 2>/dev/null && echo "$candidate" && return
	done
	echo "Cannot build the kernel object: clang 15 or newer is missing; install clang-19" >&2
	return 1
}

fresh() {
	[ -f "$1" ] && [ -z "$(find bpf tools/build-bpf.sh -name '*.[chs]*' -newer "$1" -print -quit)" ]
}

# -g: its BTF describes every map and is what loading relocates by. -mcpu=v3 (since Linux 5.1): 32-bit instructions, fewer to verify.
# -Wno-unused-parameter: BPF_PROG of libbpf passes a context that not every program reads.
compile() {
	if fresh "$2"; then return; fi
	case $(uname -m) in
	x86_64) arch=x86 ;;
	aarch64) arch=arm64 ;;
	*)
		echo "Cannot build the kernel object on \"$(uname -m)\": supported are x86_64 and aarch64" >&2
		exit 1
		;;
	esac
	clang=$(compiler)
	[ "$clang" = clang-19 ] || echo "Compiling $1 with $clang" >&2
	mkdir -p build
	"$clang" -O2 -g -mcpu=v3 -target bpf "-D__TARGET_ARCH_$arch" "-I/usr/include/$(uname -m)-linux-gnu" -Wall -Wextra -Wno-unused-parameter \
		-Werror -c "$1" -o "$2.$$" || {
		rm -f "$2.$$"
		echo "Cannot build $2: $1 does not compile" >&2
		exit 1
	}
	mv "$2.$$" "$2"
}

case ${1:-} in
compiler) compiler ;;
fresh) fresh build/layout.bpf.o && fresh build/holdfast.bpf.o ;;
*)
	compile bpf/layout.bpf.c build/layout.bpf.o
	[ "${1:-}" = layout ] || compile bpf/hooks.bpf.c build/holdfast.bpf.o
	;;
esac
