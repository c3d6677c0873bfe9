/*
 * source_again: which file is which split when a job comes back; see source_internal.h.
 *
 * A split is a file, and not a name.  Since the last run logs may have been renamed, packed, copied
 * and truncated, so a split whose name has another file now, or none, is looked for among all that
 * was found and what lies beside it: first by inode, then under its own name, then beside that,
 * then anywhere.  Two files that begin alike and are both there stay two.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "conn/follow.h"
#include "conn/paths.h"
#include "conn/source_internal.h"

/* A file that may be the one of a split. */
struct candidate {
	char *path;
	bool listed; /* the command line names it; else it lies beside a file of ours */
	struct split_head head;
};

/* Where a split is looked for, the surest first. */
enum where { BY_INODE, BY_NAME, BESIDE, ANYWHERE, WHERES };

struct search {
	struct source *s;
	struct candidate **v;
	size_t n, cap;
	bool listed; /* those added now are */
};

/* ---- news ---- */

int
source_tell_news(struct news *news, const char *name, const char *what)
{
	if (news->n++ >= 3)
		return 0;
	return buf_printf(&news->names, "%s%s %s", news->n > 1 ? ", " : "", name, what);
}

/* ---- what is there ---- */

static int
add_candidate(void *cookie, const char *path)
{
	struct search *a = cookie;
	struct candidate **grown, *c;

	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->v[i]->path, path) == 0)
			return 0;
	}
	if (a->n == a->cap) {
		a->cap = a->cap != 0 ? 2 * a->cap : 16;
		if ((grown = realloc(a->v, a->cap * sizeof(struct candidate *))) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		a->v = grown;
	}
	if ((c = calloc(1, sizeof(*c))) == NULL || (c->path = strdup(path)) == NULL) {
		free(c);
		return ferr(FERR_NOMEM, "out of memory");
	}
	c->listed = a->listed;
	split_look(&c->head, path);
	a->v[a->n++] = c;
	return 0;
}

static bool
is_lost(const struct split *sp)
{
	return sp->change == SPLIT_OTHER || sp->change == SPLIT_GONE;
}

/* The name that older parts of its log begin with. */
static const char *
root_of(const struct split *sp)
{
	return sp->family != NULL ? sp->family : sp->name;
}

/* What was found, and what lies beside splits that are lost. */
static int
add_candidates(struct search *a, struct split **list, unsigned n)
{
	const struct source *s = a->s;
	int rc = 0;

	a->listed = true;
	for (unsigned i = 0; i < n && rc == 0; i++) {
		if (list[i]->kind == SPLIT_FILE)
			rc = add_candidate(a, list[i]->name);
	}
	a->listed = false;
	for (unsigned i = 0; i < s->n && rc == 0; i++) {
		if (!is_lost(s->splits[i]))
			continue;
		if (s->splits[i]->change == SPLIT_OTHER)
			rc = add_candidate(a, s->splits[i]->name);
		if (rc == 0)
			rc = follow_siblings(root_of(s->splits[i]), add_candidate, a);
	}
	return rc;
}

/* The split that reads the file at path, if one was found to; NULL. */
static struct split *
reader_of(const struct source *s, const char *path, uint32_t twin)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct split *sp = s->splits[i];

		if (sp->kind == SPLIT_FILE && !is_lost(sp) && sp->twin == twin &&
		    strcmp(sp->name, path) == 0)
			return sp;
	}
	return NULL;
}

/* ---- finding a split's file ---- */

static bool
may_be(const struct split *sp, const struct candidate *c, enum where where)
{
	switch (where) {
	case BY_INODE: return split_match(sp, &c->head) == SPLIT_SELF;
	case BY_NAME:
		return strcmp(c->path, sp->name) == 0 &&
		       (split_blank(sp) || split_match(sp, &c->head) != SPLIT_NOT);
	case BESIDE:
		return paths_beside(c->path, root_of(sp)) && split_match(sp, &c->head) != SPLIT_NOT;
	default: return split_match(sp, &c->head) != SPLIT_NOT;
	}
}

