/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few kernel fields we read, relocated at load (CO-RE). Only what is named here is looked up in the running kernel's BTF, so
 * no vmlinux.h is needed. Where a field moved, both shapes stand here with the version that moved it.
 */
#ifndef HOLDFAST_CORE_H
#define HOLDFAST_CORE_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block {
	__u32 s_dev;
};

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
};

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
};

/* to 6.5 */
struct inode___ctime {
	struct timespec64 i_ctime;
};

/* 6.6 to 6.10 (13bc24457850) */
struct inode___private_ctime {
	struct timespec64 __i_ctime;
};

/* Somebody has asked for the change time: a flag beside the nanoseconds, from 6.13 (4e40eff0b573). Nanoseconds need 30 bits. */
#define I_CTIME_QUERIED (1u << 31)

/* from 6.11 (3aa63a569c64) */
struct inode___split_ctime {
	__s64 i_ctime_sec;
	__u32 i_ctime_nsec;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};

struct vfsmount {
	struct dentry *mnt_root;
};

/* mount and vfsmount: the second is embedded in the first */
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
};

struct mm_struct {
	struct file *exe_file;
	unsigned long arg_start;
	unsigned long arg_end;
};

struct fs_struct {
	struct path pwd;
};

struct ns_common {
	__u32 inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct user_namespace {
	int level;
};

struct net {
	struct user_namespace *user_ns;
	__u64 net_cookie;
};

struct timer_list {
	void *function;
};

struct proto {
	char name[32];
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
	int level;
};

/* from 6.1 (7f203bc89eb6) */
struct cgroup___ancestors {
	struct cgroup *ancestors[1];
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct cred {
	struct {
		__u32 val;
	} uid;
};

struct signal_struct {
	struct {
		int counter;
	} live;
};

struct task_struct {
	struct signal_struct *signal;
	int pid;
	int tgid;
	__u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	const struct cred *cred; /* acting as; the other is whom it belongs to */
	const struct cred *real_cred;
	char comm[16];
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	struct in6_addr skc_v6_daddr;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	__be16 skc_dport;
	__u16 skc_num;
	possible_net_t skc_net;
	struct proto *skc_prot;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sock {
	struct sock_common __sk_common;
	struct sock_cgroup_data sk_cgrp_data;
	struct timer_list sk_timer;
};

struct socket {
	short type;
	struct sock *sk;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

#pragma clang attribute pop

/* The change time of an inode, nanoseconds since the epoch. */
static __always_inline __u64 inode_ctime_ns(struct inode *inode)
{
	struct inode___split_ctime *split = (void *)inode;
	struct inode___private_ctime *private = (void *)inode;
	struct inode___ctime *plain = (void *)inode;

	if (bpf_core_field_exists(split->i_ctime_sec))
		return split->i_ctime_sec * 1000000000ull + (split->i_ctime_nsec & ~I_CTIME_QUERIED);
	if (bpf_core_field_exists(private->__i_ctime))
		return private->__i_ctime.tv_sec * 1000000000ull + private->__i_ctime.tv_nsec;
	return plain->i_ctime.tv_sec * 1000000000ull + plain->i_ctime.tv_nsec;
}

#endif
