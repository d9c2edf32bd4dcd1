/* SPDX-License-Identifier: GPL-2.0 */
/* Who is talking: task -> image -> application class. The daemon alone fills `images`; here they are only looked up. */
#ifndef HOLDFAST_PROCESS_H
#define HOLDFAST_PROCESS_H

#include "maps.h"

#define ARGS_LIMIT 4096 /* bytes of arguments that are hashed; a longer list makes the run an image of its own */
#define ARGS_CHUNK 64
#define PATH_DEPTH 24 /* components of an executable's path that are reported */

static __always_inline int current_in_scope(const struct policy *policy)
{
	return policy->scope_level == 0 || bpf_get_current_ancestor_cgroup_id(policy->scope_level) == policy->scope_cgroup;
}

/* One keyed step of a 64-bit hash: multiply by a secret odd number, fold the high half down. */
static __always_inline __u64 hash_step(__u64 hash, __u64 word, __u64 secret)
{
	hash = (hash ^ word) * (secret | 1);
	return hash ^ (hash >> 29);
}

/* Everything of a key that the task itself shows; `args_hash`, `salt` and `responsible` are the caller's. 0: a kernel thread. */
static __always_inline int image_of(struct task_struct *task, const struct policy *policy, struct image_key *key)
{
	struct mm_struct *mm = task->mm;
	struct nsproxy *spaces = task->nsproxy;

	__builtin_memset(key, 0, sizeof(*key));
	if (!mm || !mm->exe_file)
		return 0;
	struct inode *inode = mm->exe_file->f_inode;

	key->inode = inode->i_ino;
	key->device = inode->i_sb->s_dev;
	key->ctime_ns = inode_ctime_ns(inode);
	key->cgroup = task->cgroups->dfl_cgrp->kn->id;
	if (inode->i_nlink == 0)
		key->flags |= IMAGE_UNLINKED;
	if (!spaces || spaces->mnt_ns->ns.inum != policy->mount_namespace)
		key->flags |= IMAGE_OTHER_MOUNTS;
	return 1;
}

/* A salt that names this one process (and, for exec, this one run). */
static __always_inline __u64 salt_of(__u64 time_ns, __u32 tgid)
{
	return (time_ns << 22) ^ tgid ^ 1ull << 63;
}

/* Copies what the daemon has meanwhile said about the image. */
static __always_inline void resolve(struct process *process)
{
	struct image *image = bpf_map_lookup_elem(&images, &process->key);

	if (!image || image->class == CLASS_UNKNOWN)
		return;
	process->app = image->app;
	process->responsible = image->responsible;
	process->launcher = image->launcher;
	process->session = image->session;
	process->class = image->class;
}

struct walk {
	struct dentry *dentry;
	struct vfsmount *vfsmount;
	__u64 start; /* where the path so far begins */
};

/* One component, or one mount, upwards. 0: the root is reached, or there is no room. Not static: verified once, not at every step. */
__noinline int walk_up(struct image_event *event, struct walk *walk)
{
	if (!event || !walk)
		return 0;
	struct dentry *dentry = walk->dentry;
	struct vfsmount *vfsmount = walk->vfsmount;
	struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

	if (dentry == BPF_CORE_READ(vfsmount, mnt_root) || dentry == parent) {
		struct mount *mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
		struct mount *above = BPF_CORE_READ(mount, mnt_parent);

		if (above == mount)
			return 0;
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->vfsmount = (void *)above + bpf_core_field_offset(struct mount, mnt);
		return 1;
	}
	__u32 length = BPF_CORE_READ(dentry, d_name.len) & 255;
	__u32 start = walk->start;

	if (length == 0 || length + 1 > start || start > IMAGE_PATH_LENGTH)
		return 0;
	start = (start - length) & (IMAGE_PATH_LENGTH - 1);
	bpf_probe_read_kernel(&event->path[start], length, BPF_CORE_READ(dentry, d_name.name));
	start = (start - 1) & (IMAGE_PATH_LENGTH - 1);
	event->path[start] = '/';
	walk->start = start;
	walk->dentry = parent;
	return 1;
}

