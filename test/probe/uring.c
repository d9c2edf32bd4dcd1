// SPDX-License-Identifier: Apache-2.0
/* One operation through io_uring by raw system calls. */
#include "probe.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static void *ring_at(int ring, size_t size, off_t offset)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, offset);
}

/* A ring of one entry: slot 0 of each queue. Returns the completion's res, -errno of a failed call. */
static int submit(const struct io_uring_sqe *entry, bool *available)
{
	struct io_uring_params setup = {};
	int ring = syscall(SYS_io_uring_setup, 1, &setup), result;
	char *submission, *completion;
	struct io_uring_sqe *entries;

	*available = ring >= 0;
	if (ring < 0)
		return -errno;
	submission = ring_at(ring, setup.sq_off.array + setup.sq_entries * sizeof(unsigned int), IORING_OFF_SQ_RING);
	completion = ring_at(ring, setup.cq_off.cqes + setup.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	entries = ring_at(ring, setup.sq_entries * sizeof(*entries), IORING_OFF_SQES);
	if (submission == MAP_FAILED || completion == MAP_FAILED || entries == MAP_FAILED)
		return -errno;
	entries[0] = *entry;
	((unsigned int *)(submission + setup.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned int *)(submission + setup.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	result = ((struct io_uring_cqe *)(completion + setup.cq_off.cqes))[0].res;
	close(ring);
	return result < 0 ? result : 0;
}

int uring_connect(int fd, const union address *to, socklen_t length, bool *available)
{
	struct io_uring_sqe entry = { .opcode = IORING_OP_CONNECT, .fd = fd, .addr = (unsigned long)to, .off = length };

	return submit(&entry, available);
}

int uring_send(int fd, const void *data, size_t size, const union address *to, socklen_t length, bool *available)
{
	struct iovec part = { (void *)data, size };
	struct msghdr header = { .msg_name = length ? (void *)to : NULL, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1 };
	struct io_uring_sqe entry = { .opcode = IORING_OP_SENDMSG, .fd = fd, .addr = (unsigned long)&header, .len = 1 };

	return submit(&entry, available);
}
