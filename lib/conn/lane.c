/* lane: sealing and publishing; see lane.h. */
#include "conn/lane_internal.h"

#include <stdlib.h>
#include <string.h>

void
lane_free(struct lane *l)
{
	if (l == NULL)
		return;
	lane_log_free(l->log);
	dest_close(l->dest);
	free(l->found);
	free(l);
}

bool
lane_full(const struct lane *l)
{
	return lane_log_full(l->log);
}

/* ---- sealing ---- */

static int
run_create(void *self, void *arg)
{
	struct lane *l = self;

	return dest_create(l->dest, arg);
}

/* Have the part made, before its first bytes are in the log. */
static int
put_create(struct lane *l, struct op *op, const struct piece *p)
{
	struct piece *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	*copy = *p;
	return lane_log_do(l->log, op, run_create, copy);
}

static int
put_piece(struct lane *l, struct op *op, const struct piece *p, struct buf *data)
{
	struct buf head = BUF_INIT;
	int rc = 0;

	if ((p->flags & PIECE_CREATES) != 0)
		rc = put_create(l, op, p);
	if (rc == 0 && (rc = piece_head(p, &head)) == 0)
		rc = lane_log_put(l->log, op, head.p, head.n, data);
	buf_fini(&head);
	return rc;
}

int
lane_put(struct lane *l, struct op *op, struct lane_part *p, unsigned flags)
{
	struct piece piece;
	int rc;

	part_rows_pause(&p->rows);
	if (p->rows.b.n == 0 && flags == 0)
		return 0;
	lane_piece_of(l, p, &piece);
	if (!p->begun && l->conf.kind == DEST_DIR)
		flags |= PIECE_CREATES;
	piece.flags = (uint8_t)flags;
	piece.offset = p->offset;
	piece.n = (uint32_t)p->rows.b.n;
	if ((rc = put_piece(l, op, &piece, &p->rows.b)) != 0)
		return rc;
	p->offset += piece.n;
	p->begun = true;
	p->dirty = true;
	return 0;
}

/* The names of what was made. */
static int
sync_names(void *self)
{
	struct lane *l = self;

	return l->conf.kind == DEST_DIR ? dest_sync(l->dest) : 0;
}

int
lane_seal(struct lane *l, struct op *op, const struct barrier *b)
{
	return lane_log_seal(l->log, op, b);
}

int
lane_ack(struct lane *l, struct snap *s)
{
	return lane_log_ack(l->log, s);
}

int
lane_end(const struct lane *l)
{
	return lane_log_end(l->log);
}

/* ---- publishing ---- */

static int
feed(void *cookie, uint64_t epoch, const uint8_t *p, size_t n)
{
	(void)epoch;
	return piece_feed(cookie, p, n);
}

static int
publish_stretch(struct lane *l, const struct snap_file *f)
{
	struct piece_sink sink = dest_sink;
	struct piece_reader r;
	int rc;

	sink.cookie = l->dest;
	piece_reader_init(&r, &sink);
	rc = lane_log_read(l->task, f, feed, &r);
	return rc == 0 ? piece_done(&r) : rc;
}

static int
publish(void *self, void *lane, const struct snap_files *files, uint64_t epoch)
{
	struct lane *l = self;
	bool first = epoch == l->task->epoch;
	int rc = 0;

	(void)lane; /* a piece says itself what part it is of */
	dest_begin(l->dest, first);
	for (unsigned i = 0; i < files->n && rc == 0; i++)
		rc = publish_stretch(l, &files->v[i]);
	if (rc == 0)
		rc = dest_done(l->dest);
	return first ? lane_log_blame(l->task, rc) : rc;
}

const struct lane_log_class lane_log_class = { .sync = sync_names, .publish = publish };

/* ---- leftovers ---- */

/*
 * A hidden part of an older attempt that no state names.  Whose parts these are to remove: those of
 * the old lanes whose state we have got, for we know what it names.  When the parallelism is the
 * old one, subtask 0 has those of lanes that are no more as well: their parts were closed before
 * the checkpoint that we are restored from, and what was pending in it is published everywhere,
 * since every subtask has acked behind that.
 */
static bool
is_leftover(void *cookie, const char *path, const struct part_name *n)
{
	const struct lane *l = cookie;
	const struct op_task *t = l->task;
	char hidden[PIECE_PATH_MAX + 32];
	uint32_t old = t->same || t->nsnap == 0 ? 0 : t->snap[0].parallel, lo;

	if (n->maker == 0 || n->maker >= t->attempt)
		return false;
	if (old == 0 && n->lane != t->subtask && (t->subtask != 0 || n->lane < t->parallel))
		return false;
	if (old != 0 &&
	    (n->lane >= old || (lo = group_lo(n->lane, old, t->groups)) < t->lo || lo > t->hi))
		return false;
	for (size_t i = 0; i < l->nfound; i++) {
		piece_hidden(&l->found[i].part, hidden);
		if (strcmp(hidden, path) == 0)
			return false;
	}
	return true;
}

static int
run_clean(void *self, void *arg)
{
	struct lane *l = self;

	(void)arg;
	return dest_clean(l->dest, is_leftover, l);
}

int
lane_complete(struct lane *l, struct op *op, uint64_t epoch)
{
	int rc;

	if ((rc = lane_log_complete(l->log, op, epoch)) != 0 || l->cleaned)
		return rc;
	l->cleaned = true;
	return lane_log_do(l->log, op, run_clean, NULL);
}

/* ---- at a restart ---- */

static int
run_compare(void *self, void *arg)
{
	struct lane *l = self;
	int rc = 0;

	(void)arg;
	for (size_t i = 0; i < l->nfound && rc == 0; i++)
		rc = dest_check(l->dest, &l->found[i].part, l->found[i].length, true);
	if (rc == 0)
		rc = dest_check_ahead(l->dest, l->task->subtask, l->next_number);
	return lane_log_blame(l->task, rc);
}

int
lane_put_restored(struct lane *l, struct op *op)
{
	int rc = 0;

	for (unsigned i = 0; i < l->task->nsnap && rc == 0; i++) {
		if (lane_log_ours(l->task, i))
			rc = lane_log_adopt(l->log, op, i, NULL);
	}
	if (rc == 0)
		rc = lane_log_complete(l->log, op, l->task->epoch);
	return rc != 0 ? rc : lane_log_do(l->log, op, run_compare, NULL);
}