/* Writes the path of the task's executable to the end of event->path, from the last component to the first, across mounts. */
static __always_inline void walk_path(struct task_struct *task, struct image_event *event)
{
	struct walk walk = {
		.dentry = task->mm->exe_file->f_path.dentry,
		.vfsmount = task->mm->exe_file->f_path.mnt,
		.start = IMAGE_PATH_LENGTH,
	};

	for (int i = 0; i < PATH_DEPTH && walk_up(event, &walk); i++)
		;
	event->path_start = walk.start;
}

/* Tells the daemon about an image it has no class for. Best effort: what it means is looked up again at every packet. */
static __always_inline void report_image(struct task_struct *task, const struct image_key *key, __u64 netns, __u64 args_hash, int with_path)
{
	struct image_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return count(COUNTER_EVENTS_LOST);
	event->header.kind = EVENT_IMAGE;
	event->header.version = LAYOUT_VERSION;
	event->header.size = sizeof(*event);
	event->header.time_ns = bpf_ktime_get_boot_ns();
	event->key = *key;
	event->start_ns = task->start_boottime;
	event->netns = netns;
	event->args_hash = args_hash;
	event->tgid = task->tgid;
	event->uid = task->real_cred->uid.val;
	event->parent_tgid = task->real_parent->tgid;
	event->path_start = IMAGE_PATH_LENGTH;
	/* Not by its own helper: older kernels do not give it to tc programs. */
	bpf_probe_read_kernel(event->comm, sizeof(event->comm), task->comm);
	if (with_path)
		walk_path(task, event);
	bpf_ringbuf_submit(event, URGENT);
}

/* Hashes one chunk of the arguments on; 0 when it cannot be read. Not static: verified once, not at every step. */
__noinline __u64 hash_chunk(__u64 hash, __u64 at, __u64 left, __u64 secret)
{
	__u64 chunk[ARGS_CHUNK / 8] = {};

	if (left > ARGS_CHUNK || bpf_probe_read_user(chunk, left, (void *)at))
		return 0;
	for (int word = 0; word < ARGS_CHUNK / 8; word++)
		hash = hash_step(hash, chunk[word], secret);
	return hash ?: 1;
}

/* Hashes the arguments on; 0 when they cannot be read. */
__noinline __u64 hash_range(__u64 hash, __u64 at, __u64 end, __u64 secret)
{
	for (int i = 0; i < ARGS_LIMIT / ARGS_CHUNK && at < end && hash; i++, at += ARGS_CHUNK) {
		/* What follows the arguments is the environment: it is not let in. */
		hash = hash_chunk(hash, at, end - at > ARGS_CHUNK ? ARGS_CHUNK : end - at, secret);
	}
	return hash;
}

/* The keyed hash of the arguments and the working directory of a task that just executed; 0 when they are too long or unreadable. */
static __always_inline __u64 hash_args(struct task_struct *task, const struct policy *policy)
{
	__u64 at = task->mm->arg_start;
	__u64 end = task->mm->arg_end;
	__u64 secret = policy->hash_secret[0];
	__u64 hash = hash_step(policy->hash_secret[1], end - at, secret);

	if (end <= at || end - at > ARGS_LIMIT)
		return 0;
	hash = hash_range(hash, at, end, secret);
	if (!hash)
		return 0;
	struct inode *directory = task->fs->pwd.dentry->d_inode;

	hash = hash_step(hash, directory->i_ino, secret);
	hash = hash_step(hash, directory->i_sb->s_dev, secret);
	return hash ?: 1;
}

