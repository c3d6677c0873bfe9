/* out: an output of an operator; see op_internal.h. */

#include "fio/fio.h"
#include "op/op_internal.h"

/* The reader of a side leaving is a failure, of the main output an end. */
static int
left(const struct out *o, int rc)
{
	return rc == FERR_CLOSED && o->side != NULL ? ferr(FERR_IO, "%s: its reader left", o->side)
						    : rc;
}

static int
put_bytes(struct out *o, const void *p, size_t n)
{
	o->put += n;
	return left(o, link_out_put(&o->link, p, n));
}

int
out_push(struct out *o)
{
	return left(o, link_out_push(&o->link));
}

/* Begin anew, in memory that the link can lend to the pipe where it does. */
static int
reset(struct out *o)
{
	struct buf b;

	if (!o->text && (o->cur.lent || o->cur.n >= LINK_LEND_MIN) &&
	    link_out_lease(&o->link, &b)) {
		buf_fini(&o->cur);
		o->cur = b;
	}
	o->cur.n = 0;
	o->rows = 0;
	o->since = 0;
	o->frames = 0;
	if (buf_room(&o->cur, FRAME_HDR) != 0)
		return FERR_NOMEM;
	o->cur.n = FRAME_HDR;
	return 0;
}

/* fmt NULL: frames. */
int
out_open(struct out *o, int fd, const struct schema *schema, const struct fmt_write_conf *fmt)
{
	int rc;

	*o = (struct out){ .schema = schema, .text = fmt != NULL };
	if (fmt != NULL)
		o->fmt = *fmt;
	if ((rc = link_out_open(&o->link, fd)) != 0)
		return rc;
	o->open = true;
	return reset(o);
}

void
out_close(struct out *o)
{
	if (o->open)
		link_out_close(&o->link);
	o->open = false;
	fmt_writer_free(o->writer);
	o->writer = NULL;
	buf_fini(&o->txt);
	buf_fini(&o->cur);
}

/* In front of all that has gathered. */
static int
put_hello(struct out *o, const struct buf *payload)
{
	struct buf b = BUF_INIT;
	int rc;

	if ((rc = frame_put(&b, FRAME_HELLO, o->seq++, payload->p, payload->n)) == 0)
		rc = put_bytes(o, b.p, b.n);
	buf_fini(&b);
	return rc;
}

/*
 * A reader reads ahead up to an unaligned barrier, and then nothing before it has processed that:
 * if we filled the pipe again each time, its memory would grow by that with every barrier.  So a
 * little follows the barrier, and no more until all of it has been read.  It may have been read
 * with the barrier; what then follows is read only in its turn, so we wait once more, and are free.
 */
#define BEHIND_BARRIER (FRAME_AIM / 2) /* a frame */

void
out_overtook(struct out *o)
{
	if (o->link.kind == LINK_FILE)
		return;
	o->pauses = 2;
	o->mark = o->put;
}

/* Of a local socket and of a pipe, whose ends both tell it. */
static bool
all_read(const struct out *o)
{
	return link_out_waiting(&o->link) == 0 &&
	       fio_unread(o->link.fd, o->link.kind == LINK_SOCK) <= 0;
}

static bool
is_paused(struct out *o)
{
	if (o->pauses == 0 || o->put <= o->mark + BEHIND_BARRIER)
		return false;
	if (all_read(o)) {
		o->pauses--;
		o->mark = o->put;
		return false;
	}
	return true;
}

bool
out_full(struct out *o)
{
	return link_out_full(&o->link) || is_paused(o);
}

int
out_hello(struct out *o, const struct hello *h)
{
	struct buf b = BUF_INIT;
	int rc;

	if (o->text)
		return 0;
	o->greeted = true;
	if ((rc = put_bytes(o, FRAME_LINE, FRAME_LINE_LEN)) == 0 && (rc = hello_encode(h, &b)) == 0)
		rc = put_hello(o, &b);
	buf_fini(&b);
	return rc;
}

static int
put_schema(struct out *o)
{
	struct buf payload = BUF_INIT, frame = BUF_INIT;
	int rc;

	o->schema_due = false;
	if ((rc = schema_encode(o->schema, &payload)) == 0 &&
	    (rc = frame_put(&frame, FRAME_SCHEMA, o->seq++, payload.p, payload.n)) == 0)
		rc = put_bytes(o, frame.p, frame.n);
	buf_fini(&frame);
	buf_fini(&payload);
	return rc;
}

