/*
 * diff: `fstate diff`: what two checkpoints hold differently.
 *
 * Both are walked in the same order (map, namespace, key hash, key).  Where the bytes of a key's
 * value differ, what they hold is compared window by window, as it is printed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "show/listing.h"
#include "place.h"
#include "view.h"

static const struct column columns[] = {
	{ "change", FOR_ALL }, { "stage", FOR_ALL },	    { "map", FOR_ALL },
	{ "key", FOR_ALL },    { "window_start", FOR_ALL }, { "window_end", FOR_ALL },
	{ "old", FOR_ALL },    { "new", FOR_ALL },
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* What a key holds on one side: cells whose values lie in text, one behind the other. */
struct side {
	struct view view;
	struct stage_view *stage; /* NULL: it has none of that name */
	struct state_seen at;
	bool more; /* at is one */
	struct cell *v;
	size_t n, cap;
	struct buf text;
};

enum change { ADDED, REMOVED, CHANGED };

struct diff {
	const struct conf *conf;
	const char *stage;
	struct side a, b;
	struct listing *out;
	uint64_t n[3];
};

/* ---- cells ---- */

static int
keep_cell(void *cookie, const struct cell *c)
{
	struct side *s = cookie;
	size_t cap = s->cap != 0 ? 2 * s->cap : 4;
	struct cell *v;
	int rc;

	if (s->n == s->cap) {
		if ((v = realloc(s->v, cap * sizeof(*v))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		s->v = v;
		s->cap = cap;
	}
	if ((rc = buf_put(&s->text, c->value.s, c->value.n)) == 0)
		s->v[s->n++] = *c;
	return rc;
}

/* Decode what the side holds at its place, or nothing. */
static int
read_cells(struct side *s, bool there)
{
	size_t at = 0;
	int rc;

	s->n = 0;
	s->text.n = 0;
	if (!there)
		return 0;
	rc = decode(s->stage->decode, &s->at, keep_cell, s);
	for (size_t i = 0; i < s->n; at += s->v[i++].value.n)
		s->v[i].value.s = (const char *)s->text.p + at;
	return rc;
}

static bool
same(const struct cell *a, const struct cell *b)
{
	return a->end == b->end && a->value.n == b->value.n &&
	       memcmp(a->value.s, b->value.s, a->value.n) == 0 && a->fired.i == b->fired.i &&
	       a->seen.i == b->seen.i && a->time.i == b->time.i;
}

/* a or b may be NULL. */
static int
put_change(struct diff *d, const struct cell *a, const struct cell *b)
{
	static const char *const names[] = { "added", "removed", "changed" };
	const struct val nothing = { .t = VAL_ABSENT };
	enum change what = a == NULL ? ADDED : b == NULL ? REMOVED : CHANGED;
	const struct cell *c = b != NULL ? b : a;
	const struct val row[COLUMNS] = {
		listing_maybe(names[what]),	listing_maybe(d->stage),
		listing_maybe(c->map),		c->key,
		listing_time(c->start),		listing_time(c->end),
		a != NULL ? a->value : nothing, b != NULL ? b->value : nothing,
	};

	if (!(a != NULL && view_in_window(d->conf, a)) &&
	    !(b != NULL && view_in_window(d->conf, b)))
		return 0;
	d->n[what]++;
	return listing_row(d->out, row);
}

/* Cells of one key, by the start of their windows. */
static int
diff_cells(struct diff *d)
{
	const struct cell *a = d->a.v, *b = d->b.v;
	const struct cell *aend = a + d->a.n, *bend = b + d->b.n;
	int rc = 0;

	while ((a < aend || b < bend) && rc == 0) {
		if (b == bend || (a < aend && a->start < b->start)) {
			rc = put_change(d, a++, NULL);
		} else if (a == aend || b->start < a->start) {
			rc = put_change(d, NULL, b++);
		} else {
			rc = same(a, b) ? 0 : put_change(d, a, b);
			a++;
			b++;
		}
	}
	return rc;
}

/* ---- keys ---- */

static int
order(const struct state_seen *a, const struct state_seen *b)
{
	uint32_t n = a->key.n < b->key.n ? a->key.n : b->key.n;
	int c = strcmp(a->map, b->map);

	if (c != 0 || a->ns != b->ns)
		return c != 0 ? c : a->ns < b->ns ? -1 : 1;
	if (a->key.hash != b->key.hash)
		return a->key.hash < b->key.hash ? -1 : 1;
	c = n != 0 ? memcmp(a->key.p, b->key.p, n) : 0;
	return c != 0 ? c : (a->key.n > b->key.n) - (a->key.n < b->key.n);
}

static int
advance(struct side *s)
{
	int rc = s->stage != NULL ? state_look_next(s->stage->look, &s->at) : 0;

	s->more = rc == 1;
	return rc < 0 ? rc : 0;
}

static bool
same_bytes(const struct diff *d)
{
	return d->a.at.version == d->b.at.version && d->a.at.n == d->b.at.n &&
	       memcmp(d->a.at.value, d->b.at.value, d->a.at.n) == 0;
}

/* alike: the values' encodings mean the same on both sides. */
static int
diff_stage(struct diff *d, bool alike)
{
	int rc, c;

	if ((rc = advance(&d->a)) != 0 || (rc = advance(&d->b)) != 0)
		return rc;
	while (rc == 0 && (d->a.more || d->b.more)) {
		c = !d->a.more ? 1 : !d->b.more ? -1 : order(&d->a.at, &d->b.at);
		if (!(c == 0 && alike && same_bytes(d)) &&
		    ((rc = read_cells(&d->a, c <= 0)) != 0 ||
		     (rc = read_cells(&d->b, c >= 0)) != 0 || (rc = diff_cells(d)) != 0))
			break;
		if (c <= 0)
			rc = advance(&d->a);
		if (rc == 0 && c >= 0)
			rc = advance(&d->b);
	}
	return rc;
}

/* ---- stages ---- */

static struct stage_view *
find(const struct view *v, const char *name)
{
	for (unsigned i = 0; i < v->nstages; i++) {
		if (strcmp(v->stage[i].st->name, name) == 0)
			return &v->stage[i];
	}
	return NULL;
}

static bool
same_signature(const struct diff *d)
{
	const char *a = d->a.stage != NULL ? d->a.stage->st->signature : NULL;
	const char *b = d->b.stage != NULL ? d->b.stage->st->signature : NULL;

	if (d->a.stage == NULL || d->b.stage == NULL)
		return true;
	if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0)) {
		say("%s was '%s', is '%s'", d->stage, a != NULL ? a : "", b != NULL ? b : "");
		return false;
	}
	return true;
}

