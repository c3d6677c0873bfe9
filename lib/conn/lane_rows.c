/* lane_rows: see lane_rows.h. */
#include "conn/lane_rows.h"

int
part_rows_begin(struct part_rows *r, enum fmt_kind kind)
{
	struct hello hello;
	struct buf h = BUF_INIT;
	int rc;

	r->kind = kind;
	if (kind != FMT_FRAMES)
		return 0;
	hello_init(&hello);
	if ((rc = buf_put(&r->b, FRAME_LINE, FRAME_LINE_LEN)) == 0 &&
	    (rc = hello_encode(&hello, &h)) == 0)
		rc = frame_put(&r->b, FRAME_HELLO, r->seq++, h.p, h.n);
	buf_fini(&h);
	hello_fini(&hello);
	return rc;
}

void
part_rows_fini(struct part_rows *r)
{
	fmt_writer_free(r->writer);
	buf_fini(&r->b);
	buf_fini(&r->header);
	*r = (struct part_rows){ 0 };
}

/* ---- text ---- */

/*
 * Print a row of n empty fields twice: what the first one has more than the second is the header.
 * So the columns are fixed, whether the header is written now or stands in the part already.
 */
static int
fix_columns(struct part_rows *r, const struct schema *s, unsigned n)
{
	struct buf row = BUF_INIT, text = BUF_INIT;
	size_t first = 0, len;
	struct rowb w;
	int rc;

	if ((rc = rowb_begin(&w, &row, n, ROW_INSERT, ROW_NOTIME)) != 0 ||
	    (rc = rowb_end(&w)) != 0 || (rc = fmt_write(r->writer, s, row.p, &text)) != 0)
		goto out;
	first = text.n;
	if ((rc = fmt_write(r->writer, s, row.p, &text)) != 0)
		goto out;
	len = first - (text.n - first);
	if (r->header.n == 0 && (rc = buf_put(&r->b, text.p, len)) == 0)
		rc = buf_put(&r->header, text.p, len);
	r->fields = n;
out:
	buf_fini(&text);
	buf_fini(&row);
	return rc;
}

/* The first row, or the first one of this attempt, knows n fields. */
static int
open_writer(struct part_rows *r, const struct schema *s, unsigned n)
{
	bool columns = r->kind == FMT_CSV || r->kind == FMT_TSV;
	struct fmt_write_conf conf = { .kind = r->kind,
				       .header = columns,
				       .changing = s->changing };
	int rc;

	if (r->header.n > 0 && (conf.has = buf_cstr(&r->header)) == NULL)
		return FERR_NOMEM;
	if ((rc = fmt_writer_new(&r->writer, &conf)) != 0 || !columns)
		return rc;
	if ((rc = fix_columns(r, s, r->fields != 0 ? r->fields : n)) != 0) {
		fmt_writer_free(r->writer);
		r->writer = NULL;
	}
	return rc;
}

/* ---- frames ---- */

/* Rows gather behind a header at frame_at; this completes it. */
static void
close_frame(struct part_rows *r)
{
	if (r->frame_rows != 0)
		frame_seal(r->b.p + r->frame_at, FRAME_DATA,
			   (uint32_t)(r->b.n - r->frame_at - FRAME_HDR), r->frame_rows, r->seq++);
	r->frame_rows = 0;
}

static int
put_schema(struct part_rows *r, const struct schema *s)
{
	struct buf b = BUF_INIT;
	int rc;

	close_frame(r);
	if ((rc = schema_encode(s, &b)) == 0 &&
	    (rc = frame_put(&r->b, FRAME_SCHEMA, r->seq, b.p, b.n)) == 0) {
		r->seq++;
		r->fields = s->n;
	}
	buf_fini(&b);
	return rc;
}

static int
put_frame_row(struct part_rows *r, const struct schema *s, const uint8_t *row)
{
	int rc;

	if (r->fields != s->n && (rc = put_schema(r, s)) != 0)
		return rc;
	if (buf_room(&r->b, FRAME_HDR + row_len(row)) != 0)
		return FERR_NOMEM;
	if (r->frame_rows == 0) {
		r->frame_at = r->b.n;
		r->b.n += FRAME_HDR;
	}
	(void)buf_put(&r->b, row, row_len(row));
	r->frame_rows++;
	if (r->b.n - r->frame_at >= FRAME_AIM)
		close_frame(r);
	return 0;
}

/* ---- both ---- */

int
part_rows_put(struct part_rows *r, const struct schema *s, const uint8_t *row)
{
	int rc;

	if (r->kind == FMT_FRAMES)
		return put_frame_row(r, s, row);
	if (r->writer == NULL &&
	    (rc = open_writer(r, s, row_n(row) < s->n ? row_n(row) : s->n)) != 0)
		return rc;
	return fmt_write(r->writer, s, row, &r->b);
}

void
part_rows_pause(struct part_rows *r)
{
	close_frame(r);
}

int
part_rows_end(struct part_rows *r, const struct schema *s)
{
	uint8_t end = END_DONE;

	close_frame(r);
	if (r->kind == FMT_FRAMES)
		return frame_put(&r->b, FRAME_END, r->seq++, &end, 1);
	if (s != NULL && s->n > 0 && r->header.n == 0 &&
	    (r->kind == FMT_CSV || r->kind == FMT_TSV) && r->writer == NULL)
		return open_writer(r, s, s->n);
	return 0;
}
