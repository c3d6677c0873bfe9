/*
 * base_peek: the local copy is looked at by someone who may not take its lock; see base.h.
 *
 * LMDB writes no page that belongs to the last two transactions, but their next one may.  So what
 * is read is the last transaction, whole, unless several have ended meanwhile; then what is read
 * fits neither its order nor its checksums.  Hence a fault counts only if the meta pages are still
 * what they were before.
 */
#include <stdlib.h>

#include "state/base_internal.h"

void
base_seen_fini(struct base_seen *s)
{
	free(s->stage);
	snap_clear_files(&s->at);
	snap_clear_files(&s->to);
	*s = (struct base_seen){ 0 };
}

static int
peek_open(struct base **out, const char *local)
{
	struct base *b = calloc(1, sizeof(*b));
	int rc;

	if (b == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	b->lock = -1;
	b->peek = true;
	if ((rc = base_files_init(&b->files, local)) != 0) {
		base_free(b);
		return rc;
	}
	*out = b;
	return 0;
}

/* What its head says; places move over. */
static int
tell(struct base_seen *out, struct base *b)
{
	struct head *h = &b->head;
	char now[BOOT_MAX];
	int rc;

	if ((rc = base_boot(now)) != 0)
		return rc;
	if ((rc = base_decode_id(out, &b->id)) != 0)
		return rc == FERR_CORRUPT ? base_damaged(b->files.data, 0, "its head") : rc;
	out->clean = h->clean;
	out->booted = strcmp(h->boot, now) == 0;
	out->items = h->all.items;
	out->bytes = h->all.bytes;
	out->at = h->at;
	out->to = h->to;
	h->at = h->to = (struct snap_files){ 0 };
	return 0;
}

static int
read_all(struct base_seen *out, struct base *b, int (*fn)(void *cookie, const uint8_t *p, size_t n),
	 void *cookie)
{
	int rc = base_look(b);

	if (rc == 0 && b->head.at.n == 0)
		rc = ferr(FERR_LOST, "%s holds nothing", b->files.data);
	if (rc == 0 && fn != NULL)
		rc = base_each(b, fn, cookie);
	return rc == 0 ? tell(out, b) : rc;
}

/* It could not be read: because it was being written to? */
static int
blame(const struct base *b, const struct buf *before, int rc)
{
	struct buf after = BUF_INIT, why = BUF_INIT;
	int now = 0;

	if (rc != FERR_CORRUPT && rc != FERR_LOST)
		return rc;
	if ((now = buf_puts(&why, ferr_text())) == 0 && buf_cstr(&why) == NULL)
		now = FERR_NOMEM;
	if (now == 0)
		now = base_stamp(b->files.data, &after);
	if (now != 0)
		rc = now;
	else if (after.n != before->n || memcmp(after.p, before->p, after.n) != 0)
		rc = ferr(FERR_AGAIN, "%s is being written to", b->files.data);
	else
		rc = ferr(rc, "%s", (const char *)why.p);
	buf_fini(&after);
	buf_fini(&why);
	return rc;
}

int
base_peek(struct base_seen *out, const char *local,
	  int (*fn)(void *cookie, const uint8_t *p, size_t n), void *cookie)
{
	struct buf before = BUF_INIT;
	struct base *b = NULL;
	int rc;

	*out = (struct base_seen){ 0 };
	if ((rc = peek_open(&b, local)) != 0)
		return rc;
	if ((rc = base_stamp(b->files.data, &before)) == 0 && before.n == 0)
		rc = ferr(FERR_LOST, "%s is not there, or empty", b->files.data);
	if (rc == 0 && (rc = read_all(out, b, fn, cookie)) != 0)
		rc = blame(b, &before, rc);
	if (rc != 0)
		base_seen_fini(out);
	buf_fini(&before);
	base_free(b);
	return rc;
}
