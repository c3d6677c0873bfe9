/* place: see place.h. */
#include "place.h"

#include <stdlib.h>

#include "base/text.h"
#include "fio/fio.h"
#include "show/where.h"

#define NAMES_MAX 256

static bool
holds(const char *dir, const char *name)
{
	struct buf path = BUF_INIT;
	struct stat st;
	bool there = buf_printf(&path, "%s/%s", dir, name) == 0 && buf_cstr(&path) != NULL &&
		     fio_stat((const char *)path.p, &st) == 0;

	buf_fini(&path);
	return there;
}

bool
place_is_savepoint(const char *dir)
{
	return holds(dir, "savepoint.json");
}

bool
place_is_store(const char *dir)
{
	return holds(dir, "chain");
}

bool
place_is_local(const char *dir)
{
	return holds(dir, "base/data");
}

/* Is it the directory `base` of a local copy?  *n gets the length of the one that holds it. */
static bool
is_base(const char *dir, size_t *n)
{
	static const char name[] = "/base";

	*n = strlen(dir);
	while (*n > 1 && dir[*n - 1] == '/')
		--*n;
	if (*n < sizeof(name) || memcmp(dir + *n - (sizeof(name) - 1), name, sizeof(name) - 1) != 0)
		return false;
	*n -= sizeof(name) - 1;
	return holds(dir, "data");
}

/* ---- the stores in a directory ---- */

struct stores {
	char *v[NAMES_MAX];
	size_t n;
};

static void
stores_fini(struct stores *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
stores_find(struct stores *s, const char *root)
{
	struct buf path = BUF_INIT;
	DIR *d = fio_opendir(root);
	struct dirent *e;
	int rc = 0;

	s->n = 0;
	while (d != NULL && rc == 0 && (e = fio_readdir(d)) != NULL && s->n < NAMES_MAX) {
		path.n = 0;
		if (e->d_name[0] == '.')
			continue;
		if (buf_printf(&path, "%s/%s", root, e->d_name) != 0 || buf_cstr(&path) == NULL)
			rc = FERR_NOMEM;
		else if (place_is_store((const char *)path.p) &&
			 (s->v[s->n] = strdup(e->d_name)) != NULL)
			s->n++;
	}
	if (d != NULL)
		fio_closedir(d);
	buf_fini(&path);
	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), by_name);
	return rc;
}

/* The only store in root; or an error that names those that are there. */
static int
only_one(const char *root, struct buf *out)
{
	struct buf names = BUF_INIT;
	struct stores s;
	int rc = stores_find(&s, root);

	if (rc == 0 && s.n == 1) {
		out->n = 0;
		rc = buf_printf(out, "%s/%s", root, s.v[0]);
	} else if (rc == 0 && s.n == 0) {
		rc = ferr(FERR_USAGE,
			  "%s is not a store, a savepoint or a local copy, and holds no store",
			  root);
	} else if (rc == 0) {
		for (size_t i = 0; i < s.n && i < 10 && rc == 0; i++)
			rc = buf_printf(&names, "%s%s", i > 0 ? ", " : "", s.v[i]);
		if (rc == 0)
			rc = ferr(FERR_USAGE, "%s holds several stores, which one?  %.*s%s", root,
				  (int)names.n, (const char *)names.p, s.n > 10 ? ", ..." : "");
	}
	buf_fini(&names);
	stores_fini(&s);
	return rc;
}

static int
unknown_job(const char *root, const char *name)
{
	struct stores s;
	const char *near;
	int rc = stores_find(&s, root);

	near = rc == 0 ? near_word(name, (const char *const *)s.v, s.n) : NULL;
	if (rc == 0)
		rc = ferr(FERR_USAGE,
			  "%s is neither a store nor a savepoint, and %s has no job of that "
			  "name%s%s%s",
			  name, root, near != NULL ? "; did you mean '" : "",
			  near != NULL ? near : "", near != NULL ? "'?" : "");
	stores_fini(&s);
	return rc;
}

/* A word that is no store itself: the name of a job, or a directory that holds one store. */
static int
find_named(const char *root, const char *word, struct buf *out)
{
	struct stat st;
	int rc;

	if (strchr(word, '/') == NULL) {
		if ((rc = buf_printf(out, "%s/%s", root, word)) != 0 || buf_cstr(out) == NULL)
			return FERR_NOMEM;
		if (place_is_store((const char *)out->p))
			return 0;
		out->n = 0;
	}
	if (fio_stat(word, &st) == 0 && S_ISDIR(st.st_mode))
		return only_one(word, out);
	return unknown_job(root, word);
}

int
place_find(const struct conf *c, const char *word, struct buf *out)
{
	struct buf root = BUF_INIT;
	size_t n;
	int rc;

	out->n = 0;
	if (word != NULL &&
	    (place_is_savepoint(word) || place_is_store(word) || place_is_local(word))) {
		rc = buf_puts(out, word);
	} else if (word != NULL && is_base(word, &n)) {
		rc = buf_put(out, word, n);
	} else if ((rc = where_root(&(struct where){ c->state }, &root)) == 0) {
		const char *dir = buf_cstr(&root);

		if (dir == NULL)
			rc = FERR_NOMEM;
		else if (word != NULL)
			rc = find_named(dir, word, out);
		else
			rc = place_is_store(dir) ? buf_puts(out, dir) : only_one(dir, out);
	}
	buf_fini(&root);
	while (out->n > 1 && out->p[out->n - 1] == '/')
		out->n--;
	return rc != 0 ? rc : buf_cstr(out) != NULL ? 0 : FERR_NOMEM;
}
