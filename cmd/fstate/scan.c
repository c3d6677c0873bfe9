/* scan: `fstate scan`, `fstate get`, `fstate export`: every key, window and value. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "fio/fio.h"
#include "show/listing.h"
#include "place.h"
#include "view.h"

static const struct column columns[] = {
	{ "stage", FOR_ALL },	     { "map", FOR_ALL },	{ "key", FOR_ALL },
	{ "window_start", FOR_ALL }, { "window_end", FOR_ALL }, { "fired", FOR_DATA },
	{ "time", FOR_DATA },	     { "seen", FOR_DATA },	{ "value", FOR_ALL },
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

struct scan {
	const struct conf *conf;
	const char *stage;
	struct listing *out;
	uint64_t n;
};

static int
put_cell(void *cookie, const struct cell *c)
{
	struct scan *s = cookie;
	const struct val row[COLUMNS] = {
		listing_maybe(s->stage),
		listing_maybe(c->map),
		c->key,
		listing_time(c->start),
		listing_time(c->end),
		c->fired,
		c->time,
		c->seen,
		c->value,
	};

	if (!view_in_window(s->conf, c))
		return 0;
	s->n++;
	return listing_row(s->out, row);
}

static int
scan_stage(struct scan *s, struct stage_view *v)
{
	struct state_seen seen;
	int rc;

	s->stage = v->st->name;
	while ((rc = state_look_next(v->look, &seen)) == 1) {
		if ((rc = decode(v->decode, &seen, put_cell, s)) != 0)
			return rc == FERR_CLOSED ? rc : ferr_prefix(rc, "%s", s->stage);
	}
	return rc;
}

/* All that the view has, to fd. */
static int
scan_view(struct scan *s, struct view *v, enum fmt_kind kind, int fd)
{
	int rc = listing_new(&s->out, kind, fd, columns, COLUMNS);

	for (unsigned i = 0; i < v->nstages && rc == 0; i++)
		rc = scan_stage(s, &v->stage[i]);
	if (rc == 0)
		rc = listing_end(s->out);
	listing_free(s->out);
	return rc;
}

static int
scan(const struct conf *c, const char *dir, enum fmt_kind kind, uint64_t *n)
{
	struct scan s = { .conf = c };
	struct view v;
	int rc;

	if ((rc = view_open(&v, c, dir, c->at, 1)) == 0)
		rc = scan_view(&s, &v, kind, STDOUT_FILENO);
	*n = s.n;
	if (rc == 0 && s.n == 0)
		say("checkpoint %" PRIu64 " of %s holds nothing%s", v.ckpt.f.epoch, dir,
		    c->key != NULL || c->window != NULL ? " of that" : "");
	view_close(&v);
	return rc;
}

int
verb_scan(const struct conf *c, const char *dir, char **word)
{
	uint64_t n;

	(void)word;
	return scan(c, dir, c->format, &n);
}

int
verb_get(const struct conf *c, const char *dir, char **word)
{
	struct conf one = *c;
	uint64_t n;
	int rc;

	one.stage = word[0];
	one.key = word[1];
	rc = scan(&one, dir, c->format, &n);
	if (rc == 0 && n == 0) {
		ferr_clear();
		return FERR_USAGE; /* scan has said it */
	}
	return rc;
}

/* ---- export ---- */

/* A directory of our own: what is looked at is never written to. */
static int
make_dir(const char *to)
{
	if (place_is_store(to) || place_is_savepoint(to) || place_is_local(to))
		return ferr(FERR_USAGE, "--out: %s is a store; give it a directory of its own", to);
	if (fio_mkdir(to) == -1)
		return ferr_sys(fio_blame(), "--out: %s", to);
	return 0;
}

static int
export_stage(const struct conf *c, struct view *v, unsigned i)
{
	struct view one = { .stage = &v->stage[i], .nstages = 1 };
	struct scan s = { .conf = c };
	struct buf path = BUF_INIT;
	int fd = -1, rc;

	if ((rc = buf_printf(&path, "%s/%s.ndjson", c->out, v->stage[i].st->name)) == 0 &&
	    buf_cstr(&path) == NULL)
		rc = FERR_NOMEM;
	if (rc == 0 &&
	    (fd = fio_open((const char *)path.p, O_WRONLY | O_CREAT | O_EXCL, 0666)) == -1)
		rc = errno == EEXIST ? ferr(FERR_USAGE, "%s is there already", (const char *)path.p)
				     : ferr_sys(fio_blame(), "%s", (const char *)path.p);
	if (rc == 0)
		rc = scan_view(&s, &one, FMT_JSON, fd);
	if (fd != -1)
		fio_close(fd);
	if (rc == 0)
		say("%s: %" PRIu64 " lines", (const char *)path.p, s.n);
	buf_fini(&path);
	return rc;
}

int
verb_export(const struct conf *c, const char *dir, char **word)
{
	struct view v;
	uint64_t n;
	int rc;

	(void)word;
	if (c->out == NULL)
		return scan(c, dir, FMT_JSON, &n);
	if ((rc = view_open(&v, c, dir, c->at, 1)) == 0)
		rc = make_dir(c->out);
	for (unsigned i = 0; i < v.nstages && rc == 0; i++)
		rc = export_stage(c, &v, i);
	view_close(&v);
	return rc;
}
