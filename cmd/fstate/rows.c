/* rows: see rows.h. */
#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/unit.h"
#include "coord/wm.h"
#include "fio/fio.h"

#define PIPE_WIDTH 1000 /* columns of a table that goes to no terminal: nothing is cut */
#define GATHER (64u << 10)

struct rows {
	const struct column *cols;
	unsigned n;
	enum fmt_kind kind;
	int fd;
	struct schema schema;
	struct fmt_writer *writer;
	struct buf row, text;
};

static bool
shown(const struct rows *o, unsigned i)
{
	return o->cols[i].who == FOR_ALL ||
	       (o->cols[i].who == FOR_PEOPLE) == (o->kind == FMT_TABLE);
}

int
rows_new(struct rows **out, enum fmt_kind kind, int fd, const struct column *cols, unsigned n)
{
	struct rows *o = calloc(1, sizeof(*o));
	bool tty = fio_isatty(fd);
	const struct fmt_write_conf conf = { .kind = kind,
					     .header = true,
					     .color = tty && fio_env("NO_COLOR") == NULL,
					     .width = tty ? fio_tty_width(fd) : PIPE_WIDTH };
	int rc;

	if (o == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	o->cols = cols;
	o->n = n;
	o->kind = kind;
	o->fd = fd;
	schema_init(&o->schema);
	rc = fmt_writer_new(&o->writer, &conf);
	for (unsigned i = 0; i < n && rc >= 0; i++) {
		if (shown(o, i))
			rc = schema_add(&o->schema, cols[i].name, strlen(cols[i].name));
	}
	if (rc < 0) {
		rows_free(o);
		return rc;
	}
	*out = o;
	return 0;
}

void
rows_free(struct rows *o)
{
	if (o == NULL)
		return;
	fmt_writer_free(o->writer);
	schema_fini(&o->schema);
	buf_fini(&o->row);
	buf_fini(&o->text);
	free(o);
}

static int
flush(struct rows *o)
{
	int rc = 0;

	if (fio_write_all(o->fd, o->text.p, o->text.n) == -1)
		rc = errno == EPIPE ? FERR_CLOSED : ferr_sys(FERR_IO, "cannot write the output");
	o->text.n = 0;
	return rc;
}

int
rows_put(struct rows *o, const struct val *v)
{
	struct rowb w;
	unsigned at = 0;
	int rc;

	o->row.n = 0;
	if ((rc = rowb_begin(&w, &o->row, o->schema.n, ROW_INSERT, ROW_NOTIME)) != 0)
		return rc;
	for (unsigned i = 0; i < o->n && rc == 0; i++) {
		if (shown(o, i))
			rc = rowb_set(&w, at++, &v[i]);
	}
	if (rc != 0)
		rowb_drop(&w);
	else if ((rc = rowb_end(&w)) == 0)
		rc = fmt_write(o->writer, &o->schema, o->row.p, &o->text);
	return rc == 0 && o->text.n >= GATHER ? flush(o) : rc;
}

int
rows_end(struct rows *o)
{
	int rc = fmt_write_end(o->writer, &o->schema, &o->text);

	return rc == 0 ? flush(o) : rc;
}

int
rows_member(struct buf *b, const char *name, struct val v)
{
	int rc = buf_printf(b, "%s\"%s\":", b->p[b->n - 1] == '{' ? "" : ",", name);

	return rc == 0 ? val_json(&v, b) : rc;
}

/* As exact as people want it: 350ms, 12s, 5m3s, 7h12m, 3d4h. */
struct val
rows_age(int64_t ms, char text[ROWS_TEXT])
{
	int64_t unit = ms < 1000 ? 1 : ms < 3600000 ? 1000 : ms < 86400000 ? 60000 : 3600000;

	return rows_str(unit_print_duration(ms - ms % unit, text));
}

struct val
rows_size(uint64_t bytes, char text[ROWS_TEXT])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	unsigned i = 0;

	for (; v >= 1024 && i < 4; i++)
		v /= 1024;
	snprintf(text, ROWS_TEXT, "%.*f%s", i > 0 && v < 100 ? 1 : 0, v, units[i]);
	return rows_str(text);
}

struct val
rows_str(const char *s)
{
	return s != NULL ? val_text(VAL_STR, s, strlen(s)) : (struct val){ .t = VAL_ABSENT };
}

struct val
rows_count(uint64_t n)
{
	return n > INT64_MAX ? VAL_NULLV : val_i64((int64_t)n);
}

struct val
rows_watermark(int64_t ms)
{
	return ms == WM_MIN ? VAL_NULLV : ms == WM_MAX ? rows_str("max") : val_time(ms);
}

struct val
rows_time(int64_t ms)
{
	return ms == ROW_NOTIME ? (struct val){ .t = VAL_ABSENT } : val_time(ms);
}