static int
open_writer(struct out *o)
{
	if (o->writer != NULL)
		return 0;
	o->fmt.changing = o->schema->changing;
	return fmt_writer_new(&o->writer, &o->fmt);
}

static int
print_rows(struct out *o)
{
	int rc, put;

	if ((rc = open_writer(o)) != 0)
		return rc;
	o->held = o->fmt.kind == FMT_TABLE;
	o->txt.n = 0;
	for (const uint8_t *r = o->cur.p + FRAME_HDR, *end = o->cur.p + o->cur.n;
	     r < end && rc == 0; r += row_len(r)) {
		if (row_kind(r) != ROW_WATERMARK)
			rc = fmt_write(o->writer, o->schema, r, &o->txt);
	}
	/* Rows before a bad one go out all the same. */
	put = o->txt.n == 0 ? 0 : put_bytes(o, o->txt.p, o->txt.n);
	return rc != 0 ? rc : put;
}

int
out_seal(struct out *o)
{
	int rc = 0, reset_rc;

	if (!o->text && !o->greeted)
		return 0; /* what a restore gives waits for the HELLO */
	if (o->text) {
		if (o->cur.n > FRAME_HDR)
			rc = print_rows(o);
	} else {
		if (o->schema_due)
			rc = put_schema(o);
		if (rc == 0 && o->cur.n > FRAME_HDR) {
			o->total += o->rows;
			frame_seal(o->cur.p, FRAME_DATA, (uint32_t)(o->cur.n - FRAME_HDR), o->rows,
				   o->seq++);
			rc = put_bytes(o, o->cur.p, o->cur.n);
		}
	}
	reset_rc = reset(o);
	return rc != 0 ? rc : reset_rc;
}

/* A frame of its own, behind all rows so far. */
int
out_control(struct out *o, enum frame_kind kind, const void *payload, size_t n)
{
	struct buf b = BUF_INIT;
	int rc;

	if (o->text)
		return 0;
	if ((rc = out_seal(o)) == 0 && (rc = frame_put(&b, kind, o->seq++, payload, n)) == 0)
		rc = put_bytes(o, b.p, b.n);
	buf_fini(&b);
	return rc;
}

int
out_mark(struct out *o, int64_t wm, int64_t now)
{
	if (o->text)
		return 0;
	if (buf_room(&o->cur, ROW_MARK) != 0)
		return FERR_NOMEM;
	row_mark(o->cur.p + o->cur.n, wm);
	o->cur.n += ROW_MARK;
	return out_added(o, 0, now);
}

/* Rows may be more than a frame holds: they are cut at row borders. */
int
out_rows(struct out *o, const uint8_t *p, const uint8_t *end, unsigned rows, int64_t now)
{
	const uint8_t *q = p;
	unsigned n = 0;
	int rc;

	if ((size_t)(end - p) + o->cur.n < 2 * FRAME_AIM) {
		if ((rc = buf_put(&o->cur, p, (size_t)(end - p))) != 0)
			return rc;
		return out_added(o, rows, now);
	}
	while (q < end) {
		q += row_len(q);
		n++;
		if (q < end && (size_t)(q - p) + o->cur.n < FRAME_AIM)
			continue;
		if ((rc = buf_put(&o->cur, p, (size_t)(q - p))) != 0 ||
		    (rc = out_added(o, n, now)) != 0)
			return rc;
		p = q;
		n = 0;
	}
	return 0;
}

int
out_text(struct out *o, const void *p, size_t n)
{
	int rc = out_seal(o);

	return rc != 0 ? rc : put_bytes(o, p, n);
}

static int
release(struct out *o, const struct schema *at_end)
{
	int rc;

	o->held = false;
	o->txt.n = 0;
	if ((rc = open_writer(o)) == 0 && (rc = fmt_write_end(o->writer, at_end, &o->txt)) == 0 &&
	    o->txt.n > 0)
		rc = put_bytes(o, o->txt.p, o->txt.n);
	return rc;
}

int
out_release(struct out *o)
{
	return o->text ? release(o, NULL) : 0;
}

int
out_end(struct out *o, enum end_reason why)
{
	uint8_t reason = (uint8_t)why;
	int rc;

	if ((rc = out_seal(o)) != 0)
		return rc;
	if (!o->text)
		return out_control(o, FRAME_END, &reason, 1);
	return release(o, o->schema);
}
