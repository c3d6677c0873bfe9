/* test_lane_rows: rows of a part that a later attempt takes up again give the bytes of one that was
 * written in one go, wherever the break is. */
#include "conn/lane_rows.h"
#include "t.h"

#define ROWS 6

/* Rows {a, b}; from row 3 on the schema knows c, too, which no row has. */
struct input {
	struct schema schema;
	struct buf row[ROWS];
};

static void
input_init(struct input *in)
{
	struct val v = { .t = VAL_I64 };
	struct rowb w;

	*in = (struct input){ 0 };
	schema_init(&in->schema);
	T_INT(schema_add(&in->schema, "a", 1), 0);
	T_INT(schema_add(&in->schema, "b\"x", 3), 1);
	for (unsigned i = 0; i < ROWS; i++) {
		T_INT(rowb_begin(&w, &in->row[i], i < 3 ? 2 : 3, ROW_INSERT, ROW_NOTIME), 0);
		for (unsigned k = 0; k < 2; k++) {
			v.i = 10 * i + k;
			T_INT(rowb_set(&w, k, &v), 0);
		}
		T_INT(rowb_end(&w), 0);
	}
}

static void
input_fini(struct input *in)
{
	for (unsigned i = 0; i < ROWS; i++)
		buf_fini(&in->row[i]);
	schema_fini(&in->schema);
}

/* Take what has gathered. */
static void
drain(struct part_rows *r, struct buf *out)
{
	part_rows_pause(r);
	T_INT(buf_put(out, r->b.p, r->b.n), 0);
	r->b.n = 0;
}

/* Another attempt: it has what is kept, and nothing else. */
static void
take_up(struct part_rows *r)
{
	struct part_rows next = { .kind = r->kind, .seq = r->seq, .fields = r->fields };

	T_INT(buf_put(&next.header, r->header.p, r->header.n), 0);
	part_rows_fini(r);
	*r = next;
}

/* All rows, with a barrier behind each, and another attempt from row `at` on. */
static void
write_all(struct input *in, enum fmt_kind kind, unsigned at, struct buf *out)
{
	struct part_rows r = { 0 };

	T_INT(part_rows_begin(&r, kind), 0);
	drain(&r, out);
	for (unsigned i = 0; i < ROWS; i++) {
		if (i == at)
			take_up(&r);
		if (i == 3)
			T_INT(schema_add(&in->schema, "c", 1), 2);
		T_INT(part_rows_put(&r, &in->schema, in->row[i].p), 0);
		drain(&r, out);
	}
	if (at == ROWS)
		take_up(&r);
	T_INT(part_rows_end(&r, NULL), 0);
	drain(&r, out);
	part_rows_fini(&r);
}

static void
same_after_any_break(enum fmt_kind kind)
{
	struct buf calm = BUF_INIT, b = BUF_INIT;
	struct input in;

	input_init(&in);
	write_all(&in, kind, ROWS + 1, &calm);
	for (unsigned at = 0; at <= ROWS; at++) {
		input_fini(&in);
		input_init(&in);
		b.n = 0;
		write_all(&in, kind, at, &b);
		T_MEM(b.p, b.n, calm.p, calm.n);
	}
	input_fini(&in);
	buf_fini(&calm);
	buf_fini(&b);
}

T(json_goes_on)
{
	same_after_any_break(FMT_JSON);
}

T(csv_has_one_header_of_the_columns_that_the_first_row_knew)
{
	same_after_any_break(FMT_CSV);
}

T(tsv_as_well)
{
	same_after_any_break(FMT_TSV);
}

T(frames_go_on_with_their_numbers_and_schema)
{
	same_after_any_break(FMT_FRAMES);
}

T(a_header_of_other_columns_is_refused)
{
	struct part_rows r = { .kind = FMT_CSV };
	struct input in;

	input_init(&in);
	T_INT(buf_puts(&r.header, "x,y\n"), 0);
	T_INT(part_rows_put(&r, &in.schema, in.row[0].p), FERR_DATA);
	part_rows_fini(&r);
	input_fini(&in);
}

T(csv_of_no_rows_has_a_header_at_its_end_when_the_columns_are_known)
{
	struct part_rows r = { .kind = FMT_CSV };
	struct input in;

	input_init(&in);
	T_INT(part_rows_end(&r, &in.schema), 0);
	T_MEM(r.b.p, r.b.n, "a,\"b\"\"x\"\n", 9);
	part_rows_fini(&r);
	input_fini(&in);
}

T_MAIN
