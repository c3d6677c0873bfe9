/* source_list: what a source reads -- splits, columns -- and its making; see source.h. */
#include <stdlib.h>

#include "conn/gen.h"
#include "conn/paths.h"
#include "conn/source_internal.h"
#include "expr/expr.h"
#include "expr/names.h"
#include "fio/fio.h"

/* ---- the list of splits ---- */

int
source_add_split(struct source *s, struct split *sp)
{
	struct split **splits;
	struct wm_chan *chans;
	unsigned cap = s->cap != 0 ? 2 * s->cap : 16;

	if (s->n == s->cap) {
		if ((splits = realloc(s->splits, cap * sizeof(*splits))) == NULL)
			goto nomem;
		s->splits = splits;
		if ((chans = realloc(s->chans, cap * sizeof(*chans))) == NULL)
			goto nomem;
		s->chans = chans;
		s->cap = cap;
	}
	s->splits[s->n] = sp;
	s->chans[s->n++] = (struct wm_chan){ .wm = WM_MIN };
	s->wm.c = s->chans;
	s->wm.n = s->spec.sequence ? 1 : s->n;
	return 0;
nomem:
	split_free(sp);
	return ferr(FERR_NOMEM, "out of memory");
}

static int
add_split(struct source *s, enum split_kind kind, const char *name)
{
	struct split *sp;
	int rc;

	if ((rc = split_new(&sp, kind, name, s->spec.follow && kind == SPLIT_FILE)) != 0)
		return rc;
	for (unsigned i = 0; i < s->n; i++)
		sp->twin += s->splits[i]->kind == kind && strcmp(s->splits[i]->name, name) == 0;
	return source_add_split(s, sp);
}

