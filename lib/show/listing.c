/* listing: see listing.h. */
#include "show/listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/unit.h"
#include "coord/wm.h"
#include "fio/fio.h"

#define PIPE_WIDTH 1000 /* columns of a table that goes to no terminal: nothing is cut */
#define GATHER (64u << 10)

struct listing {
	const struct column *cols;
	unsigned n;
	enum fmt_kind kind;
	int fd;
	struct schema schema;
	struct fmt_writer *writer;
	struct buf row, text;
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
shown(const struct listing *o, unsigned i)
{
	return o->cols[i].who == FOR_ALL ||
	       (o->cols[i].who == FOR_PEOPLE) == (o->kind == FMT_TABLE);
}

int
listing_new(struct listing **out, enum fmt_kind kind, int fd, const struct column *cols, unsigned n)
{
	struct listing *o = calloc(1, sizeof(*o));
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
		listing_free(o);
		return rc;
	}
	*out = o;
	return 0;
}

void
listing_free(struct listing *o)
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
flush(struct listing *o)
{
	int rc = 0;

	if (fio_write_all(o->fd, o->text.p, o->text.n) == -1)
		rc = errno == EPIPE ? FERR_CLOSED : ferr_sys(FERR_IO, "cannot write the output");
	o->text.n = 0;
	return rc;
}

int
listing_row(struct listing *o, const struct val *v)
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
listing_end(struct listing *o)
{
	int rc = fmt_write_end(o->writer, &o->schema, &o->text);

	return rc == 0 ? flush(o) : rc;
}

int
listing_member(struct buf *b, const char *name, struct val v)
{
	int rc = buf_printf(b, "%s\"%s\":", b->p[b->n - 1] == '{' ? "" : ",", name);

	return rc == 0 ? val_json(&v, b) : rc;
}

/* As exact as people want it: 350ms, 12s, 5m3s, 7h12m, 3d4h. */
struct val
listing_age(int64_t ms, char text[LISTING_TEXT])
{
	int64_t unit = ms < 1000 ? 1 : ms < 3600000 ? 1000 : ms < 86400000 ? 60000 : 3600000;

	return listing_text(ms < 0 ? "-" : unit_print_duration(ms - ms % unit, text));
}

struct val
listing_size(uint64_t bytes, char text[LISTING_TEXT])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	unsigned i = 0;

	for (; v >= 1024 && i < 4; i++)
		v /= 1024;
	snprintf(text, LISTING_TEXT, "%.*f%s", i > 0 && v < 100 ? 1 : 0, v, units[i]);
	return listing_text(text);
}

struct val
listing_text(const char *s)
{
	return s != NULL ? val_text(VAL_STR, s, strlen(s)) : VAL_NULLV;
}

struct val
listing_maybe(const char *s)
{
	return s != NULL ? val_text(VAL_STR, s, strlen(s)) : (struct val){ .t = VAL_ABSENT };
}

struct val
listing_count(int64_t n)
{
	return n < 0 ? VAL_NULLV : val_i64(n);
}

struct val
listing_watermark(int64_t ms)
{
	return ms == WM_MIN ? VAL_NULLV : ms == WM_MAX ? listing_text("max") : val_time(ms);
}

struct val
listing_time(int64_t ms)
{
	return ms == ROW_NOTIME ? (struct val){ .t = VAL_ABSENT } : val_time(ms);
}
