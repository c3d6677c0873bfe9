/* queue: records and keys that wait, in memory and in a file without a name; see
 * state_internal.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "fio/fio.h"
#include "state/state_internal.h"

#define READ_MAX (256u << 10)
#define SHIFT_MIN (64u << 10)
#define TRIM_MIN (64u << 10)

void
state_queue_fini(struct queue *q)
{
	buf_fini(&q->head);
	buf_fini(&q->tail);
	if (q->fd != -1)
		fio_close(q->fd);
	*q = (struct queue)QUEUE_INIT;
}

void
state_queue_clear(struct queue *q)
{
	q->head.n = q->tail.n = q->at = 0;
	q->r = q->w = 0;
	if (q->fd != -1)
		fio_close(q->fd);
	q->fd = -1;
}

bool
state_queue_empty(const struct queue *q)
{
	return q->at == q->head.n && q->r == q->w && q->tail.n == 0;
}

/* ---- the file ---- */

int
state_local(const char *dir, const char **out)
{
	const char *tmp = fio_env("TMPDIR");

	*out = dir != NULL ? dir : tmp != NULL && *tmp != '\0' ? tmp : "/tmp";
	if (dir != NULL && fio_mkdir(dir) == -1)
		return ferr_sys(FERR_IO, "%s", dir);
	return 0;
}

int
state_local_file(const char *dir)
{
	char path[4096];
	uint64_t name[2];
	int fd, rc;

	if ((rc = state_local(dir, &dir)) != 0)
		return rc;
	if ((fd = fio_open(dir, O_TMPFILE | O_RDWR, 0600)) != -1)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return ferr_sys(FERR_IO, "%s", dir);
	if (fio_random(name, sizeof(name)) == -1)
		return ferr_sys(FERR_IO, "random numbers");
	snprintf(path, sizeof(path), "%s/queue-%016" PRIx64 "%016" PRIx64, dir, name[0], name[1]);
	if ((fd = fio_open(path, O_RDWR | O_CREAT | O_EXCL, 0600)) == -1)
		return ferr_sys(FERR_IO, "%s", path);
	if (fio_unlinkat(AT_FDCWD, path) == -1) {
		rc = ferr_sys(FERR_IO, "%s", path);
		fio_close(fd);
		return rc;
	}
	return fd;
}

int
state_queue_trim(struct queue *q, const char *dir)
{
	int fd;

	if (q->tail.n < TRIM_MIN)
		return 0;
	if (q->fd == -1) {
		if ((fd = state_local_file(dir)) < 0)
			return fd;
		q->fd = fd;
	}
	if (fio_pwrite_all(q->fd, q->tail.p, q->tail.n, (off_t)q->w) == -1)
		return ferr_sys(FERR_IO, "state beyond --mem");
	q->w += q->tail.n;
	buf_fini(&q->tail);
	return 0;
}

/* Bring more of what comes next into head. */
static int
refill(struct queue *q)
{
	uint64_t n = q->w - q->r;
	struct buf t;
	int rc;

	buf_shift(&q->head, q->at);
	q->at = 0;
	if (n == 0) {
		if (q->head.n == 0) { /* no copy */
			t = q->head;
			q->head = q->tail;
			q->tail = t;
		} else if ((rc = buf_put(&q->head, q->tail.p, q->tail.n)) != 0) {
			return rc;
		}
		q->tail.n = 0;
		return 0;
	}
	n = n < READ_MAX ? n : READ_MAX;
	if ((rc = buf_room(&q->head, n)) != 0)
		return rc;
	if (fio_pread_all(q->fd, q->head.p + q->head.n, n, (off_t)q->r) == -1)
		return ferr_sys(FERR_IO, "state beyond --mem");
	q->head.n += n;
	q->r += n;
	if (q->r == q->w) {
		fio_close(q->fd);
		q->fd = -1;
		q->r = q->w = 0;
	}
	return 0;
}

/* ---- strings ---- */

/* Length of the whole string at head, after `skip` bytes; 0: there is none. */
static size_t
whole(const struct queue *q, size_t skip)
{
	size_t left = q->head.n - q->at - skip;
	uint32_t n;

	return left >= 4 && (n = le32get(q->head.p + q->at + skip)) <= left ? n : 0;
}

int
state_queue_first(struct queue *q, const uint8_t **p)
{
	int rc;

	while (whole(q, 0) == 0) {
		if (q->r == q->w && q->tail.n == 0)
			return 0;
		if ((rc = refill(q)) != 0)
			return rc;
	}
	*p = q->head.p + q->at;
	return 1;
}

void
state_queue_pop(struct queue *q)
{
	q->at += whole(q, 0);
}

int
state_queue_take(struct queue *q, struct buf *out, size_t max)
{
	const uint8_t *p;
	size_t n, len, taken = 0;
	int rc;

	while (taken < max && (rc = state_queue_first(q, &p)) != 0) {
		if (rc < 0)
			return rc;
		for (n = 0; (len = whole(q, n)) != 0 && (taken + n + len <= max || taken + n == 0);)
			n += len;
		if (n == 0)
			break;
		if ((rc = buf_put(out, p, n)) != 0)
			return rc;
		q->at += n;
		taken += n;
	}
	if (q->at > SHIFT_MIN && q->at > q->head.n / 2) {
		buf_shift(&q->head, q->at);
		q->at = 0;
	}
	return 0;
}

int
state_queue_move(struct queue *q, struct queue *from, const char *dir)
{
	struct queue t = *q;
	int rc;

	if (state_queue_empty(q)) {
		*q = *from;
		*from = t;
		return 0;
	}
	while (!state_queue_empty(from)) {
		if ((rc = state_queue_take(from, &q->tail, READ_MAX)) != 0)
			return rc;
		if (q->fd != -1 && (rc = state_queue_trim(q, dir)) != 0)
			return rc;
	}
	return 0;
}