/* It is c: then that is its name. */
static int
take_file(struct source *s, struct split *sp, const struct candidate *c)
{
	bool more, named = strcmp(c->path, sp->name) == 0;
	char *family = NULL;
	int rc;

	if (!named && paths_beside(c->path, root_of(sp)) && (family = strdup(root_of(sp))) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	if ((!named && (rc = source_state_forget(s, sp)) != 0) ||
	    (rc = split_move(sp, c->path, &more)) != 0) {
		free(family);
		return rc;
	}
	if (!named) {
		free(sp->family);
		sp->family = family;
	}
	sp->change = more ? SPLIT_GROWN : SPLIT_SAME;
	sp->moved = true;
	return 0;
}

static int
find_file(struct search *a, struct split *sp, enum where where)
{
	int rc = 0;

	for (size_t i = 0; i < a->n && is_lost(sp) && rc == 0; i++) {
		const struct candidate *c = a->v[i];

		if (!may_be(sp, c, where) || reader_of(a->s, c->path, sp->twin) != NULL)
			continue;
		rc = take_file(a->s, sp, c);
		if (rc != FERR_NOMEM)
			rc = 0; /* shorter than what was read, or damaged: not ours */
	}
	return rc;
}

static int
find_files(struct search *a)
{
	int rc = 0;

	for (int where = BY_INODE; where < WHERES; where++) {
		for (unsigned i = 0; i < a->s->n && rc == 0; i++) {
			if (is_lost(a->s->splits[i]))
				rc = find_file(a, a->s->splits[i], (enum where)where);
		}
	}
	return rc;
}

/* ---- what was rotated away since, whole, and is not listed ---- */

static bool
younger(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static struct candidate *
candidate_of(const struct search *a, const char *path)
{
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->v[i]->path, path) == 0)
			return a->v[i];
	}
	return NULL;
}

/* The oldest file that came behind that of sp, a rotated part of a log, and that nobody reads. */
static struct candidate *
next_rotated(const struct search *a, const struct split *sp)
{
	const struct candidate *own = candidate_of(a, sp->name);
	struct candidate *best = NULL;

	for (size_t i = 0; i < a->n; i++) {
		struct candidate *c = a->v[i];

		if (c->listed || !S_ISREG(c->head.st.st_mode) ||
		    !paths_rotated(c->path, sp->family) ||
		    !younger(&c->head.st.st_mtim, &own->head.st.st_mtim) ||
		    split_match(sp, &c->head) != SPLIT_NOT ||
		    reader_of(a->s, c->path, sp->twin) != NULL)
			continue;
		if (best == NULL || younger(&best->head.st.st_mtim, &c->head.st.st_mtim))
			best = c;
	}
	return best;
}

static int
add_rotated(struct search *a)
{
	struct source *s = a->s;
	unsigned n = s->n;

	for (unsigned i = 0; i < n; i++) {
		const struct split *sp = s->splits[i];
		struct candidate *c;
		struct split *new;
		int rc;

		if (sp->family == NULL || is_lost(sp) || candidate_of(a, sp->name) == NULL)
			continue;
		while ((c = next_rotated(a, sp)) != NULL) {
			if ((rc = split_new(&new, SPLIT_FILE, c->path, false)) != 0)
				return rc;
			new->found = true;
			new->twin = sp->twin;
			if ((new->family = strdup(sp->family)) == NULL) {
				split_free(new);
				return ferr(FERR_NOMEM, "out of memory");
			}
			if ((rc = source_state_claim(s, new)) != 1) {
				split_free(new);
				return rc;
			}
			if ((rc = source_add_split(s, new)) != 0)
				return rc;
		}
	}
	return 0;
}

/* ---- going on ---- */

static int
lost(const struct source *s, const struct split *sp)
{
	return ferr(FERR_LOST,
		    "%s is not the file that was read before, and what stood behind byte %" PRIu64
		    " of that one may be lost: no file with its beginning lies beside it; put it "
		    "there, as %s.1; if all of it had been read, take %s away for one run; %s",
		    sp->name, split_offset(sp), root_of(sp), sp->name, task_anew(s->task->plain));
}

/* The split is no more: a log that rotation has dropped. */
static int
drop(struct source *s, unsigned i)
{
	int rc = source_state_forget(s, s->splits[i]);

	if (s->cur == s->splits[i])
		s->cur = NULL;
	split_free(s->splits[i]);
	s->n--;
	memmove(&s->splits[i], &s->splits[i + 1], (s->n - i) * sizeof(struct split *));
	if (!s->spec.sequence) {
		memmove(&s->chans[i], &s->chans[i + 1], (s->n - i) * sizeof(*s->chans));
		s->wm.n = s->n;
	}
	return rc;
}