int
source_add_other(struct source *s, const char *path)
{
	char **others = realloc(s->others, (s->nothers + 1) * sizeof(*others));

	if (others == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->others = others;
	if ((others[s->nothers] = strdup(path)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->nothers++;
	return 0;
}

static bool
is_known(const struct source *s, const char *path)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (s->splits[i]->kind == SPLIT_FILE &&
		    (strcmp(s->splits[i]->name, path) == 0 || split_same_file(s->splits[i], path)))
			return true;
	}
	for (unsigned i = 0; i < s->nothers; i++) {
		if (strcmp(s->others[i], path) == 0)
			return true;
	}
	return false;
}

/* The log that a file is an older part of, by its name; *new: it was found in this listing, too. */
static const char *
family_of(const struct source *s, const char *path, bool *new)
{
	*new = false;
	for (unsigned i = 0; i < s->nothers; i++) {
		if (paths_rotated(path, s->others[i]))
			return s->others[i];
	}
	for (unsigned i = 0; i < s->n; i++) {
		*new = i >= s->pass;
		if (s->splits[i]->kind == SPLIT_FILE && paths_rotated(path, s->splits[i]->name))
			return s->splits[i]->name;
	}
	return NULL;
}

static bool
is_dir(const char *dir, const char *name)
{
	struct buf path = BUF_INIT;
	struct stat st;
	bool is = buf_printf(&path, "%s%s", dir, name) == 0 && buf_cstr(&path) != NULL &&
		  fio_stat((const char *)path.p, &st) == 0 && S_ISDIR(st.st_mode);

	buf_fini(&path);
	return is;
}

/* $FSTATE, or any store: checkpoints are no input. */
static bool
is_store(const char *dir)
{
	const char *own = getenv("FSTATE");
	struct stat a, b;

	if (own != NULL && fio_stat(own, &a) == 0 && fio_stat(dir, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return true;
	return is_dir(dir, "chain") && is_dir(dir, "attempts");
}

/* Does a file that was found lie in a store?  1, 0, or an error. */
static int
in_store(const char *path)
{
	bool in = false;
	char *dir;

	for (const char *p = strchr(path, '/'); p != NULL && !in; p = strchr(p + 1, '/')) {
		if ((dir = strndup(path, (size_t)(p - path) + 1)) == NULL)
			return ferr(FERR_NOMEM, "out of memory");
		in = is_store(dir);
		free(dir);
	}
	return in;
}

/*
 * New ones only.  The older part of a log that is followed already (log.1, when log is rotated) is
 * none: who follows the log reads it.  If both are new, each is read, and this one has its end.
 */
int
source_add_file(void *cookie, const char *path)
{
	struct source *s = cookie;
	const char *family;
	struct split *sp;
	bool new;
	int rc;

	if (is_known(s, path))
		return 0;
	if ((rc = in_store(path)) != 0)
		return rc < 0 ? rc : 0;
	family = s->spec.follow ? family_of(s, path, &new) : NULL;
	if (family != NULL && !new)
		return 0;
	if ((rc = split_new(&sp, SPLIT_FILE, path, s->spec.follow && family == NULL)) != 0)
		return rc;
	sp->found = true;
	if (family != NULL && (sp->family = strdup(family)) == NULL) {
		split_free(sp);
		return ferr(FERR_NOMEM, "out of memory");
	}
	if (s->task != NULL && (rc = source_state_claim(s, sp)) != 1) {
		split_free(sp);
		return rc == 0 ? source_add_other(s, path) : rc;
	}
	return source_add_split(s, sp);
}

/* What is named and not there is an error only for who has not read it in an earlier run. */
static int
miss(struct source *s)
{
	if (s->missing == NULL && (s->missing = strdup(ferr_text())) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	return 0;
}

/* A generator's parameters are looked at before anything is written. */
static int
check_gen(const char *name)
{
	struct schema scratch;
	struct gen *g = NULL;
	int rc;

	schema_init(&scratch);
	rc = gen_new(&g, name, &scratch);
	gen_free(g);
	schema_fini(&scratch);
	return rc;
}

static int
add_uri(struct source *s, const char *uri)
{
	static const char *const later[] = { "tcp://",	 "unix:", "http://",
					     "https://", "exec:", "s3://" };
	struct stat st;
	unsigned before = s->n;
	const char *colon = strstr(uri, "://");
	int rc;

	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		if (strncmp(uri, later[i], strlen(later[i])) == 0)
			return ferr(FERR_NOTYET, "%s sources are not yet there", later[i]);
	}
	if (kafka_is_uri(uri))
		return source_kafka_add(s, uri);
	if (strcmp(uri, "-") == 0)
		return add_split(s, SPLIT_STDIN, "stdin");
	if (strncmp(uri, "gen:", 4) == 0)
		return (rc = check_gen(uri + 4)) != 0 ? rc : add_split(s, SPLIT_GEN, uri + 4);
	if (colon != NULL && fio_stat(uri, &st) != 0)
		return ferr(FERR_USAGE, "'%.*s://' is not a kind of source", (int)(colon - uri),
			    uri);
	if (paths_many(uri)) {
		if ((rc = paths_each(uri, source_add_file, s)) != 0)
			return rc == FERR_USAGE ? miss(s) : rc;
		if (s->n > before || s->spec.follow || s->spec.hold)
			return 0;
		ferr(FERR_USAGE, "no file matches %s", uri);
		return miss(s);
	}
	if (fio_stat(uri, &st) != 0) {
		ferr_sys(FERR_USAGE, "cannot read %s", uri);
		return miss(s);
	}
	if (S_ISDIR(st.st_mode))
		return ferr(FERR_USAGE, "%s is a directory; to read its files write %s/", uri, uri);
	return add_split(s, SPLIT_FILE, uri);
}

/* ---- --fields ---- */

static int
add_column(void *cookie, const char *piece, size_t n)
{
	static const struct {
		const char *name;
		enum val_type type;
	} types[] = {
		{ "i64", VAL_I64 },    { "int", VAL_I64 },   { "f64", VAL_F64 },
		{ "float", VAL_F64 },  { "bool", VAL_BOOL }, { "str", VAL_STR },
		{ "string", VAL_STR }, { "time", VAL_TIME }, { "json", VAL_JSON },
	};
	static const char *const known[] = { "i64", "f64", "bool", "str", "time", "json" };
	struct source *s = cookie;
	struct names name = { NULL, 0 };
	const char *colon = memrchr(piece, ':', n), *near;
	enum val_type type = VAL_ABSENT;
	struct fmt_field *f;
	char word[16], *text;
	size_t nword;
	int rc;

	if (colon != NULL && memchr(colon, '"', (size_t)(piece + n - colon)) == NULL) {
		nword = (size_t)(piece + n - colon) - 1;
		while (nword > 0 && colon[nword] == ' ')
			nword--;
		snprintf(word, sizeof(word), "%.*s", (int)nword, colon + 1);
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			if (strcmp(types[i].name, word) == 0)
				type = types[i].type;
		}
		if (type == VAL_ABSENT) {
			near = near_word(word, known, 6);
			return ferr(
			    FERR_USAGE,
			    "'%s' is not a type%s%s%s; i64, f64, bool, str, time and json are",
			    word, near != NULL ? "; did you mean " : "", near != NULL ? near : "",
			    near != NULL ? "?" : "");
		}
		n = (size_t)(colon - piece);
	}
	while (n > 0 && piece[n - 1] == ' ')
		n--;
	if ((text = strndup(piece, n)) == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	rc = names_parse(&name, text);
	free(text);
	if (rc == 0 && (name.n != 1 || schema_find(&s->schema, name.v[0], strlen(name.v[0])) >= 0))
		rc = ferr(FERR_USAGE, "a column is named twice, or not at all");
	if (rc == 0 && (rc = schema_add(&s->schema, name.v[0], strlen(name.v[0]))) >= 0) {
		if ((f = realloc(s->fields, (s->nfields + 1) * sizeof(*f))) == NULL) {
			rc = ferr(FERR_NOMEM, "out of memory");
		} else {
			s->fields = f;
			f[s->nfields++] = (struct fmt_field){ name.v[0], type, (unsigned)rc };
			name.v[0] = NULL;
			rc = 0;
		}
	}
	names_fini(&name);
	return rc;
}

/* ---- what is read downstream ---- */

int
source_select(struct source *s)
{
	const struct op_task *t = s->task;
	unsigned n = source_clock_nfields(s->clock);
	const char **name = calloc(t->nreads + n + 1, sizeof(*name));

	if (name == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < t->nreads; i++)
		name[i] = t->reads[i];
	for (unsigned i = 0; i < n; i++)
		name[t->nreads + i] = source_clock_field(s->clock, i);
	s->only = (struct fmt_only){ name, t->nreads + n, &s->dropped };
	return 0;
}

/* ---- making one ---- */

int
source_new(struct source **out, const struct source_spec *spec)
{
	struct source *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (s == NULL)
		return ferr(FERR_NOMEM, "out of memory");
	s->spec = *spec;
	s->inotify = -1;
	for (unsigned i = 0; i < META_N; i++)
		s->meta[i] = -1;
	schema_init(&s->schema);
	schema_init(&s->dropped);
	wm_init(&s->wm, NULL, 0);
	if (spec->fields != NULL && (rc = expr_split(spec->fields, ',', add_column, s)) != 0)
		rc = ferr_prefix(rc, "--fields");
	for (int i = 0; i < spec->nuris && rc == 0; i++)
		rc = add_uri(s, spec->uris[i]);
	if (rc == 0 && s->nfields > 0 && (s->seen = calloc(s->nfields, sizeof(*s->seen))) == NULL)
		rc = ferr(FERR_NOMEM, "out of memory");
	s->unseen = s->nfields;
	if (rc == 0 && s->kafka != NULL && spec->time == TIME_NONE)
		s->spec.time = TIME_KAFKA;
	if (rc == 0)
		rc = source_clock_new(&s->clock, &s->spec, &s->dropped);
	if (rc == 0)
		rc = source_kafka_check(s);
	if (rc == 0 && spec->marks == MARKS_EACH && s->spec.time == TIME_NONE && s->n > 0 &&
	    s->splits[0]->kind != SPLIT_GEN)
		rc = ferr(FERR_USAGE,
			  "--watermark each needs event times; name their field with --time FIELD");
	if (rc != 0) {
		source_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void
source_free(struct source *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->n; i++)
		split_free(s->splits[i]);
	source_kafka_free(s);
	for (unsigned i = 0; i < s->nfields; i++)
		free(s->fields[i].name);
	if (s->inotify >= 0)
		fio_close(s->inotify);
	for (unsigned i = 0; i < s->nothers; i++)
		free(s->others[i]);
	source_state_close(s);
	source_clock_free(s->clock);
	schema_fini(&s->schema);
	schema_fini(&s->dropped);
	buf_fini(&s->tmp);
	buf_fini(&s->headers);
	free(s->others);
	free(s->missing);
	free(s->fields);
	free((void *)(uintptr_t)s->only.name);
	free(s->seen);
	free(s->splits);
	free(s->chans);
	free(s);
}