static int
diff_named(struct diff *d, const char *name)
{
	d->stage = name;
	d->a.stage = find(&d->a.view, name);
	d->b.stage = find(&d->b.view, name);
	return diff_stage(d, same_signature(d));
}

static int
diff_stages(struct diff *d)
{
	int rc = 0;

	for (unsigned i = 0; i < d->a.view.nstages && rc == 0; i++)
		rc = diff_named(d, d->a.view.stage[i].st->name);
	for (unsigned i = 0; i < d->b.view.nstages && rc == 0; i++) {
		const char *name = d->b.view.stage[i].st->name;

		if (find(&d->a.view, name) == NULL)
			rc = diff_named(d, name);
	}
	return rc;
}

static int
diff(struct diff *d, const char *dir, const char *at, const char *other, const char *until)
{
	int rc;

	if ((rc = view_open(&d->a.view, d->conf, dir, at, 2)) != 0 ||
	    (rc = view_open(&d->b.view, d->conf, other, until, 2)) != 0 ||
	    (rc = listing_new(&d->out, d->conf->format, STDOUT_FILENO, columns, COLUMNS)) != 0)
		return rc;
	if ((rc = diff_stages(d)) == 0 && (rc = listing_end(d->out)) == 0)
		say("epoch %" PRIu64 " against %" PRIu64 ": %" PRIu64 " added, %" PRIu64
		    " removed, %" PRIu64 " changed",
		    d->a.view.ckpt.f.epoch, d->b.view.ckpt.f.epoch, d->n[ADDED], d->n[REMOVED],
		    d->n[CHANGED]);
	return rc;
}

static void
side_fini(struct side *s)
{
	view_close(&s->view);
	free(s->v);
	buf_fini(&s->text);
}

static bool
is_epoch(const char *word)
{
	return word[strspn(word, "0123456789")] == '\0' || strncmp(word, "place:", 6) == 0;
}

/* DIR EPOCH EPOCH, or DIR EPOCH: that one against the newest; or DIR DIR: the newest of each. */
int
verb_diff(const struct conf *c, const char *dir, char **word)
{
	struct diff d = { .conf = c };
	struct buf other = BUF_INIT;
	int rc;

	if (word[1] != NULL)
		rc = diff(&d, dir, word[0], dir, word[1]);
	else if (is_epoch(word[0]))
		rc = diff(&d, dir, word[0], dir, NULL);
	else if ((rc = place_find(c, word[0], &other)) == 0)
		rc = diff(&d, dir, NULL, (const char *)other.p, NULL);
	listing_free(d.out);
	side_fini(&d.a);
	side_fini(&d.b);
	buf_fini(&other);
	return rc;
}