static void
read_on(struct source *s, unsigned i)
{
	s->splits[i]->done = false;
	s->splits[i]->moved = true;
	s->chans[chan_of(s, i)].ended = false;
}

/* What becomes of split i of a job that is held; it may be dropped. */
static int
settle(struct source *s, unsigned i)
{
	struct split *sp = s->splits[i];
	bool gone = sp->change == SPLIT_GONE;

	if (sp->change == SPLIT_GROWN)
		read_on(s, i);
	/* What was never read is found again, or not, as any new one. */
	if (gone && !sp->done && split_blank(sp))
		sp->done = sp->moved = true;
	if (sp->change != SPLIT_OTHER) {
		sp->moved = sp->moved || sp->gone != gone;
		sp->gone = gone;
		return 0;
	}
	/* What lies there is known, so this one fell off behind it; or it went away, to be replaced
	 * later. */
	if (sp->gone || split_blank(sp) || reader_of(s, sp->name, sp->twin) != NULL)
		return drop(s, i);
	return lost(s, sp);
}

static int
settle_all(struct source *s)
{
	unsigned i = 0, before;
	int rc = 0;

	while (i < s->n && rc == 0) {
		before = s->n;
		rc = settle(s, i);
		i += s->n == before;
	}
	return rc;
}

static int
tell_changes(struct source *s, struct news *news)
{
	int rc = 0;

	for (unsigned i = 0; i < s->n && rc == 0; i++) {
		const struct split *sp = s->splits[i];

		if (!sp->done || (s->spec.follow && sp->family != NULL))
			continue;
		if (sp->change == SPLIT_GROWN)
			rc = source_tell_news(news, sp->name, "has grown");
		else if (sp->change == SPLIT_OTHER && !s->spec.follow &&
			 reader_of(s, sp->name, sp->twin) == NULL)
			rc = source_tell_news(news, sp->name, "is another file");
	}
	return rc;
}

int
source_again(struct source *s, struct split **list, unsigned n, struct news *news)
{
	struct search a = { .s = s };
	unsigned known = s->n, added;
	bool any = false;
	int rc = 0;

	for (unsigned i = 0; i < known; i++) {
		struct split *sp = s->splits[i];

		sp->change = split_changed(sp, s->spec.hold);
		sp->placed = s->again;
		any = any || is_lost(sp);
	}
	if (any && s->again && (rc = add_candidates(&a, list, n)) == 0)
		rc = find_files(&a);
	if (rc == 0 && (s->finished || s->spec.follow))
		rc = tell_changes(s, news);
	else if (rc == 0)
		rc = add_rotated(&a);
	added = s->n - known;
	if (rc == 0 && s->again && !s->finished)
		rc = settle_all(s);
	s->pass = s->n - added;
	for (size_t i = 0; i < a.n; i++) {
		free(a.v[i]->path);
		free(a.v[i]);
	}
	free(a.v);
	return rc;
}

/* ---- what is new ---- */

/* Is h, beside a log of ours, a copy of it, or the first part of one? */
static bool
is_copy(const struct split *sp, const struct split_head *h)
{
	struct split_head own;

	split_look(&own, sp->name);
	return h->n > 0 && h->n <= own.n && memcmp(h->p, own.p, h->n) == 0;
}

bool
source_has(const struct source *s, const struct split *new)
{
	struct split_head head;
	bool looked = false;

	for (unsigned i = 0; i < s->n; i++) {
		const struct split *sp = s->splits[i];

		if (sp->kind != new->kind)
			continue;
		if (sp->twin == new->twin && strcmp(sp->name, new->name) == 0)
			return true;
		if (new->kind != SPLIT_FILE || !new->found || is_lost(sp) ||
		    !paths_beside(new->name, sp->name))
			continue;
		if (!looked)
			split_look(&head, new->name);
		looked = true;
		if ((head.packed || paths_rotated(new->name, sp->name)) && is_copy(sp, &head))
			return true;
	}
	return false;
}