static __always_inline void process_executed(struct task_struct *task, const struct policy *policy)
{
	__u32 tgid = task->tgid;
	struct process *before = bpf_map_lookup_elem(&processes, &tgid);
	struct process now = {};
	struct image *image = NULL;
	int responsible_known = 0;

	if (!image_of(task, policy, &now.key))
		return;
	if (before) {
		if (before->class == CLASS_UNKNOWN)
			resolve(before);
		if (before->class != CLASS_UNKNOWN) {
			responsible_known = 1;
			now.responsible = before->session ? 0 : before->launcher ? before->responsible : before->app;
		}
	}
	now.start_ns = task->start_boottime;
	now.key.responsible = now.responsible;
	__u64 args_hash = 0;

	if (responsible_known)
		image = bpf_map_lookup_elem(&images, &now.key);
	if (!image || image->interpreter)
		args_hash = hash_args(task, policy);
	if (image && image->interpreter) {
		now.key.args_hash = args_hash;
		image = args_hash ? bpf_map_lookup_elem(&images, &now.key) : NULL;
	}
	/* Not known, not even whether it is an interpreter: then it is like no other run. */
	if (!responsible_known)
		now.key.flags |= IMAGE_FOR_WHOM_UNKNOWN;
	if (!image && !now.key.args_hash)
		now.key.salt = salt_of(bpf_ktime_get_boot_ns(), tgid);
	if (image && image->class != CLASS_UNKNOWN) {
		now.class = image->class;
		now.app = image->app;
		now.launcher = image->launcher;
		now.session = image->session;
	}
	if (bpf_map_update_elem(&processes, &tgid, &now, BPF_ANY))
		count(COUNTER_PROCESSES_FULL);
	if (now.class == CLASS_UNKNOWN)
		report_image(task, &now.key, 0, args_hash, 1);
}

static __always_inline void process_forked(struct task_struct *parent, struct task_struct *child)
{
	__u32 from = parent->tgid;
	__u32 to = child->tgid;
	struct process *process = bpf_map_lookup_elem(&processes, &from);

	if (from == to || !process)
		return;
	/* Who is not known yet goes by the key of its parent's run, and keeps it in the table when the parent is gone. */
	if (process->class == CLASS_UNKNOWN)
		resolve(process);
	struct process copy = *process;

	copy.start_ns = child->start_boottime;
	if (bpf_map_update_elem(&processes, &to, &copy, BPF_ANY))
		count(COUNTER_PROCESSES_FULL);
}

static __always_inline void process_exited(struct task_struct *task)
{
	__u32 tgid = task->tgid;

	/* Every thread exits; the process ends with the last. */
	if (task->signal->live.counter != 0)
		return;
	bpf_map_delete_elem(&processes, &tgid);
}

/*
 * Writes who the current task is into a socket's state: class, or the image's key for as long as there is no class. A process that
 * exec did not show us (it is older, or came into the scope later) is an image of its own, named by its start.
 */
static __noinline void owner_is_current(struct socket_state *state, const struct policy *policy)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tgid = task->tgid;
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);

	state->flow.tgid = tgid;
	state->flow.uid = task->cred->uid.val;
	if (process && process->key.cgroup == task->cgroups->dfl_cgrp->kn->id) {
		if (process->class == CLASS_UNKNOWN) {
			resolve(process);
			state->key = process->key;
		}
		state->flow.class = process->class;
		return;
	}
	struct process adopted = {};

	if (!image_of(task, policy, &adopted.key)) {
		state->flow.class = CLASS_KERNEL;
		return;
	}
	adopted.start_ns = task->start_boottime;
	adopted.key.flags |= IMAGE_FOR_WHOM_UNKNOWN;
	adopted.key.salt = salt_of(adopted.start_ns, tgid);
	resolve(&adopted);
	if (bpf_map_update_elem(&processes, &tgid, &adopted, BPF_ANY))
		count(COUNTER_PROCESSES_FULL);
	state->key = adopted.key;
	state->flow.class = adopted.class;
	if (adopted.class == CLASS_UNKNOWN)
		report_image(task, &adopted.key, state->flow.netns, 0, 0);
}

#endif
