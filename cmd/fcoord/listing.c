/* listing: see listing.h. */
#include "listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/unit.h"
#include "fio/fio.h"

#define PIPE_WIDTH 1000 /* columns of a table that goes to no terminal: nothing is cut */

struct listing {
	const struct column *cols;
	unsigned n;
	enum fmt_kind kind;
	struct schema schema;
	struct fmt_writer *writer;
	struct buf row, out;
};

static int
set_out(void *conf, const char *arg)
{
	*(enum fmt_kind *)conf =
	    strcmp(arg, "table") == 0 ? FMT_TABLE : (enum fmt_kind)fmt_by_name(arg);
	return 0;
}

const struct opt listing_options[] = {
	{ "out", 'o', "table|json|csv|tsv", "for people (default), or one line each for programs",
	  set_out, false },
	OPT_END,
};

/* Is column i shown in this kind of listing? */
static bool
shown(const struct listing *l, unsigned i)
{
	return l->cols[i].who == FOR_ALL ||
	       (l->cols[i].who == FOR_PEOPLE) == (l->kind == FMT_TABLE);
}

int
listing_new(struct listing **out, enum fmt_kind kind, const struct column *cols, unsigned n)
{
	struct listing *l = calloc(1, sizeof(*l));
	bool tty = fio_isatty(STDOUT_FILENO);
	const struct fmt_write_conf conf = { .kind = kind,
					     .header = true,
					     .color = tty && fio_env("NO_COLOR") == NULL,
					     .width =
						 tty ? fio_tty_width(STDOUT_FILENO) : PIPE_WIDTH };
	int rc;

	if (l == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	l->cols = cols;
	l->n = n;
	l->kind = kind;
	schema_init(&l->schema);
	rc = fmt_writer_new(&l->writer, &conf);
	for (unsigned i = 0; i < n && rc >= 0; i++) {
		if (shown(l, i))
			rc = schema_add(&l->schema, cols[i].name, strlen(cols[i].name));
	}
	if (rc < 0) {
		listing_free(l);
		return rc;
	}
	*out = l;
	return 0;
}

void
listing_free(struct listing *l)
{
	if (l == NULL)
		return;
	fmt_writer_free(l->writer);
	schema_fini(&l->schema);
	buf_fini(&l->row);
	buf_fini(&l->out);
	free(l);
}

int
listing_row(struct listing *l, const struct val *v)
{
	struct rowb w;
	unsigned at = 0;
	int rc;

	l->row.n = 0;
	if ((rc = rowb_begin(&w, &l->row, l->schema.n, ROW_INSERT, ROW_NOTIME)) != 0)
		return rc;
	for (unsigned i = 0; i < l->n && rc == 0; i++) {
		if (shown(l, i))
			rc = rowb_set(&w, at++, &v[i]);
	}
	if (rc != 0)
		rowb_drop(&w);
	else if ((rc = rowb_end(&w)) == 0)
		rc = fmt_write(l->writer, &l->schema, l->row.p, &l->out);
	return rc;
}

int
listing_print(struct listing *l)
{
	int rc = fmt_write_end(l->writer, &l->schema, &l->out);

	if (rc == 0 && fio_write_all(STDOUT_FILENO, l->out.p, l->out.n) == -1)
		rc = ferr_sys(FERR_IO, "stdout");
	return rc;
}

struct val
listing_text(const char *s)
{
	return s != NULL ? val_text(VAL_STR, s, strlen(s)) : VAL_NULLV;
}

struct val
listing_count(int64_t n)
{
	return n < 0 ? VAL_NULLV : val_i64(n);
}

struct val
listing_watermark(int64_t ms)
{
	return ms == INT64_MIN ? VAL_NULLV : ms == INT64_MAX ? listing_text("max") : val_time(ms);
}

/* As exact as people want it: 350ms, 12s, 5m3s, 7h12m, 3d4h. */
struct val
listing_age(int64_t ms, char out[LISTING_TEXT])
{
	int64_t unit = ms < 1000 ? 1 : ms < 3600000 ? 1000 : ms < 86400000 ? 60000 : 3600000;

	return listing_text(ms < 0 ? "-" : unit_print_duration(ms - ms % unit, out));
}

struct val
listing_size(uint64_t bytes, char out[LISTING_TEXT])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	unsigned i = 0;

	for (; v >= 1024 && i < 4; i++)
		v /= 1024;
	snprintf(out, LISTING_TEXT, "%.*f%s", i > 0 && v < 100 ? 1 : 0, v, units[i]);
	return listing_text(out);
}
