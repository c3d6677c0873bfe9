/* chan: an input of an operator, frames or text; see op_internal.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "fio/fio.h"
#include "op/op_internal.h"

#define MAGIC "#fjord "
#define MAGIC_LEN 7

int
chan_open(struct chan *c, unsigned id, unsigned input, int fd)
{
	*c = (struct chan){ .id = id, .input = input };
	schema_init(&c->schema);
	hello_init(&c->hello);
	return link_in_open(&c->link, fd);
}

void
chan_close(struct chan *c)
{
	link_in_close(&c->link);
	schema_fini(&c->schema);
	hello_fini(&c->hello);
	fmt_reader_free(c->reader);
	buf_fini(&c->rows);
	buf_fini(&c->mapped);
	buf_fini(&c->replay);
	free(c->map);
	free(c->marks);
	free(c->fault_text);
}

/* What the class or an epoch says is no damage of the edge. */
static int
within(struct chan *c, int rc)
{
	c->within = rc < 0;
	return rc;
}

static int
add_mark(struct chan *c, uint8_t *at)
{
	uint8_t **m;

	if (c->nmarks == c->capmarks) {
		c->capmarks = c->capmarks != 0 ? 2 * c->capmarks : 16;
		if ((m = realloc(c->marks, c->capmarks * sizeof(*m))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		c->marks = m;
	}
	c->marks[c->nmarks++] = at;
	return 0;
}

int
chan_rows(struct chan *c, uint8_t *p, size_t n)
{
	int rc;

	c->row = p;
	c->end = p + n;
	c->imark = c->nmarks = 0;
	for (uint8_t *r = c->row; r < c->end; r += row_len(r)) {
		if (row_kind(r) == ROW_WATERMARK && (rc = add_mark(c, r)) != 0)
			return rc;
	}
	return 0;
}

/* Copy the rows at [row, end) under the input's schema, and note the marks anew. */
static int
remap(struct op *op, struct chan *c)
{
	struct buf *b = &c->mapped;
	int rc;

	b->n = 0;
	for (uint8_t *r = c->row; r < c->end; r += row_len(r)) {
		if (row_kind(r) == ROW_WATERMARK)
			rc = buf_put(b, r, ROW_MARK);
		else
			rc = row_remap(r, op->input[c->input].schema.n, c->map, b);
		if (rc != 0)
			return rc;
	}
	return chan_rows(c, b->p, b->n);
}

/* Rows and marks at [p, p+n) are to be delivered; the marks are noted. */
static int
begin_rows(struct op *op, struct chan *c, uint8_t *p, size_t n)
{
	c->row = p;
	c->end = p + n;
	c->imark = 0;
	return c->map != NULL ? remap(op, c) : 0;
}

/* A DATA frame: check each row, note the marks. */
static int
take_data(struct op *op, struct chan *c, const struct frame *f)
{
	uint8_t *p = (uint8_t *)(uintptr_t)f->payload, *end = p + f->n;
	uint32_t rows = 0, len;
	int rc;

	c->nmarks = 0;
	for (uint8_t *r = p; r < end; r += len) {
		len = end - r >= (ptrdiff_t)ROW_MARK ? row_len(r) : 0;
		if (len < ROW_MARK || len > (size_t)(end - r) || !row_check(r, len))
			return ferr(FERR_CORRUPT, "frame %" PRIu64 " holds a row that is not sound",
				    f->seq);
		if (row_n(r) > c->schema.n)
			return ferr(FERR_CORRUPT,
				    "frame %" PRIu64
				    " holds a row with more fields than the schema",
				    f->seq);
		if (row_kind(r) != ROW_WATERMARK)
			rows++;
		else if ((rc = add_mark(c, r)) != 0)
			return rc;
	}
	if (rows != f->count)
		return ferr(FERR_CORRUPT, "frame %" PRIu64 " says %u rows and has %u", f->seq,
			    f->count, rows);
	return begin_rows(op, c, p, f->n);
}

/* Deliver rows and marks until the frame is done, the output is full, or something is pending. */
static int
deliver(struct op *op, struct chan *c)
{
	uint8_t *stop;
	int64_t wm;
	int rc;

	while (c->row < c->end && !op->pending) {
		stop = c->imark < c->nmarks ? c->marks[c->imark] : c->end;
		if (c->row == stop) {
			wm = row_time(c->row);
			c->row += ROW_MARK;
			c->imark++;
			if ((rc = within(c, op_take_watermark(op, c, wm))) != 0)
				return rc;
			continue;
		}
		c->run = c->row;
		c->before = c->count;
		op->current = c->input;
		if ((rc = op->cls->on_rows(op->self, op, &c->row, stop)) == FERR_AGAIN) {
			op->pending = true;
			rc = 0;
		}
		rc = within(c, rc);
		for (uint8_t *r = c->run; r < c->row; r += row_len(r))
			c->count++, op->ep.rows_in++;
		if (rc != 0)
			return rc;
		if (c->row < stop)
			break;
	}
	return 1;
}

/* A schema may only grow. */
static int
take_schema(struct op *op, struct chan *c, const struct frame *f)
{
	struct schema s;
	int rc;

	schema_init(&s);
	if ((rc = schema_decode(&s, f->payload, f->n)) == 0 && c->schema_known &&
	    !schema_extends(&s, &c->schema))
		rc = ferr(FERR_CORRUPT, "a schema changed in mid-stream");
	if (rc == 0)
		rc = schema_copy(&c->schema, &s);
	schema_fini(&s);
	c->schema_known = true;
	return rc != 0 ? rc : within(c, op_take_schema(op, c));
}

static int
take_control(struct op *op, struct chan *c, const struct frame *f)
{
	struct barrier bar;
	uint64_t epoch;
	int rc = 0;

	switch (f->kind) {
	case FRAME_HELLO:
		if ((rc = hello_decode(&c->hello, f->payload, f->n)) != 0)
			return rc;
		c->greeted = true;
		rc = op_greet(op);
		break;
	case FRAME_SCHEMA: rc = take_schema(op, c, f); break;
	case FRAME_IDLE:
	case FRAME_ACTIVE: rc = op_take_idle(op, c, f->kind == FRAME_IDLE); break;
	case FRAME_END:
		rc = end_decode(&c->why, f->payload, f->n);
		c->state = CHAN_LAST;
		if (rc == 0 && op->ep.on)
			rc = within(c, op_epoch_end(op, c));
		break;
	case FRAME_BARRIER:
		if ((rc = barrier_decode(&bar, f->payload, f->n)) != 0)
			break;
		if (op->ep.on)
			rc = within(c, op_epoch_barrier(op, c, &bar));
		else if (!op->cls->marks)
			rc = ferr(FERR_USAGE, "a barrier came, and this stage keeps no state: "
					      "export FSTATE, so that all stages see it");
		break;
	case FRAME_CANCEL:
		if ((rc = cancel_decode(&epoch, f->payload, f->n)) == 0 && op->ep.on)
			rc = within(c, op_epoch_cancel(op, epoch));
		break;
	case FRAME_CREDIT: rc = ferr(FERR_CORRUPT, "a CREDIT frame on a one-way edge"); break;
	default: break;
	}
	if (rc == 0 && op->cls->marks)
		rc = op->cls->on_mark(op->self, op, f, 0);
	return rc;
}

static int
take(struct op *op, struct chan *c, const struct frame *f)
{
	int rc = f->kind == FRAME_DATA ? take_data(op, c, f) : take_control(op, c, f);

	for (unsigned i = 0; i < op->nout && rc == 0; i++)
		op->out[i].frames++;
	return rc != 0 ? rc : 1;
}

/* The next frame of those that were in flight, which come before all of the edge (flight.c).  They
 * may come from several channels, each with numbers of its own. */
static int
take_replay(struct op *op, struct chan *c)
{
	struct frame f;
	size_t used;
	int rc;

	if (c->replay_at == c->replay.n) {
		buf_fini(&c->replay);
		c->replay_at = 0;
		c->schema_known = false;
		op->nreplays--;
		return 1;
	}
	rc = frame_decode(&f, c->replay.p + c->replay_at, c->replay.n - c->replay_at, &used);
	if (rc == 0) {
		c->replay_at += used;
		c->schema_known = c->schema_known && f.kind != FRAME_SCHEMA;
		rc = take(op, c, &f);
	} else if (rc == FERR_AGAIN) {
		rc = ferr(FERR_CORRUPT, "records in flight break off");
	}
	return within(c, rc);
}

/* The next frame of the buffer: 1 taken, 0 not whole yet. */
static int
take_frame(struct op *op, struct chan *c)
{
	struct frame f;
	size_t used;
	int rc;

	rc = frame_decode(&f, c->link.b.p + c->link.at, c->link.b.n - c->link.at, &used);
	if (rc == FERR_AGAIN)
		return 0;
	if (rc != 0)
		return rc;
	if (f.seq != c->seq)
		return ferr(FERR_CORRUPT, "frame %" PRIu64 " follows frame %" PRIu64, f.seq,
			    c->seq - 1);
	if ((c->seq == 0) != (f.kind == FRAME_HELLO))
		return ferr(FERR_CORRUPT, "HELLO must be the first frame");
	c->seq++;
	c->link.at += used;
	return take(op, c, &f);
}

/* Behind END there is the end of the stream and nothing else: two streams in a row would lose the
 * second. */
static int
take_end(struct chan *c)
{
	if (c->link.at < c->link.b.n)
		return ferr(FERR_CORRUPT, "bytes follow the end of the stream; streams cannot be "
					  "joined with cat, name their files to fsource");
	c->state = CHAN_DONE;
	return 1;
}

/* ---- text ---- */

static int
open_text(struct op *op, struct chan *c)
{
	struct fmt_conf conf = { .schema = &c->schema };
	int rc;

	conf.kind = fmt_sniff(c->link.b.p, c->link.b.n);
	if ((rc = fmt_reader_new(&c->reader, &conf)) != 0)
		return rc;
	c->state = CHAN_TEXT;
	c->greeted = true;
	return op_greet(op);
}

static int
end_text(struct op *op, struct chan *c)
{
	c->state = CHAN_DONE;
	c->why = END_DONE;
	return op_take_watermark(op, c, WM_MAX);
}

/* Read rows until there is a frame's worth of them, or the bytes run out. */
static int
take_text(struct op *op, struct chan *c)
{
	struct link_in *l = &c->link;
	unsigned fields = c->schema.n;
	struct fmt_bad bad;
	char at[64];
	size_t used;
	int rc = 1;
	bool any = false;

	if (c->fault != 0)
		return ferr(c->fault, "%s",
			    c->fault_text != NULL ? c->fault_text : "out of memory");
	c->rows.n = 0;
	while (c->rows.n < FRAME_AIM && rc != FERR_AGAIN) {
		if (l->at == l->b.n && l->eof && !any)
			break;
		rc = fmt_read(c->reader, l->b.p + l->at, l->b.n - l->at, l->eof, &used, &c->rows,
			      &bad);
		l->at += used;
		any = any || rc >= 0;
		if (rc == FERR_NOMEM)
			return rc;
		if (rc == FERR_DATA || rc == FERR_LIMIT) {
			any = true;
			snprintf(at, sizeof(at), "stdin:%" PRIu64 ":%" PRIu64, bad.line, bad.col);
			if ((c->fault = op_bad(op, at, bad.reason, bad.text, bad.n)) != 0) {
				if (c->rows.n == 0)
					return c->fault;
				c->fault_text =
				    strdup(ferr_text()); /* what was good before goes out first */
				break;
			}
		}
		if (rc == 0 && l->eof && l->at == l->b.n)
			break;
	}
	if (c->schema.n != fields && (rc = op_take_schema(op, c)) != 0)
		return rc;
	if (c->rows.n > 0) {
		c->nmarks = 0;
		rc = begin_rows(op, c, c->rows.p, c->rows.n);
		return rc != 0 ? rc : 1;
	}
	if (l->eof && l->at == l->b.n) {
		rc = end_text(op, c);
		return rc != 0 ? rc : 1;
	}
	return any;
}

/* Ctrl-C: a text input ends here and now. */
void
chan_stop_text(struct chan *c)
{
	if (c->state == CHAN_TEXT) {
		c->link.eof = true;
		c->link.at = c->link.b.n;
	}
}

/* ---- both ---- */

/* Nothing but blanks, or the beginning of a BOM: too little to tell what kind of text it is. */
static bool
blank(const uint8_t *p, size_t n)
{
	size_t i = n < 3 ? n : 3;

	if (memcmp(p, "\xef\xbb\xbf", i) != 0)
		i = 0;
	while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n'))
		i++;
	return i == n;
}

/* 1: the kind of input is known now; 0: too few bytes to tell. */
static int
sniff(struct op *op, struct chan *c)
{
	struct link_in *l = &c->link;
	size_t n = l->b.n < MAGIC_LEN ? l->b.n : MAGIC_LEN;
	int rc;

	if (n == 0 && l->eof)
		return ferr(FERR_TRUNC,
			    "no byte at all on the input: the stage before failed to start");
	if (!l->eof && blank(l->b.p, l->b.n))
		return 0;
	if (n == MAGIC_LEN && memcmp(l->b.p, MAGIC, n) == 0 && l->eof && l->b.n < FRAME_LINE_LEN)
		return ferr(FERR_TRUNC, "the input broke off in its first line");
	if (memcmp(l->b.p, MAGIC, n) != 0 || (l->eof && l->b.n < FRAME_LINE_LEN)) {
		rc = open_text(op, c);
		return rc != 0 ? rc : 1;
	}
	if (l->b.n < FRAME_LINE_LEN)
		return 0;
	if (memcmp(l->b.p, FRAME_LINE, MAGIC_LEN + 2) != 0)
		return ferr(FERR_CORRUPT, "the input is a fjord stream of another version: %.*s",
			    16, (const char *)l->b.p);
	l->at = FRAME_LINE_LEN;
	c->state = CHAN_FRAMES;
	return 1;
}

/* More bytes: 1 there are, 0 not now. */
int
chan_fill(struct chan *c)
{
	ssize_t k;

	if (c->link.eof)
		return ferr(FERR_TRUNC,
			    "the input broke off: the stage before it was killed or failed");
	if (c->link.dry) {
		c->link.dry = false;
		return 0;
	}
	if ((k = link_in_fill(&c->link)) == FERR_AGAIN)
		return 0;
	return k < 0 ? (int)k : 1;
}

static int
step(struct op *op, struct chan *c)
{
	int rc;

	if (c->row < c->end)
		return deliver(op, c);
	if (c->replay.n > 0 && op->greeted)
		return take_replay(op, c);
	if (c->link.at < c->link.b.n || c->link.eof) {
		switch (c->state) {
		case CHAN_SNIFF: rc = sniff(op, c); break;
		case CHAN_FRAMES: rc = take_frame(op, c); break;
		case CHAN_TEXT: rc = take_text(op, c); break;
		case CHAN_LAST: rc = take_end(c); break;
		default: return 0;
		}
		if (rc != 0)
			return rc;
	}
	return chan_fill(c);
}

int
chan_damage(int rc)
{
	return rc == FERR_CORRUPT ? ferr_prefix(FERR_IO, "input damaged") : rc;
}

int
chan_step(struct op *op, struct chan *c)
{
	int rc = step(op, c);

	return c->within ? rc : chan_damage(rc);
}
